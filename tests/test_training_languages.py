"""`train languages`: what it learns from, its two stages, and the file that it writes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from deepseek_mm.embeddings.languages import CUT, LanguageSide, MultilingualTexts
from deepseek_mm.evaluation.retrieval import CaptionRow
from deepseek_mm.training.language_texts import (
    BROAD,
    CHINESE,
    ENGLISH,
    KINDS,
    NAMES,
    NOWHERE,
    TRANSLATED,
    ChineseRow,
    PlacedText,
    TextCounts,
    is_held_out,
    is_thing,
    place_broad,
    place_captions,
    plain_name,
    read_chinese_rows,
)
from deepseek_mm.training.languages import (
    LanguageLearner,
    LanguagesConfig,
    PreparedTexts,
    run_tower,
    train_head,
    train_layers,
    write_changes,
)
from deepseek_mm.training.loop import read_log

ROWS = [
    CaptionRow(image="a.jpg", captions=("A dog runs .", "The dog is wet .")),
    CaptionRow(image="b.jpg", captions=("A cat sleeps .", "The cat is grey .")),
]
CHINESE_ROWS = [
    ChineseRow(image="b.jpg", captions=("睡觉的猫。", "灰猫。"), translated=("一只猫睡觉。", "猫是灰色的。")),
    ChineseRow(image="a.jpg", captions=("奔跑的狗。", "湿的狗。"), translated=("一只狗在跑。", "狗是湿的。")),
]
CONFIG = LanguagesConfig(head_steps=12, head_photos=2, layer_steps=3, layer_photos=2, average=0.5)


@pytest.fixture(scope="module")
def side():
    torch.manual_seed(0)
    return LanguageSide().eval()


@pytest.fixture(scope="module")
def prepared(side, tmp_path_factory) -> PreparedTexts:
    texts = [
        *place_captions(ROWS, CHINESE_ROWS, TextCounts(english_each=1, chinese_each=2, translated_each=1)),
        *(PlacedText(text=text, kind=BROAD, original=text) for text in ("what time is it", "list the files")),
        *(PlacedText(text=text, kind=NAMES, original="apple") for text in ("apple", "Apfel")),
    ]
    pooled, states, starts = run_tower(side, [each.text for each in texts], tmp_path_factory.mktemp("run"))
    generator = torch.Generator().manual_seed(1)
    unit = torch.nn.functional.normalize
    placed = torch.tensor([bool(each.original) for each in texts])
    return PreparedTexts(
        photos_PD=unit(torch.randn(2, 512, generator=generator), dim=-1),
        originals_ND=unit(torch.randn(len(texts), 512, generator=generator), dim=-1) * placed[:, None],
        photo_N=np.array([each.photo for each in texts]),
        kind_N=np.array([KINDS.index(each.kind) for each in texts]),
        pooled_NLW=pooled,
        states_TW=states,
        starts_N=starts,
    )


def test_captions_keep_their_photo_and_translations_their_english_original():
    texts = list(place_captions(ROWS, CHINESE_ROWS, TextCounts()))
    assert [each.text for each in texts if each.kind == CHINESE and each.photo == 0] == ["奔跑的狗。", "湿的狗"]
    assert {each.original for each in texts if each.kind == CHINESE} == {""}
    pairs = [(each.text, each.original) for each in texts if each.kind == TRANSLATED and each.photo == 1]
    assert pairs == [("一只猫睡觉", "A cat sleeps ."), ("猫是灰色的。", "The cat is grey .")]


def test_every_second_caption_is_as_people_search():
    texts = [each.text for each in place_captions(ROWS, CHINESE_ROWS, TextCounts()) if each.kind == ENGLISH]
    assert texts == ["A dog runs .", "the dog is wet", "a cat sleeps", "The cat is grey ."]


def test_of_emoji_things_count_and_flags_and_skins_do_not():
    assert is_thing("\U0001f992")
    assert not is_thing("\U0001f1e9\U0001f1ea")
    assert not is_thing("\U0001f44b\U0001f3fd")
    assert plain_name(":snow-capped_mountain:") == "snow capped mountain"
    assert 0.05 < np.mean([is_held_out(chr(0x1F300 + n)) for n in range(500)]) < 0.2


def test_broad_english_is_read_once_and_no_more_of_it_than_was_asked_for(tmp_path):
    rows = [{"question": "Is it red?", "split": split} for split in ("train", "train", "dev")]
    write(tmp_path / "qa.jsonl", [*rows, {"question": "never", "split": "dev"}])
    write(tmp_path / "dolly_nocontext.jsonl", [{"instruction": f"Write {n}."} for n in range(9)])
    write(tmp_path / "tldr_en.jsonl", [{"description": "List files."}])
    write(tmp_path / "squad2_en_train.jsonl", [{"question": "Who?", "context": "Somebody."}])
    texts = [each.text for each in place_broad(tmp_path / "qa.jsonl", tmp_path, tmp_path, most=4)]
    assert texts.count("Is it red?") == 1
    assert "never" not in texts
    assert sum(text.startswith("Write") for text in texts) == 4


def test_rows_of_chinese_need_no_translation(tmp_path):
    write(tmp_path / "zh.jsonl", [{"image": "a.jpg", "captions": ["狗"], "split": "dev"}])
    (row,) = read_chinese_rows(tmp_path / "zh.jsonl", split="dev")
    assert (row.captions, row.translated) == (("狗",), ())


def test_vectors_from_the_states_that_are_kept_equal_those_of_the_whole_tower(side, prepared):
    learner = LanguageLearner(side, prepared, CONFIG)
    side.eval()
    with torch.inference_mode():
        kept = learner.read([0, 1])
        whole = side(["A dog runs .", "奔跑的狗。"])
    assert torch.nn.functional.cosine_similarity(kept, whole).min() > 0.99


def test_a_batch_has_a_caption_of_every_kind_for_each_photo_and_others_beside_them(side, prepared):
    batches = LanguageLearner(side, prepared, CONFIG).choose(0, 2)
    for batch in batches[:3]:
        assert sorted(prepared.photo_N[batch].tolist()) == [0, 1]
    assert {KINDS[prepared.kind_N[n]] for batch in batches[3:] for n in batch} == {BROAD, NAMES}
    assert {int(prepared.photo_N[n]) for batch in batches[3:] for n in batch} == {NOWHERE}


@pytest.mark.campaign(times=1, only=True)
def test_both_stages_learn_and_what_is_written_reads_as_what_was_learned(prepared, tmp_path):
    torch.manual_seed(0)
    side = LanguageSide()
    before = {name: value.clone() for name, value in side.state_dict().items()}
    learner = LanguageLearner(side, prepared, CONFIG)
    train_head(learner, tmp_path / "head")
    losses = [line["loss"] for line in read_log(tmp_path / "head/log.jsonl")]
    assert losses[-1] < 0.7 * losses[0]
    head = {name: value.clone() for name, value in side.head.state_dict().items()}
    train_layers(learner, tmp_path / "layers")
    assert all(torch.equal(value, head[name]) for name, value in side.head.state_dict().items())
    changed = {name for name, value in side.state_dict().items() if not torch.equal(value, before[name])}
    layers = {int(name.split("layer.")[1].split(".")[0]) for name in changed if "layer." in name}
    assert layers == set(range(CUT, 12))

    files = tmp_path / "head.safetensors", tmp_path / "layers.safetensors"
    for file, beginning in zip(files, ("head.", "tower."), strict=True):
        write_changes(side.eval(), before, file, beginning=beginning)
    texts = ["ein Hund", "一只狗", "a dog"]
    with torch.inference_mode():
        learned = side(texts).numpy()
    written = MultilingualTexts(*files).embed(texts)
    assert (written * learned).sum(axis=1).min() > 0.99


def write(file: Path, rows: list[dict]) -> None:
    file.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
