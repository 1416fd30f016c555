"""SIGKILL at the worst moments of taking out and putting back: nothing is lost, nothing is there twice."""

import pytest
from index_help import fill, in_another_process, open_store
from test_index_trash import EVERY, furnish, known

from deepseek_mm.errors import NothingThere
from deepseek_mm.library.trash import Trash

pytestmark = pytest.mark.campaign(times=1, only=True)

DIE = "lambda *_: os.kill(os.getpid(), signal.SIGKILL)"
OPEN = """
from deepseek_mm.library import trash
import index.trash, index.places
store = open_store(folder / "store")
bin = trash.Trash(folder, store)
"""
TAKE = {  # what is replaced by death -> what a taking that dies there leaves
    "index.trash._copy_out": ("all in the library", 0),
    "index.trash._keep": ("all in the library", 0),
    "index.places.forget": ("all in the library", 1),
    "store.restore": ("all in the trash", 1),
}
PUT = {
    "index.trash._copy_back": ("all in the trash", 1),
    "index.places.note_change": ("all in the trash", 1),
    "trash.remove": ("all in the library", 1),
}


def some_now(moments) -> list:
    """Every second moment, in order; the others only in the campaign."""
    later = pytest.mark.campaign(times=1, only=True)
    return [pytest.param(moment, marks=(later,) if n % 2 else ()) for n, moment in enumerate(moments)]


def killed(folder, code: str, *arguments) -> None:
    process = in_another_process(OPEN + code, folder, *arguments)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == -9, errors


@pytest.fixture
def before(tmp_path):
    with open_store(tmp_path / "store") as store:
        furnish(store)
        return known(store)


def tokens(folder) -> list[str]:
    return [path.stem for path in (folder / "trash").glob("*.db")]


@pytest.mark.parametrize("moment", some_now(TAKE))
def test_a_taking_that_is_killed_leaves_all_in_the_library_or_all_in_the_trash(tmp_path, before, moment):
    where, num_files = TAKE[moment]
    killed(tmp_path, f"{moment} = {DIE}\nbin.take(sys.argv[2:])\nstore.restore(0)", *EVERY)
    assert len(tokens(tmp_path)) == num_files
    with open_store(tmp_path / "store") as store:
        upload_only = {path: entry for path, entry in before.items() if entry[0].collection == "uploads"}
        assert known(store) == (before if where == "all in the library" else upload_only)
        for token in tokens(tmp_path):
            assert Trash(tmp_path, store).put_back(token) == (4 if where == "all in the trash" else 0)
        assert known(store) == before
        assert store.problems() == []


@pytest.mark.parametrize("moment", some_now(PUT))
def test_a_putting_back_that_is_killed_can_be_done_again_and_doubles_nothing(tmp_path, before, moment):
    where, num_files = PUT[moment]
    with open_store(tmp_path / "store") as store:
        token = Trash(tmp_path, store).take(EVERY).token
    killed(tmp_path, f"{moment} = {DIE}\nbin.put_back(sys.argv[2])", token)
    assert len(tokens(tmp_path)) == num_files
    with open_store(tmp_path / "store") as store:
        assert len(known(store)) == (5 if where == "all in the library" else 1)
        assert Trash(tmp_path, store).put_back(token) == (4 if where == "all in the trash" else 0)
        assert known(store) == before
        assert store.problems() == []
        with pytest.raises(NothingThere):
            Trash(tmp_path, store).put_back(token)


def test_two_processes_that_take_the_same_files_out_share_them(tmp_path):
    """Each file is in the trash of exactly one of them."""
    with open_store(tmp_path / "store") as store:
        paths = [source.path for source in fill(store, range(40))]
        before = known(store)
        code = OPEN + "print(sum(bin.take([path]).num_sources for path in sys.argv[2:]))"
        both = [in_another_process(code, tmp_path, *order) for order in (paths, paths[::-1])]
        counts = [int(process.communicate(timeout=120)[0]) for process in both]
        assert sum(counts) == len(tokens(tmp_path)) == 40
        trash = Trash(tmp_path, store)
        assert sum(trash.put_back(token) for token in tokens(tmp_path)) == 40
        assert known(store) == before
