import os

import pytest

from holdfast.cli.reload import Watcher


@pytest.fixture
def tree(tmp_path):
    for name in (
        "a.py",
        "b.html",
        "deep/er/c.py",
        ".git/d.py",
        "__pycache__/e.py",
        "env/pyvenv.cfg",
        "env/f.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def touch(path):
    """Change the time stamp, whatever the clock's grain."""
    path.touch()
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000_000))


def test_nothing_has_changed_at_first_nor_twice(tree):
    watcher = Watcher([str(tree)])
    assert watcher.changed() is None
    touch(tree / "a.py")
    assert watcher.changed() == str(tree / "a.py")
    assert watcher.changed() is None


@pytest.mark.parametrize("name", ["a.py", "deep/er/c.py", "new.py"])
def test_a_python_file_that_was_changed_or_made(tree, name):
    watcher = Watcher([str(tree)])
    touch(tree / name)
    assert watcher.changed() == str(tree / name)


def test_a_file_that_was_removed(tree):
    watcher = Watcher([str(tree)])
    (tree / "a.py").unlink()
    assert watcher.changed() == str(tree / "a.py")


@pytest.mark.parametrize("name", ["b.html", ".git/d.py", "__pycache__/e.py", "env/f.py", "a.pyc"])
def test_files_that_are_not_watched(tree, name):
    watcher = Watcher([str(tree)])
    touch(tree / name)
    assert watcher.changed() is None


def test_files_that_are_watched_too(tree):
    watcher = Watcher([str(tree)], include=["*.html"])
    touch(tree / "b.html")
    assert watcher.changed() == str(tree / "b.html")


@pytest.mark.parametrize("glob", ["deep", "c.*", "*/er/*"])
def test_files_and_folders_that_are_left_out(tree, glob):
    watcher = Watcher([str(tree)], exclude=[glob])
    touch(tree / "deep/er/c.py")
    assert watcher.changed() is None


def test_the_current_folder_is_not_hidden(tree, monkeypatch):
    monkeypatch.chdir(tree)
    watcher = Watcher(["."], exclude=["deep/*"])
    touch(tree / "a.py")
    assert watcher.changed() == "./a.py"
    touch(tree / "deep/er/c.py")
    assert watcher.changed() is None


def test_a_folder_that_goes_away_is_no_error(tree):
    watcher = Watcher([str(tree), str(tree / "nowhere")])
    (tree / "deep/er/c.py").unlink()
    (tree / "deep/er").rmdir()
    assert watcher.changed() is not None
