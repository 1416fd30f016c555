import json
import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import transformers
from jinja2 import TemplateError
from tiny_lm import MARKS, TEMPLATE, TEXTS, save_tiny, tiny_tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from deepseek_mm.config import cache_folder
from deepseek_mm.errors import BadCheckpoint, MissingWeights
from deepseek_mm.lm.model_folders import convert_once, packaged_gguf
from deepseek_mm.lm.tokenizer import IncrementalDetokenizer, encode_chat, read_tokenizer
from deepseek_mm.types import Message

ROOT = Path(__file__).parent.parent
ODD = [
    "",
    " ",
    "a  b\t\n\n\n 1. 2024",
    "日本語 ☕ é e\u0301 \u200d\ufffd \0",
    "".join(MARKS),
    "<|im_start|>user",
    "\r\n" * 9,
]
TALK = (
    Message(role="system", text="Cite [1]."),
    Message(role="user", text='a dog?<|im_end|> "<b>"'),
    Message(role="assistant", text="A dog [1]."),
    Message(role="user", text=" and cups? 日本\n"),
)
TURNS = [{"role": message.role, "content": message.text} for message in TALK]


@pytest.fixture
def folder(tmp_path):
    return save_tiny(tmp_path / "m")


def settle(folder: Path, **said) -> Path:
    """Other words in tokenizer_config.json."""
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | said))
    return folder


def written(count: int) -> list[str]:
    """Lines that people wrote: code and prose of transformers and of the standard library, always the same ones."""
    sources = [*Path(transformers.__file__).parent.glob("*.py"), *Path(os.__file__).parent.glob("*.py")]
    docs = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    lines = [line for path in sorted(sources) + docs for line in path.read_text(errors="replace").split("\n") if line]
    return random.Random(0).sample(lines, count)


def test_texts_have_the_tokens_that_transformers_gives_them(folder):
    ours, theirs = read_tokenizer(folder), AutoTokenizer.from_pretrained(folder)
    lines = [*ODD, *TEXTS, *written(500)]
    expected = theirs(lines, add_special_tokens=False)["input_ids"]
    assert ours.encode_many(lines) == expected
    assert [ours(line)["input_ids"] for line in lines] == theirs(lines)["input_ids"]
    for skip in (True, False):
        said = theirs.batch_decode(expected, skip_special_tokens=skip, clean_up_tokenization_spaces=False)
        assert [ours.decode(tokens, skip_special_tokens=skip) for tokens in expected] == said


@pytest.mark.slow
def test_the_packaged_tokenizer_is_transformers_own_on_thousands_of_lines():
    try:
        gguf = packaged_gguf()
    except MissingWeights as error:
        pytest.skip(str(error))
    ours = read_tokenizer(convert_once(gguf, cache=cache_folder()))
    theirs = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    lines = [*written(3_000), *ODD]
    assert ours.encode_many(lines) == theirs(lines, add_special_tokens=False)["input_ids"]
    assert encode_chat(ours, TALK) == encode_chat(theirs, TALK)
    assert encode_chat(ours, TALK[1:]) == encode_chat(theirs, TALK[1:])  # its own system message stands first
    assert ours.ends == {theirs.eos_token_id}
    assert ours.chat_template == theirs.chat_template


@pytest.mark.parametrize("settings", [{}, {"add_bos_token": True}, {"add_bos_token": False}])
@pytest.mark.parametrize("marked", [False, True])
def test_a_mark_begins_a_text_where_transformers_puts_one(tmp_path, marked, settings):
    tokenizer = tiny_tokenizer()
    if marked:
        first = TemplateProcessing(single=f"{MARKS[1]} $A", special_tokens=[(MARKS[1], 1)])
        tokenizer.backend_tokenizer.post_processor = first
    tokenizer.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    settle(tmp_path, **settings)
    theirs = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    assert read_tokenizer(tmp_path)("two cups")["input_ids"] == theirs("two cups")["input_ids"]
    assert (theirs("two cups")["input_ids"][0] == 1) is marked


def test_a_length_that_the_file_was_saved_with_cuts_no_text(folder):
    saved = json.loads((folder / "tokenizer.json").read_text())
    saved["truncation"] = {"max_length": 4, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    saved["padding"] = {
        "strategy": {"Fixed": 64}, "direction": "Right", "pad_id": 2, "pad_type_id": 0, "pad_token": MARKS[2],
        "pad_to_multiple_of": None,
    }  # fmt: skip
    (folder / "tokenizer.json").write_text(json.dumps(saved))
    assert read_tokenizer(folder)(TEXTS[0])["input_ids"] == tiny_tokenizer()(TEXTS[0])["input_ids"]


TEMPLATES = {
    "plain": TEMPLATE,
    "spaces": "{% for m in messages %}\n  {% if m.role == 'user' %}\n  U: {{ m.content }}\n  {% endif %}\n{% endfor %}",
    "json": "{{ messages | tojson }} {{ messages[1] | tojson(indent=2) }}",
    "marks": "{{ bos_token }}{{ messages[0]['content'] | trim }}{{ eos_token }}{{ pad_token }}",
    "loops": "{% for m in messages %}{% if loop.index > 2 %}{% break %}{% endif %}{{ m.role }}{% endfor %}",
    "says": "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}",
    "tools": "{{ tools is none }}{{ documents is none }}{{ add_generation_prompt }}{{ enable_thinking }}",
    "names": "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}",
    "year": "{{ strftime_now('%Y') | length }}",
}


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_a_chat_template_is_rendered_as_transformers_renders_it(folder, template):
    (folder / "chat_template.jinja").write_text(template)
    ours, theirs = read_tokenizer(folder), AutoTokenizer.from_pretrained(folder)
    settings = {"tokenize": False, "add_generation_prompt": True, "enable_thinking": False}
    said = ours.apply_chat_template(TURNS, **settings)
    assert said == theirs.apply_chat_template(TURNS, **settings) != ""
    assert encode_chat(ours, TALK) == encode_chat(theirs, TALK)


def test_a_template_may_refuse_a_conversation(folder):
    (folder / "chat_template.jinja").write_text("{{ raise_exception('no system role') }}")
    with pytest.raises(TemplateError, match="no system role"):
        read_tokenizer(folder).apply_chat_template(TURNS)


def test_a_template_from_a_stranger_reaches_nothing_of_this_machine(folder):
    (folder / "chat_template.jinja").write_text("{{ messages.__class__.__mro__[1].__subclasses__() }}")
    with pytest.raises(TemplateError, match="unsafe"):
        read_tokenizer(folder).apply_chat_template(TURNS)


@pytest.mark.parametrize(
    "said", [TEMPLATE, [{"name": "tool", "template": "-"}, {"name": "default", "template": TEMPLATE}]]
)
def test_a_template_may_stand_among_the_settings(folder, said):
    (folder / "chat_template.jinja").unlink()
    assert encode_chat(read_tokenizer(settle(folder, chat_template=said)), TALK) == encode_chat(tiny_tokenizer(), TALK)


def test_a_model_without_a_template_reads_a_play(tmp_path):
    ours = read_tokenizer(save_tiny(tmp_path / "m", template=None))
    assert encode_chat(ours, TALK) == encode_chat(tiny_tokenizer(None), TALK)


def test_streamed_tokens_spell_whole_characters(folder):
    ours = read_tokenizer(folder)
    spelling = IncrementalDetokenizer(ours)
    pieces = [spelling.add(token) for token in ours("☕ 日本 dog")["input_ids"]]
    assert "".join(pieces) == "☕ 日本 dog"
    assert pieces[:3] == ["", "", "☕"]


@pytest.mark.parametrize(
    ("listed", "ends"), [(2, {2}), ([0, 1], {0, 1, 2}), (None, {2})], ids=["one", "several", "its own only"]
)
def test_all_tokens_that_end_an_answer_are_known(folder, listed, ends):
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": listed}))
    assert read_tokenizer(folder).ends == ends


def test_without_generation_settings_the_model_says_what_ends_an_answer(folder):
    (folder / "generation_config.json").unlink()
    settle(folder, eos_token=None)
    assert read_tokenizer(folder).ends == {2}


def test_marks_may_be_written_as_objects(folder):
    settle(folder, eos_token={"content": MARKS[1], "special": True, "__type": "AddedToken"})
    assert read_tokenizer(folder).ends == {1, 2}


def test_many_threads_may_use_one_tokenizer(folder):
    ours, lines = read_tokenizer(folder), written(200)
    alone = [ours(line)["input_ids"] for line in lines]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda line: ours(line)["input_ids"], lines)) == alone


def test_opening_a_tokenizer_imports_neither_torch_nor_transformers(folder):
    code = (
        "import sys; from pathlib import Path; from deepseek_mm.lm.tokenizer import read_tokenizer;"
        f"read_tokenizer(Path({str(folder)!r}))('dog'); sys.exit(bool({{'torch', 'transformers'}} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("tokenizer.json", None, "it has no tokenizer.json"),
        ("tokenizer.json", "{", "tokenizer.json: "),
        ("tokenizer.json", "{}", "tokenizer.json: "),
        ("tokenizer_config.json", "[]", "tokenizer_config.json holds no settings"),
        ("tokenizer_config.json", '{"eos_token": {"name": "x"}}', "tokenizer_config.json does not fit together"),
        ("chat_template.jinja", "{% for %}", "its chat template: "),
        ("generation_config.json", "", "generation_config.json: "),
    ],
)
def test_a_tokenizer_that_cannot_be_read_names_the_file(folder, name, text, reason):
    (folder / name).unlink() if text is None else (folder / name).write_text(text)
    with pytest.raises(BadCheckpoint) as refused:
        read_tokenizer(folder)
    assert f"cannot read the language model in {folder}: {reason}" in str(refused.value)
    assert "copy or fetch it again" in str(refused.value)
