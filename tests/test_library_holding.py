"""What a library's folder holds is counted and listed."""

from deepseek_mm.library.backup import backups_in, new_backup, size_of


def test_the_size_leaves_the_cache_of_the_page_out(tmp_path):
    for name, size in (("history.db", 10), ("page/small.jpg", 1000), ("uploads/page/a.jpg", 5)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * size)
    assert size_of(tmp_path) == 15


def test_a_new_backup_gets_a_name_by_which_the_newest_comes_first(tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    for name in ("2020-01-02-000000.deepseek-mm", "2020-03-01-000000.deepseek-mm", "notes.txt"):
        (folder / name).touch()
    new = new_backup(tmp_path)
    new.touch()
    assert [file.name[:10] for file in backups_in(tmp_path)] == [new.name[:10], "2020-03-01", "2020-01-02"]
