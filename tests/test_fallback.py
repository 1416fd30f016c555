"""A saved setting that cannot be opened gives way for one start, and is told; what is said for this start does not."""

import socket
from contextlib import ExitStack
from dataclasses import replace

import pytest
from fakes import ColourSpace, Parrot
from tiny_rankers import gold_digger, save_ranker

import app
from deepseek_mm.api.routes.settings_routes import about
from deepseek_mm.config import Config
from deepseek_mm.errors import BadQuestion, CannotListen, DeepSeekMMError, LibraryError, NothingThere, ServerError
from deepseek_mm.factory import Fallback, is_indexed_in, load, open_models
from deepseek_mm.hub import Revisions
from deepseek_mm.library.space_change import CHANGE_SPACE
from deepseek_mm.retrieval.passages import Rerankers
from deepseek_mm.runtime.fast_decoder import open_planned
from deepseek_mm.settings_file import SettingsFile, with_defaults
from deepseek_mm.start_notices import read_notices
from index.database import SpaceMismatch


class Ours(Parrot):
    name = "deepseek-mm"


def open_quickly(config, plan, **options):
    """As the real one, without the seconds that our own model takes."""
    ours = config.trained_here or config.name == "none"
    return (Ours(), plan) if ours else open_planned(config, plan, **options)


@pytest.fixture
def nobody():
    """An address at which no server listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    return f"http://someone:secret@127.0.0.1:{port}/v1"


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Opens a library of these lines in its config.toml, and these flags, as a start does."""
    said = []

    def open_it(text: str, *flags: str, space=lambda encoder, **_: ColourSpace()):
        data = tmp_path / "library"
        data.mkdir(exist_ok=True)
        (data / "config.toml").write_text(text)
        monkeypatch.setattr("deepseek_mm.factory.open_space", space)
        monkeypatch.setattr("deepseek_mm.models.speakers.open_planned", open_quickly)
        monkeypatch.setattr("deepseek_mm.models.speakers.open_late", lambda *given, **options: None)
        settings = app.settings_file(["--data", str(data), "--set", "see.glance=false", *flags]).read()
        return load(settings.config, progress=said.append, saved=settings.saved_names)

    open_it.said = said
    return open_it


NONE = "[lm]\nname = 'none'\n"


def test_a_saved_server_that_is_gone_leaves_the_start_its_default_and_everybody_is_told(start, nobody, tmp_path):
    monkey = f"[lm]\nurl = '{nobody}'\nmax_tokens = 8\n"
    with start(monkey) as assistant:
        assert (assistant.config.lm.url, assistant.config.lm.max_tokens) == ("", 8)
        assert assistant.lm.name == "deepseek-mm"
        (notice,) = assistant.notices
        assert "saved as lm.url cannot be opened" in notice.short
        assert notice.short in assistant.about()["notices"]
        assert about(assistant).notices == [notice.short]
        assert "127.0.0.1" not in notice.short
        assert "no language model server at http://127.0.0.1" in notice.text
        assert "secret" not in notice.text
        assert notice.text in start.said
    kept = SettingsFile.of(Config(data=tmp_path / "library")).read().config.lm.url
    assert kept == nobody  # it counts again when the server is back


@pytest.mark.parametrize("line", ["name = 'no/such-model'", "vlm = '/nowhere/at/all'"])
def test_a_saved_model_that_went_away_gives_way_to_the_default(start, line):
    with start(f"[lm]\n{line}\n") as assistant:
        assert assistant.lm.name == "deepseek-mm"
        assert len(assistant.notices) == 1


def test_a_saved_model_that_orders_and_went_away_leaves_the_packaged_order_and_says_so(start, tmp_path):
    folder = save_ranker(tmp_path / "ranker", gold_digger())
    text = f"{NONE}[rag]\nreranker = '{folder}'\ncode_reranker = '/nowhere/at/all'\n"
    with start(text) as assistant:
        assert assistant.retriever.rerankers.passages is not None
        assert assistant.retriever.rerankers.code is None
        assert (assistant.config.rag.reranker, assistant.config.rag.code_reranker) == (str(folder), "")
        (notice,) = assistant.notices
        assert "saved as rag.code_reranker cannot be opened" in notice.short
        assert "it is no folder here" in notice.text
    with pytest.raises(NothingThere, match="no model '/nowhere/at/all'"):
        start(text, "--set", "rag.code_reranker=/nowhere/at/all")


def test_a_model_that_orders_both_passages_and_code_is_opened_once(start, tmp_path):
    folder = save_ranker(tmp_path / "ranker", gold_digger())
    with start(f"{NONE}[rag]\nreranker = '{folder}'\ncode_reranker = '{folder}'\n") as assistant:
        rerankers = assistant.retriever.rerankers
        assert rerankers.passages is rerankers.code is not None


def test_a_model_that_orders_and_does_not_fit_the_memory_is_refused_before_it_is_loaded(start, tmp_path, monkeypatch):
    folder = save_ranker(tmp_path / "ranker", gold_digger())
    monkeypatch.setattr("deepseek_mm.runtime.model_memory.read_free_memory", lambda: 100_000_000)
    with start(f"{NONE}[rag]\nreranker = '{folder}'\n") as assistant:
        assert assistant.retriever.rerankers.passages is None
        assert "the model ranker needs 0.4 GB of memory, and 0.1 GB are free" in assistant.notices[0].text


def test_a_saved_folder_that_holds_no_model_gives_way_too(start, tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("[" * 50_000)
    with start(f"[lm]\nname = '{tmp_path / 'model'}'\n") as assistant:
        assert assistant.lm.name == "deepseek-mm"
        assert "nested more than" in assistant.notices[0].text


def test_what_a_flag_names_still_stops_with_its_error_though_the_same_is_saved(start, nobody):
    with pytest.raises(ServerError, match="no language model server"):
        start(f"[lm]\nurl = '{nobody}'\n", "--set", f"lm.url={nobody}")


def test_a_saved_engine_that_nobody_knows_gives_way(start):
    with start(f"{NONE}[runtime]\nengine = 'warp'\n") as assistant:
        assert assistant.config.runtime.engine == "auto"
        assert "runtime.engine" in assistant.notices[0].short


def gone(encoder, **_):
    if encoder.name != "default":
        raise BadQuestion(f"no folder at {encoder.name}")
    return ColourSpace()


def test_a_saved_space_gives_way_also_where_files_were_indexed_in_it_but_not_one_of_this_start(start, tmp_path):
    text = f"{NONE}[encoder]\nname = '/models/my-clip'\n"
    with start(text, space=gone) as assistant:
        assert assistant.config.encoder.name == "auto"
        assert "encoder.name" in assistant.notices[0].short
        assert assistant.library.jobs.find(kinds=(CHANGE_SPACE,), limit=1) == []
    home = tmp_path / "library" / "spaces" / "my-clip-01234567"
    home.mkdir()
    (home / "store.db").write_bytes(b"")
    with start(text, space=gone) as assistant:
        assert assistant.config.encoder.name == "auto"
        assert "were indexed in the vector space /models/my-clip" in assistant.notices[0].text
        (job,) = assistant.library.jobs.find(kinds=(CHANGE_SPACE,), limit=9)  # in the space of now
        assert (job.title, job.payload) == ("Index the files of my-clip-01234567 again", {"from": home.name})
    with pytest.raises(LibraryError, match=r"were indexed in the vector space /models/my-clip.*encoder.name=default"):
        start(text, "--set", "encoder.name=/models/my-clip", space=gone)


def test_a_saved_space_of_an_earlier_version_starts_as_its_successor_and_says_so(start):
    with start(f"{NONE}[encoder]\nname = 'small'\n") as assistant:
        assert assistant.config.encoder.name == "edge"


@pytest.mark.parametrize("name", ["small", "auto", "default"])
def test_a_library_that_lies_in_a_space_of_an_earlier_version_alone_says_how_to_index_it_again(start, tmp_path, name):
    home = tmp_path / "library" / "spaces" / "small-01234567"
    home.mkdir(parents=True)
    (home / "store.db").write_bytes(b"")
    text = f"{NONE}[encoder]\nname = '{name}'\n"
    with pytest.raises(SpaceMismatch, match=r"by the space small.*python -m deepseek_mm index --rebuild"):
        start(text)
    home.rename(home.with_name("small-01234567.aside-1"))  # as a rebuild does it
    with start(text) as assistant:
        assert assistant.config.encoder.name != "small"


@pytest.mark.parametrize(
    ("name", "homes", "indexed"),
    [
        ("auto", ["clip-01234567"], False),
        ("a/clip", [], False),
        ("a/clip", ["default-01234567"], False),
        ("a/clip", ["a-clip-01234567", "default-01234567"], True),
        ("/gone/clip", ["clip-01234567", "default-01234567"], True),
        ("/gone/renamed", ["clip-01234567"], True),  # nothing else can be meant
        ("edge", ["edge-01234567", "default-01234567"], True),
    ],
)
def test_whether_an_index_is_in_the_named_space_is_told_by_its_folders(tmp_path, name, homes, indexed):
    for home in homes:
        (tmp_path / "spaces" / home).mkdir(parents=True)
        (tmp_path / "spaces" / home / "store.db").write_bytes(b"")
    config = Config(data=tmp_path)
    assert is_indexed_in(replace(config, encoder=replace(config.encoder, name=name))) == indexed


def test_a_default_that_cannot_be_opened_either_is_an_error_of_its_own():
    def fails(config: Config) -> None:
        raise DeepSeekMMError(f"no model {config.lm.name}")

    config = Config()
    mine = replace(config, lm=replace(config.lm, name="a/b"))
    with pytest.raises(DeepSeekMMError, match="no model deepseek-mm"):
        Fallback(saved={"lm.name"}, say=print).open(fails, mine, ("lm.name",))
    with pytest.raises(DeepSeekMMError, match="no model a/b"):
        Fallback(saved={"lm.url"}, say=print).open(fails, mine, ("lm.name", "lm.url"))
    assert with_defaults(mine, ["lm.name"]) == config


def test_what_a_start_ignores_of_its_file_is_said_on_the_terminal_and_on_the_page(tmp_path, capsys):
    data = tmp_path / "library"
    data.mkdir()
    (data / "config.toml").write_text("[rag]\nnum_regions = 999\nnewer = 1\n")
    seen = []

    class Closes:
        notices = ()

        def add_notices(self, *more):
            self.notices += more

        def close(self):
            seen.extend(notice.short for notice in self.notices)

    house = Closes()

    def load(config):
        assert config.rag.num_regions == 6
        return house

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app.LibraryServer, "serve", lambda self, sock: self._opens().close())
        assert app.main(["--data", str(data), "--port", "0"], load=load) == 0
    told = capsys.readouterr().out
    assert "warning: the saved setting rag.num_regions is ignored: rag.num_regions=999 must lie between" in told
    assert seen == ["the saved setting rag.num_regions is ignored", "the saved setting rag.newer is ignored"]
    assert [notice.short for notice in read_notices(data)] == seen  # which `doctor` reads


WRONG = [  # 52 ways in which a library's own file can be wrong
    *('rag.num_regions = "many"', "rag.num_regions = -3", 'rag.min_score = "x"', "rag.nothing = 1", "[[", "= 3", "\0"),
    *('lm.url = "not an address"', 'lm.url = "http://[::1"', "lm.url = 5", 'lm.url = "ftp://127.0.0.1/v1"'),
    *('lm.url = "http://127.0.0.1:9/v1"', "lm.name = 7", 'lm.name = ""', 'lm.name = "no/such-model"'),
    *('lm.name = "/no/such/folder"', 'lm.name = "../../etc/passwd"', 'lm.bits = "int3"', 'lm.phrasing = "loud"'),
    *('lm.bits = "int8"\nlm.name = "smollm2"', 'lm.vlm = "a/b"\nlm.url = "http://127.0.0.1:9/v1"', "lm.threads = -1"),
    *(
        "lm.timeout_s = 0",
        'lm.api_key_for = "nonsense"',
        'lm.vlm = "/nowhere"',
        'encoder.name = ""',
        "encoder.batch = 0",
    ),
    *(
        'encoder.url = "box"',
        'encoder.url = "http://127.0.0.1:9"',
        'lm.url = "http://127.0.0.1:9/v1, http://127.0.0.1:9"',
    ),
    *('encoder.name = "small"', 'encoder.name = "no/such-space"', "encoder.threads = 99999", 'runtime.dial = "warp"'),
    *('runtime.engine = "quantum"', "serve.port = 99999", 'serve.keys = "never"', 'sandbox.run = "maybe"', "lm = 3"),
    *("learning.steps = 0", "see.min_box = 2", "parse.max_pixels = 0", 'data = "/elsewhere"', 'see = "x"'),
    *('rag.reranker = "/no/such/folder"', 'rag.reranker = "no/such-ranker"', "rag.reranker = 3"),
    *('rag.code_reranker = "../../etc"', 'rag.code_reranker = "deepseek_mm/weights"'),
    *('[lm]\nname = "x"\n[lm]\nname = "y"', 'hub.allowed = "perhaps"', "index.exact_up_to = -1"),
]


def open_known(encoder, **_):
    if encoder.name not in ("auto", "default", "edge"):
        raise BadQuestion(f"no folder at {encoder.name}")
    return ColourSpace()


@pytest.mark.parametrize("lines", WRONG)
def test_no_saved_setting_stops_a_start_and_what_gives_way_is_told(tmp_path, monkeypatch, lines):
    (tmp_path / "config.toml").write_text(f"{lines}\n")
    monkeypatch.setattr("deepseek_mm.factory.open_space", open_known)
    monkeypatch.setattr("deepseek_mm.models.speakers.open_planned", open_quickly)
    monkeypatch.setattr("deepseek_mm.models.speakers.open_late", lambda *given, **options: None)  # it would be opened
    settings, told = app.settings_file(["--data", str(tmp_path)]).read(), list[str]()
    fallback = Fallback(saved=settings.saved_names, say=told.append)
    opened = open_models(settings.config, Revisions(tmp_path), fallback)
    assert opened.lm.name == "deepseek-mm"
    assert opened.config.encoder.name in ("auto", "edge")
    assert opened.rerankers == Rerankers()
    assert [*settings.notices, *fallback.notices] or lines.startswith("data")  # of which a flag wins


def test_a_saved_address_that_cannot_be_listened_at_gives_way_and_one_of_this_start_does_not(tmp_path):
    (tmp_path / "config.toml").write_text("serve.host = '256.1.1.1'\nserve.port = 0\n")
    with ExitStack() as stack:
        sock, config, (notice,) = app.listen(stack, app.settings_file(["--data", str(tmp_path), "--port", "0"]).read())
        assert (config.serve.host, sock.getsockname()[0]) == ("127.0.0.1", "127.0.0.1")
        assert "saved as serve.host cannot be listened at" in notice.short
        assert "256.1.1.1" not in notice.short
    with ExitStack() as stack, pytest.raises(CannotListen, match="256.1.1.1"):
        app.listen(stack, app.settings_file(["--data", str(tmp_path), "--host", "256.1.1.1"]).read())
