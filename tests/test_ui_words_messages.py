"""What comes from below in English is said in Chinese on the page: every error that can reach it, and what jobs say."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from deepseek_mm.ingest.report import Report
from deepseek_mm.library.health import HISTORY, WHOLE_INDEX
from deepseek_mm.parse.unread import BY_ENDING, explain_unread
from ui.words import CHINESE as CHINESE_PAGE
from ui.words import ENGLISH, UiTexts
from ui.words.messages import HAN, SLOT, read_rows, say_message

ROOT = Path(__file__).parent.parent
ELSEWHERE = (  # a start, a command, a programming interface or the laboratory: none of it is shown on the page
    *(f"deepseek_mm/{each}/" for each in ("training", "evaluation", "benchmarks", "experiments", "cli", "api")),
    *("deepseek_mm/embeddings/", "deepseek_mm/runtime/", "deepseek_mm/language/understanding", "deepseek_mm/hub"),
    *(f"deepseek_mm/lm/{each}" for each in ("shape", "weights", "model_folders", "tokenizer")),
)
COMPUTED = (  # whose parts are other texts: those are tried below, as they come
    "the service takes no more now",
    "there is no operator",
    "there is no collection 7. 7",
    "is damaged: 7",
    "7 cannot be read (7). 7",
    "7 Check --llm and --model",
    "7 The key in 7",
    "7 It ",
    "7 than the language model was given. 7",
    "the 7 goes wrong at",
    "7 holds no text7.",
    "7. It was removed",
    "unknown setting 7",
)
PARTS_ALONE = ("7 7", "7 is 7", "7 (7)")
COMMAND = re.compile(r"python -m|python app|\s--[a-z]|=FOLDER")
SENTENCE = re.compile(r"[A-Za-z]{2,}[,;]? [a-z]{2,}[,;:]? [a-z]+")
CHINESE = "\u3000-\u9fff\uff00-\uffef"
QUOTED = re.compile(rf'(?:python|pip|git|GET|mv|chmod|--) ?[^{CHINESE}]*|"[^"]*"')  # commands and examples stay


def is_chinese(said: str) -> bool:
    return HAN.search(said) is not None and SENTENCE.search(QUOTED.sub("", said)) is None


def texts_in(node: ast.expr, constants: Mapping[str, str]) -> list[str]:
    """What a message may be, with a 7 wherever something is filled in; none of what another function gives."""
    match node:
        case ast.Constant(value=str() as text):
            return [text]
        case ast.Name(id=name) if name in constants:
            return [constants[name]]
        case ast.IfExp(body=one, orelse=other):
            return [*texts_in(one, constants), *texts_in(other, constants)]
        case ast.BinOp(left=left, right=right):
            return [a + b for a in texts_in(left, constants) for b in texts_in(right, constants)]
        case ast.FormattedValue(value=value):
            return texts_in(value, constants) or ["7"]
        case ast.JoinedStr(values=values):
            return ["".join(parts) for parts in product(*(texts_in(value, constants) for value in values))]
    return []


@dataclass(frozen=True, kw_only=True)
class ErrorsInFile:
    """What a file may make errors of. The rest of its tree is let go of: all trees at once take seconds to search."""

    bases: dict[str, set[str]]  # class -> what it is a kind of
    constants: dict[str, str]
    calls: tuple[tuple[str, ast.Call], ...]  # of classes, or of __init__, by their names


def last_name(node: ast.expr) -> str:
    """`errors.BadFile` and `BadFile` are both "BadFile"."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def errors_in(text: str) -> ErrorsInFile:
    tree, bases, calls = ast.parse(text), defaultdict(set), []
    constants = {
        each.targets[0].id: each.value.value
        for each in tree.body
        if isinstance(each, ast.Assign)
        and isinstance(each.targets[0], ast.Name)
        and isinstance(each.value, ast.Constant)
        and isinstance(each.value.value, str)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            bases[node.name] |= {last_name(base) for base in node.bases}
        elif isinstance(node, ast.Call) and ((name := last_name(node.func)) == "__init__" or name[:1].isupper()):
            calls.append((name, node))
    return ErrorsInFile(bases=bases, constants=constants, calls=tuple(calls))


def messages() -> Iterator[tuple[str, str]]:
    """Place and text of every error that is made in a file whose errors can reach the page."""
    files = (path for folder in ("deepseek_mm", "ui", "index") for path in sorted((ROOT / folder).rglob("*.py")))
    named = {str(path.relative_to(ROOT)): path for path in files}
    found = {name: errors_in(path.read_text()) for name, path in named.items() if not name.startswith(ELSEWHERE)}
    bases = defaultdict(set)
    for each in found.values():
        for name, above in each.bases.items():
            bases[name] |= above
    errors: set[str] = {"DeepSeekMMError", "IndexProblem", "NotCoveredError"}
    while more := {name for name, above in bases.items() if above & errors} - errors:
        errors |= more
    for name, each in found.items():
        for called, node in each.calls:
            if called in errors or (called == "__init__" and name.endswith(("errors.py", "database.py"))):
                texts = texts_in(node.args[0], each.constants) if node.args else []
                yield from ((f"{name}:{node.lineno}", text) for text in texts)


def test_every_error_that_can_reach_the_page_is_said_in_chinese():
    made = [(place, text) for place, text in messages() if " " in text and text not in PARTS_ALONE]
    tried = [(place, text) for place, text in made if not any(part in text for part in COMPUTED)]
    assert len(tried) > 200
    assert [f"{place}: {text}" for place, text in tried if not is_chinese(say_message(text, "zh"))] == []


@pytest.mark.parametrize(
    "text",
    [
        "the service takes no more now: it is ending. Try again in 5 s",
        "the service takes no more now: 64 requests wait already. Try again in 5 s",
        'there is no operator foo: here. Did you mean color:bar? To look for it as it is, write "foo:bar"',
        'there is no operator foo: here. There are type:, after:. To look for it as it is, write "foo:bar"',
        "type:xyz cannot be: xyz is not known; there are jpeg, png. For example: type:pdf",
        "after:abcd cannot be: abcd is no date. Write a year, a month or a day: 2020, 2020-05 or 2020-05-31. "
        "For example: after:2019-05",
        "pdf files are documents, and the search asks for photo or code. Take one of the two out",
        "there is no collection none. Did you mean in:nine?",
        "there is no collection none. The Library tab lists them.",
        "version 3 is damaged: /a/b is not what was written. The shipped weights answer; take another version, see: "
        "python -m deepseek_mm learning list",
        "http://a answered 401 (no). It wants a key: set the environment variable KEY",
        "http://a answered 429 (no). It has too much to do: wait, then ask again",
        "http://a answered 400 (no). Check --llm and --model, or lm.sees=false if its model sees no pictures",
        "'x' is no address of a web server. Write --llm like http://127.0.0.1:8000/v1",
        "an answer of 70 tokens, prompt included, needs more memory than the language model was given. Ask more "
        "briefly, lower lm.max_tokens or raise lm.memory_tokens",
        'line 1 of the rules: the rule goes wrong at character 1: a rule is CONDITION and CONDITION -> warn "WORDS"\n'
        "  bad\n  ^",
        "line 2 of the rules: it has 900 characters, and 500 are allowed. Shorten it",
        "the program goes wrong at character 7: count takes things, and 2 things are given to it\n  count()\n      ^",
        "no region 7 in the index: its file was removed or read anew. Search again. It was removed: search for it by "
        "words or by its picture",
        "unknown setting rag.num (from a flag). The nearest is rag.num_regions; all of them: python -m deepseek_mm "
        "config",
        "rag.num_regions=x (from a flag) must be a whole number such as 8",
        "/a/b.eml holds no text; not read of what is attached: a.psd. Save what is attached",
        "/a/b.docx is no Word document, or it is damaged: File is not a zip file. Save it again in Word",
        "/a/b.pdf was given up: reading it took longer than the 60 seconds that parse.worker_seconds allows. It is "
        "passed over until it changes, or until parse.worker_seconds is raised",
        "cannot use the history at /a/history.db: database is locked. Another process holds it: end that one, or wait",
        "/a/b is no photo but document, and only photos are described. Choose another",
        "[Errno 13] Permission denied: '/root/x'",
        f"{WHOLE_INDEX} (3): It holds 4 regions, and 5 were written: another program changed it.",
        f"{HISTORY}: SQLite finds the file damaged: row 3.",
        "The vector of region 4 has 3 bytes, not 1024. Make it anew with: python -m deepseek_mm index --rebuild",
        "the cache is new, 3 files are read again, 1 that are gone were taken out",
        "3 files looked at, 2 texts found; 70 photos described",
        "version 2 waits to be accepted, and should not be taken: 3 of the built-in questions are lost and 1 gained, "
        "of 80; of 9 corrections that were held out, 5 were right and 4 are",
        "Looking at /a now and then, for the system gives no notices of it: OS file watch limit reached.",
        "It was stopped with the program, and goes on with the next start.",
        "the code of 3 files was read anew; the texts of 2 files in other languages were read anew",
    ],
)
def test_what_is_made_of_parts_is_said_in_chinese_with_its_parts(text):
    assert is_chinese(say_message(text, "zh")), say_message(text, "zh")


def test_the_end_of_indexing_is_said_with_all_that_was_left_out():
    left_out = (("/a/x.psd", "unread"), ("/a/.env", "secret"), ("/a/b", "ignored"))
    report = Report(added=2, copies=5, failed=(("/a", "b"),), vanished=("/c",), left_out=left_out, stopped=True)
    said = say_message(report.sentence(), "zh")
    assert is_chinese(said), said
    assert all(word in said for word in (".gitignore", ".psd", "5", "\u4e2d\u9014\u505c\u6b62"))


def test_every_kind_that_is_not_read_is_explained_in_chinese():
    endings = [*BY_ENDING, ".xyz", ""]
    texts = [explain_unread(f"/a/b{ending}") for ending in endings]
    texts += [f"/a/b{ending} is {text}" for ending, text in zip(endings, texts, strict=True) if ending in BY_ENDING]
    assert [text for text in texts if not is_chinese(say_message(text, "zh"))] == []


def test_what_fills_a_message_stays_as_it_is_even_if_the_table_has_such_a_word():
    assert "link" in say_message("there is no collection link. The Library tab lists them.", "zh")
    assert "{path}" in say_message("no file or folder at /a/{path}. Check the name", "zh")


def test_a_message_without_a_form_stays_and_english_is_never_changed():
    assert say_message("Something else entirely; and more.", "zh") == "Something else entirely; and more."
    assert say_message("/a/b/photo one.jpg", "zh") == "/a/b/photo one.jpg"
    assert say_message("everything agrees", "en") == "everything agrees"


def test_every_form_has_chinese_with_the_same_places_to_fill():
    for english, (chinese, page) in read_rows().items():
        own = set(SLOT.findall(english))
        assert set(SLOT.findall(chinese + page)) <= own, english
        assert HAN.search(chinese) or chinese.count("{") == len(own), english
        assert not HAN.search(english)


def list_texts(words: UiTexts) -> list[str]:
    """All that a page says by itself."""
    values = [getattr(words, name) for name in dir(words) if not name.startswith("_")]
    return [text for value in values if not callable(value) for text in ([value] if isinstance(value, str) else value)]


def test_no_page_names_a_command_or_a_flag_that_only_a_terminal_takes():
    said = [text for english, (chinese, page) in read_rows().items() for text in (chinese, page or english)]
    assert [text for text in said if COMMAND.search(text)] == []
    own = [text for words in (ENGLISH, CHINESE_PAGE) for text in list_texts(words)]
    assert len(own) > 1_000
    assert [text for text in own if COMMAND.search(text)] == []


def test_an_english_page_names_the_place_on_the_page_instead():
    told = "no model a/b in the catalogue. See them with: python -m deepseek_mm models list"
    assert say_message(told, "en") == "no model a/b in the catalogue. All of them stand under Models in Settings"
    both = "'x' is no address. Write --llm like http://127.0.0.1:8000/v1"
    assert say_message(both, "en") == "'x' is no address. Write the address like http://127.0.0.1:8000/v1"
