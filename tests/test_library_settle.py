"""Settling, by a clock set by hand: what rests is told once, what waits takes along what lies below it."""

from deepseek_mm.library.folder_watcher import (
    BATCH_S,
    CODE_QUIET_S,
    PATIENCE_S,
    QUIET_S,
    STORM,
    SettlingPaths,
    ancestors,
)


def test_a_path_is_told_once_when_it_has_been_quiet_for_a_second():
    settling = SettlingPaths("/w")
    settling.note(["/w/b.jpg", "/w/a.jpg"], 10.0)
    assert settling.take_settled(10.0 + QUIET_S - 0.01) == ()
    assert settling.take_settled(10.0 + QUIET_S) == ("/w/a.jpg", "/w/b.jpg")
    assert settling.take_settled(99.0) == ()


def test_code_is_told_sooner_than_what_may_still_be_copied():
    settling = SettlingPaths("/w")
    settling.note(["/w/a.py"], 10.0)
    assert settling.take_settled(10.0 + CODE_QUIET_S - 0.01) == ()
    assert settling.take_settled(10.0 + CODE_QUIET_S) == ("/w/a.py",)


def test_a_path_that_changes_again_waits_again():
    settling = SettlingPaths("/w")
    for at_s in (0.0, 0.75, 1.5):
        settling.note(["/w/a.jpg"], at_s)
        assert settling.take_settled(at_s + 0.5) == ()
    assert settling.take_settled(2.5) == ("/w/a.jpg",)


def test_paths_at_rest_wait_a_while_for_company_and_then_go_without():
    settling = SettlingPaths("/w")
    settling.note(["/w/a.jpg"], 0.0)
    for tenth in range(1, 10 * int(BATCH_S)):
        settling.note(["/w/growing.zip"], tenth / 10)
        assert settling.take_settled(tenth / 10) == ()
    assert settling.take_settled(BATCH_S) == ("/w/a.jpg",)
    assert settling.take_settled(BATCH_S + QUIET_S) == ("/w/growing.zip",)


def test_a_path_that_never_rests_is_told_after_a_minute():
    settling, told = SettlingPaths("/w"), []
    for second in range(0, int(2 * PATIENCE_S) + 2):
        settling.note(["/w/log.txt"], second)
        told += [(second, path) for path in settling.take_settled(second + 0.5)]
    assert told == [(PATIENCE_S, "/w/log.txt"), (2 * PATIENCE_S + 1, "/w/log.txt")]


def test_a_folder_is_told_for_everything_in_it_whichever_came_first():
    settling = SettlingPaths("/w")
    settling.note(["/w/new/deep/a.jpg"], 0.0)
    settling.note(["/w/new"], 0.25)
    settling.note(["/w/new/b.jpg", "/w/newer.jpg"], 0.5)
    assert settling.take_settled(1.5) == ("/w/new", "/w/newer.jpg")


def test_a_folder_that_is_being_filled_waits_until_it_is_full():
    settling = SettlingPaths("/w")
    settling.note(["/w/new"], 0.0)
    settling.note(["/w/new/a.jpg"], 0.75)
    assert settling.take_settled(1.5) == ()
    assert settling.take_settled(1.75) == ("/w/new",)


def test_more_than_a_thousand_paths_are_the_whole_folder():
    settling = SettlingPaths("/w")
    settling.note([f"/w/{n}.jpg" for n in range(STORM)], 0.0)
    settling.note([f"/w/more/{n}.jpg" for n in range(5)], 0.5)
    settling.note(["/w/last.jpg"], 0.75)
    assert settling.take_settled(1.5) == ()
    assert settling.take_settled(1.75) == ("/w",)


def test_a_thousand_paths_are_still_told_one_by_one():
    settling = SettlingPaths("/w")
    settling.note([f"/w/{n}.jpg" for n in range(STORM)], 0.0)
    assert len(settling.take_settled(1.0)) == STORM


def test_ancestors_are_the_folders_above_up_to_the_root():
    assert list(ancestors("/a/b/c.jpg")) == ["/a/b", "/a", "/"]
    assert list(ancestors("/")) == []
