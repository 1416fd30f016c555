"""The command line: its words, its streams and its exit codes, with an Assistant that says what it is told."""

import _thread
import io
import json
import os
import signal
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
from fakes import picture
from rag_house import build, paint, put

import deepseek_mm
from deepseek_mm.__main__ import list_commands, main
from deepseek_mm.cli.search import line
from deepseek_mm.config import Config
from deepseek_mm.errors import BadQuestion, LibraryError
from deepseek_mm.terminal import Desk
from deepseek_mm.types import Act, ActFilters, Answer, Citation, Found, Match, Offer, Query, Question, Request
from index import EVERYTHING, Filter, Hit, IndexProblem, Label, Region, Source, Symbol

ROOT = Path(__file__).parent.parent
KITE = Region(
    source=Source(path="/photos/kite.jpg", width_px=64, height_px=48),
    box_px=(1, 2, 30, 40),
    labels=(Label(name="kite", score=0.91234567),),
    colours=("red",),
)
DONE = Answer(
    text="A red kite [1].",
    citations=(Citation(number=1, region=KITE, score=0.5),),
    conversation=7,
    turn=9,
    seconds=0.25,
)


class Clerk:
    """An Assistant that gives fixed answers and hits, and remembers what it was asked."""

    def __init__(self, *answers: Answer, hits: tuple[Hit, ...] = ()) -> None:
        self.answers, self.hits = answers, hits
        self.why: tuple[str, ...] = ()
        self.sure = 0.9
        self.asked: list[Question] = []
        self.queries: list[Query] = []
        self.config = Config()
        self.closed = False
        self.bounds: tuple[str, ...] = ()

    def stream(self, question: Question, *, stop: Event):
        self.asked.append(question)
        yield from self.answers

    def stream_many(self, questions, *, stops):
        return [self.stream(question, stop=stop) for question, stop in zip(questions, stops, strict=True)]

    def find(self, query, *, k: int, where: Filter = EVERYTHING):
        self.queries.append(query)
        matches = tuple(
            Match(region=hit.region, score=0.31, relevance=hit.score, likely=hit.score >= 0.4, why=self.why)
            for hit in self.hits[:k]
        )
        found = bool(matches) and self.sure > 0.4
        return Found(matches=matches, found=found, certainty=self.sure, threshold=0.4, bounds=self.bounds)

    def about(self) -> dict[str, str]:
        return {"photos": str(len(self.hits))}

    def close(self) -> None:
        self.closed = True


class Trip:
    """One command: its exit code and what it wrote where."""

    def __init__(self, tmp_path: Path, clerk: Clerk) -> None:
        self.clerk, self.cwd = clerk, tmp_path
        self.out, self.err = io.StringIO(), io.StringIO()

    def load(self, config, progress):
        self.clerk.config = config
        progress("opening the models")
        return self.clerk

    def __call__(self, *words: str, environ: dict[str, str] | None = None) -> int:
        desk = Desk(out=self.out, err=self.err, load=self.load, environ=environ or {}, cwd=self.cwd)
        return main(words, desk)

    def json(self) -> dict:
        (line,) = self.out.getvalue().splitlines()
        return json.loads(line)


@pytest.fixture
def trip(tmp_path):
    def make(*answers: Answer, hits: tuple[Hit, ...] = ()) -> Trip:
        return Trip(tmp_path, Clerk(*answers, hits=hits))

    return make


def run(*words: str, **how) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deepseek_mm", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, **how)


# words -----------------------------------------------------------------------------------------------------------


def test_without_a_command_the_help_is_printed_and_all_is_well(trip):
    visit = trip()
    assert visit() == 0
    assert all(f"    {command.name}" in visit.out.getvalue() for command in list_commands())


@pytest.mark.parametrize("command", list_commands(), ids=lambda command: command.name)
def test_the_help_of_every_command_ends_with_an_example_that_names_it(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command.name, "--help"])
    last = capsys.readouterr().out.rstrip().splitlines()[-1]
    assert end.value.code == 0
    assert last.strip() == command.example
    assert last.strip().startswith(f"python -m deepseek_mm {command.name}")


@pytest.mark.parametrize("words", [["--help"], ["ask", "--help"], ["index", "--help"], ["config"], ["--version"]])
def test_help_does_not_wait_for_torch(words):
    code = (
        "import sys\nfrom deepseek_mm.__main__ import main\n"
        f"try: main({words!r})\nexcept SystemExit: pass\nsys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False).returncode == 0


def test_the_version_is_that_of_the_package():
    assert run("--version").stdout == f"deepseek-mm {deepseek_mm.__version__}\n"


def test_an_unknown_command_or_flag_is_a_usage_error():
    for words in (["sing"], ["ask"], ["search", "a dog", "-k", "0"], ["search", "a dog", "-k", "many"]):
        done = run(*words)
        assert (done.returncode, done.stdout) == (2, ""), words
        assert "Traceback" not in done.stderr


# ask -------------------------------------------------------------------------------------------------------------


def test_the_words_of_an_answer_come_once_and_in_order_then_what_they_rest_on(trip):
    visit = trip(Answer(text="A red", state="running"), Answer(text="A red kite", state="running"), DONE)
    assert visit("ask", "What flies?") == 0
    assert visit.out.getvalue() == "A red kite [1].\n[1] /photos/kite.jpg box 1,2,30,40 kite\n"
    assert "--continue 7" in visit.err.getvalue()
    assert visit.clerk.asked == [Question(text="What flies?")]
    assert visit.clerk.closed


def test_words_that_were_taken_back_are_followed_by_the_answer_that_stands(trip):
    visit = trip(Answer(text="A green dog", state="running"), DONE)
    visit("ask", "What flies?")
    assert visit.out.getvalue().startswith("A green dog\nA red kite [1].\n")


def test_an_answer_as_json_is_one_line_and_nothing_else_on_standard_output(trip):
    visit = trip(Answer(text="A", state="running"), DONE)
    assert visit("ask", "What flies?", "--json") == 0
    answer = visit.json()
    assert (answer["text"], answer["conversation"], answer["turn"], answer["found"]) == ("A red kite [1].", 7, 9, True)
    assert answer["citations"] == [
        {
            "number": 1,
            "score": 0.5,
            "path": "/photos/kite.jpg",
            "kind": "part",
            "box_px": [1, 2, 30, 40],
            "page": 0,
            "at_ms": 0,
            "lines": [0, 0],
            "text": "",
            "machine_made": False,
            "label": "kite",
            "labels": [{"name": "kite", "score": 0.9123}],
            "colours": ["red"],
            "symbol": None,
        }
    ]
    assert "opening the models" in visit.err.getvalue()


def test_a_note_says_for_each_act_as_what_it_was_understood(trip):
    acts = (
        Act(kind="find", text="show me dogs", subject="dogs", chance=0.966),
        Act(kind="look", text="what colour are they", scope="found", chance=0.5),
    )
    visit = trip(replace(DONE, request=Request(acts=acts)))
    assert visit("ask", "show me dogs. what colour are they") == 0
    notes = [line for line in visit.err.getvalue().splitlines() if "understood" in line]
    assert [note.partition("understood as: ")[2] for note in notes] == [
        "find (library): dogs, 97 %",
        "look (found): what colour are they, 50 %",
    ]
    assert "understood" not in visit.out.getvalue()


def test_an_answer_as_json_carries_what_was_understood_and_what_is_offered(trip):
    act = Act(kind="manage", text="delete it", filters=ActFilters(file="cat.jpg"))
    offer = Offer(action="delete", text="Delete cat.jpg", targets=("/cat.jpg",))
    visit = trip(replace(DONE, request=Request(acts=(act,), by="rules"), offers=(offer,)))
    assert visit("ask", "delete it", "--json") == 0
    told = visit.json()
    assert (told["understood"]["acts"][0]["filters"]["file"], told["understood"]["by"]) == ("cat.jpg", "rules")
    assert told["offers"] == [{"action": "delete", "text": "Delete cat.jpg", "targets": ["/cat.jpg"], "value": ""}]


def test_nothing_found_is_exit_code_one(trip):
    assert trip(replace(DONE, found=False))("ask", "What flies?") == 1


def test_a_question_may_bring_a_picture_and_go_on_with_a_conversation(trip, tmp_path):
    picture("green").save(tmp_path / "meadow.png")
    visit = trip(DONE)
    assert visit("ask", "What is it?", "--image", str(tmp_path / "meadow.png"), "--continue", "7") == 0
    (question,) = visit.clerk.asked
    assert (question.image.size, question.image_name, question.conversation) == ((64, 48), "meadow.png", 7)
    assert question.image_path == str(tmp_path / "meadow.png")  # so that its date and full size are kept


def test_a_question_may_bring_several_pictures_in_their_order(trip, tmp_path):
    for name, colour in (("meadow.png", "green"), ("sea.png", "blue"), ("rose.png", "red")):
        picture(colour).save(tmp_path / name)
    flags = [part for name in ("sea", "rose", "meadow") for part in ("--image", str(tmp_path / f"{name}.png"))]
    visit = trip(DONE)
    assert visit("ask", "Which one is red?", *flags) == 0
    (question,) = visit.clerk.asked
    assert (question.image_name, question.image_path) == ("sea.png", str(tmp_path / "sea.png"))
    assert [(p.name, p.path, p.image.size) for p in question.more] == [
        ("rose.png", str(tmp_path / "rose.png"), (64, 48)),
        ("meadow.png", str(tmp_path / "meadow.png"), (64, 48)),
    ]


def test_one_bad_picture_among_several_is_named_and_nothing_is_asked(trip, tmp_path):
    picture("green").save(tmp_path / "meadow.png")
    (tmp_path / "note.png").write_text("not a picture")
    visit = trip(DONE)
    assert visit("ask", "What?", "--image", str(tmp_path / "meadow.png"), "--image", str(tmp_path / "note.png")) == 2
    assert "note.png" in visit.err.getvalue()
    assert visit.clerk.asked == []


def test_a_question_about_code_says_so_and_its_citations_have_paths_and_lines(trip):
    region = Region(source=Source(path="/repo/a.py", kind="code"), kind="code", box_px=(0, 0, 0, 0), lines=(3, 9))
    visit = trip(Answer(text="It is in a.py [1].", citations=(Citation(number=1, region=region, score=1.0),)))
    assert visit("ask", "Where is load?", "--code") == 0
    assert visit.clerk.asked[0].about == "code"
    assert "[1] /repo/a.py:3-9\n" in visit.out.getvalue()


@pytest.mark.parametrize("flags", [(), ("--run",)])
def test_only_the_flag_gives_leave_to_run_what_is_written(trip, flags):
    visit = trip(Answer(text="A draft [1]."))
    visit("ask", "write a test for load", "--code", *flags)
    assert [question.run for question in visit.clerk.asked] == [bool(flags)]


def test_ctrl_c_in_mid_answer_stops_it_politely_and_restores_the_handler(trip):
    class Interrupted(Clerk):
        def stream(self, question, *, stop):
            yield Answer(text="A red", state="running")
            _thread.interrupt_main()  # as Ctrl-C; a real signal has no room on pytest's own stack where AMX was used
            assert stop.wait(2)
            yield Answer(text="A red", state="stopped", conversation=7)

    visit, before = trip(), signal.getsignal(signal.SIGINT)
    visit.clerk = Interrupted()
    assert visit("ask", "What flies?") == 130
    assert visit.out.getvalue() == "A red\n"
    assert visit.clerk.closed
    assert signal.getsignal(signal.SIGINT) == before


# search ----------------------------------------------------------------------------------------------------------


def test_a_search_prints_relevance_file_box_and_label_best_first(trip):
    visit = trip(hits=(Hit(region=KITE, score=0.75), Hit(region=replace(KITE, labels=()), score=0.5)))
    assert visit("search", "a kite") == 0
    assert visit.out.getvalue().splitlines() == [
        "0.750  /photos/kite.jpg  1,2,30,40  kite",
        "0.500  /photos/kite.jpg  1,2,30,40",
    ]


def test_a_piece_of_code_is_printed_as_editors_write_places_with_its_name():
    symbol = Symbol(name="ask", parent="Assistant", kind="method")
    source = Source(path="/repo/app.py", kind="code")
    piece = Region(source=source, kind="code", box_px=(0, 0, 0, 0), lines=(3, 9), symbol=symbol)
    assert line(Match(region=piece, score=0.3, relevance=0.5)) == "0.500  /repo/app.py:3-9  Assistant.ask"
    assert line(Match(region=replace(piece, symbol=None), score=0.3, relevance=0.5)) == "0.500  /repo/app.py:3-9"


def test_a_search_returns_as_many_as_asked_for_and_opens_no_language_model(trip):
    visit = trip(hits=(Hit(region=KITE, score=0.75),) * 5)
    visit("search", "a kite", "-k", "2", "--json")
    assert [(hit["score"], hit["relevance"], hit["likely"]) for hit in visit.json()["hits"]] == [(0.31, 0.75, True)] * 2
    assert visit.clerk.config.lm.name == "none"


def test_a_search_by_picture_needs_no_words(trip, tmp_path):
    picture("green").save(tmp_path / "meadow.png")
    visit = trip(hits=(Hit(region=KITE, score=0.75),))
    assert visit("search", "--image", str(tmp_path / "meadow.png")) == 0
    (query,) = visit.clerk.queries
    assert (query.text, query.image.size) == ("", (64, 48))


def test_a_search_for_nothing_and_one_that_finds_nothing_are_told_apart(trip):
    assert trip()("search", " ") == 2
    visit = trip()
    assert visit("search", "a kite") == 1
    assert "python -m deepseek_mm index" in visit.err.getvalue()


def test_a_box_without_a_picture_is_refused_before_anything_is_opened(trip):
    visit = trip(hits=(Hit(region=KITE, score=0.75),))
    assert visit("search", "a kite", "--box", "0,0,9,9") == 2
    assert "Name the picture too: --image FILE --box 0,0,320,240" in visit.err.getvalue()


@pytest.mark.parametrize("box", ["1,2,x", "1,2,3", "", "1,2,3,4,5", "0,0,inf,9"])
def test_a_box_that_is_no_four_numbers_is_refused_with_how_one_is_written(trip, box, capsys):
    with pytest.raises(SystemExit):
        trip()("search", "a kite", "--box", box)
    assert "Give left, top, right, bottom in pixels: 0,0,320,240" in capsys.readouterr().err


def test_a_search_says_nothing_found_with_how_sure_it_is_and_shows_the_nearest(trip):
    visit = trip(hits=(Hit(region=KITE, score=0.25),))
    visit.clerk.sure = 0.12
    assert visit("search", "a submarine") == 1
    assert "nothing found (certainty 0.12, 0.40 is needed); the nearest are:" in visit.err.getvalue()
    assert visit.out.getvalue().startswith("0.250  /photos/kite.jpg")


def test_a_search_says_where_what_is_unlikely_begins_and_which_words_bound_it(trip):
    visit = trip(hits=(Hit(region=KITE, score=0.75), Hit(region=KITE, score=0.2), Hit(region=KITE, score=0.1)))
    visit.clerk.bounds = ("in winter",)
    assert visit("search", "kites in winter") == 0
    assert "only: in winter" in visit.err.getvalue()
    assert "2 more that are unlikely:" in visit.err.getvalue()
    assert len(visit.out.getvalue().splitlines()) == 3


def test_a_search_tells_why_a_result_matched(trip):
    visit = trip(hits=(Hit(region=KITE, score=0.75),))
    visit.clerk.why = ("kite", "red")
    assert visit("search", "a red kite") == 0
    assert visit.out.getvalue() == "0.750  /photos/kite.jpg  1,2,30,40  kite  (because of kite, red)\n"
    assert "found (certainty 0.90, 0.40 is needed)" in visit.err.getvalue()


def test_a_search_as_json_carries_the_verdict_the_reasons_and_the_near_duplicates(trip):
    visit = trip(hits=(Hit(region=KITE, score=0.75),))
    visit("search", "a kite", "--json")
    told = visit.json()
    assert (told["found"], told["certainty"], told["threshold"]) == (True, 0.9, 0.4)
    assert (told["hits"][0]["why"], told["hits"][0]["twins"]) == ([], [])


# settings and errors ---------------------------------------------------------------------------------------------


def test_short_flags_long_settings_and_the_environment_reach_the_loader(trip):
    visit = trip(DONE)
    visit(
        *("ask", "Hm?", "--data", "shelf", "--encoder", "clip", "--llm", "http://127.0.0.1:1/v1", "--model", "m"),
        *("--set", "rag.num_regions=9"),
        environ={"DEEPSEEK_MM_RAG__HISTORY_TURNS": "2"},
    )
    config = visit.clerk.config
    assert (config.data, config.encoder.name, config.lm.url, config.lm.name) == (
        Path("shelf"), "clip", "http://127.0.0.1:1/v1", "m",
    )  # fmt: skip
    assert (config.rag.num_regions, config.rag.history_turns) == (9, 2)


def test_a_model_that_sees_is_named_by_a_flag_and_a_server_beside_it_is_an_error(trip):
    visit = trip(DONE)
    assert visit("ask", "Hm?", "--vlm", "some/eyes") == 0
    assert (visit.clerk.config.lm.vlm, visit.clerk.config.lm.phrasing_now) == ("some/eyes", "free")
    assert trip(DONE)("ask", "Hm?", "--vlm", "some/eyes", "--llm", "http://127.0.0.1:1/v1") == 2


def test_config_prints_a_file_that_reads_back_with_the_origin_of_each_value(trip):
    visit = trip()
    assert visit("config", "--set", "rag.num_regions=9", environ={"DEEPSEEK_MM_LM__NAME": "none"}) == 0
    printed = visit.out.getvalue()
    assert tomllib.loads(printed)["rag"]["num_regions"] == 9
    assert 'name = "none"  # environment DEEPSEEK_MM_LM__NAME' in printed
    assert "num_regions = 9  # flag rag.num_regions" in printed


def test_config_as_json_gives_values_and_origins(trip):
    visit = trip()
    visit("config", "--data", "shelf", "--json")
    assert (visit.json()["settings"]["data"], visit.json()["origins"]) == ("shelf", {"data": "flag data"})


def test_a_settings_file_that_is_named_is_used(trip, tmp_path):
    (tmp_path / "mine.toml").write_text("[serve]\nport = 9\n")
    visit = trip()
    visit("config", "--config", "mine.toml", "--json")
    assert visit.json()["settings"]["serve"]["port"] == 9


@pytest.mark.parametrize("words", [["--set", "rag.regions=9"], ["--set", "nothing"], ["--config", "none.toml"]])
def test_a_wrong_setting_is_one_sentence_and_exit_code_two(trip, words):
    visit = trip()
    assert visit("config", *words) == 2
    assert visit.err.getvalue().startswith("deepseek-mm: ")
    assert len(visit.err.getvalue().splitlines()) == 1


@pytest.mark.parametrize("error", [BadQuestion("too long"), LibraryError("read-only"), IndexProblem("torn")])
def test_every_error_that_a_user_can_fix_is_one_sentence_and_exit_code_two(trip, error):
    def fail(config, progress):
        raise error

    visit = trip()
    visit.load = fail
    assert visit("search", "a kite") == 2
    assert visit.err.getvalue() == f"deepseek-mm: {error}\n"


def test_ctrl_c_anywhere_is_exit_code_130_without_a_traceback(trip):
    def interrupt(config, progress):
        raise KeyboardInterrupt

    visit = trip()
    visit.load = interrupt
    assert visit("search", "a kite") == 130
    assert visit.err.getvalue() == "stopped\n"


def test_a_reader_that_has_seen_enough_causes_no_complaint():
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "deepseek_mm", "config"]
    done = subprocess.run(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_picture_that_is_none_is_refused_before_any_model_is_opened(trip, tmp_path):
    (tmp_path / "note.png").write_text("not a picture")
    visit = trip(DONE)
    assert visit("ask", "What is it?", "--image", str(tmp_path / "note.png")) == 2
    assert "note.png" in visit.err.getvalue()
    assert not visit.clerk.asked


def test_the_files_of_a_library_are_listed_without_opening_a_model(tmp_path):
    with build(tmp_path / "library", home="spaces/colours-1") as assistant:
        put(assistant, *(paint(tmp_path / "photos", f"{name}.png", name) for name in ("red", "green")))
    paths = [str(tmp_path / "photos" / f"{name}.png") for name in ("green", "red")]

    def listed(data, *words):
        desk = Desk(out=io.StringIO(), err=io.StringIO(), load=None, environ={}, cwd=tmp_path)
        return main(["library", "list", "--data", str(data), *words], desk), desk.out.getvalue()

    assert listed(tmp_path / "library") == (0, "".join(f"{path}\n" for path in paths))
    assert json.loads(listed(tmp_path / "library", "--json")[1]) == {"paths": paths}
    assert listed(tmp_path / "nothing") == (1, "")
