import os
import subprocess
import sys
import time

import pytest
from filelock import FileLock

from vaega.core.errors import ResultsError
from vaega.generative import _entries as cache_entries
from vaega.generative import _storage as storage
from vaega.generative._entries import (
    ABOUT,
    check_about,
    drop_entry,
    drop_unlocked,
    find_entries,
    mark_used,
    remove_files,
    shrink,
    staging_folder,
    sweep,
    write_about,
)
from vaega.generative._storage import DESCRIPTION, WEIGHTS


def make_entry(folder, digit, *, used=0.0, size=1000):
    key = digit * 32
    entry = folder / key
    entry.mkdir(parents=True)
    (entry / WEIGHTS).write_bytes(bytes(size))
    (entry / DESCRIPTION).write_text("{}")
    write_about(entry, key, kind="VAE", shape=(38, 7129), seed=0)
    os.utime(entry / ABOUT, (used, used))
    return key


def keys(folder):
    return [entry.key[0] for entry in find_entries(folder)]


def test_the_files_are_named_as_storage_names_them():
    assert (DESCRIPTION, WEIGHTS) == (storage.DESCRIPTION, storage.WEIGHTS)


def test_entries_say_what_they_are(tmp_path):
    before = time.time() - 1
    make_entry(tmp_path, "a", used=50.0)
    make_entry(tmp_path, "b", used=70.0)
    first, second = find_entries(tmp_path)
    assert (first.kind, first.n_rows, first.n_features, first.seed) == ("VAE", 38, 7129, 0)
    assert first.intact
    assert first.used == 70.0
    assert second.used == 50.0
    assert first.created > before
    assert 1000 < first.size < 2000


def test_used_is_marked(tmp_path):
    for digit in "ab":
        make_entry(tmp_path, digit, used=50.0 + ord(digit))
    mark_used(tmp_path / ("a" * 32))
    assert keys(tmp_path) == ["a", "b"]


def foreign(folder):
    """Return paths that a cache's folder may hold and that are not ours."""
    names = ["notes", "a" * 31, "A" * 32, "f" * 32, "e" * 32, ".hidden", f".{'d' * 32}.short"]
    for name in names:
        (folder / name).mkdir()
        (folder / name / "thesis.txt").write_text("a year of work")
    (folder / ("e" * 32) / WEIGHTS).write_text("")  # ours by name, but something else is beside it
    (folder / ("c" * 32)).write_text("a file")
    (folder / ("9" * 32)).mkdir()
    target = folder / "elsewhere"
    make_entry(target, "7")
    (folder / ("8" * 32)).symlink_to(target / ("7" * 32), target_is_directory=True)
    return sorted(path for path in folder.rglob("*"))


def test_what_is_not_ours_is_neither_listed_nor_removed(tmp_path):
    there = foreign(tmp_path)
    make_entry(tmp_path, "b")
    assert keys(tmp_path) == ["b"]
    assert shrink(tmp_path, 0, keep="") == ["b" * 32]
    for path in list(tmp_path.iterdir()):
        assert not drop_entry(path)
        assert not drop_unlocked(tmp_path, path.name)
    sweep(tmp_path)
    assert sorted(path for path in tmp_path.rglob("*")) == there


def test_the_least_recently_used_go_first(tmp_path):
    for index, digit in enumerate("abcd"):
        make_entry(tmp_path, digit, used=100.0 - index)
    size = find_entries(tmp_path)[0].size
    assert shrink(tmp_path, 2 * size, keep="c" * 32) == ["d" * 32, "b" * 32]
    assert keys(tmp_path) == ["a", "c"]
    assert shrink(tmp_path, 2 * size, keep="") == []


def test_a_locked_entry_is_left(tmp_path):
    key = make_entry(tmp_path, "a")
    make_entry(tmp_path, "b", used=5.0)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / f"{key}.lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    staging = tmp_path / f".{key}.{'0' * 16}"
    staging.mkdir()
    assert shrink(tmp_path, 0, keep="") == ["b" * 32]
    assert staging.is_dir()
    holder.communicate("go\n", timeout=30)
    assert shrink(tmp_path, 0, keep="") == [key]
    assert not staging.exists()
    assert not list(tmp_path.iterdir())


HOLD = """
import sys
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_dropped_entries_take_their_lock_along(tmp_path):
    key = make_entry(tmp_path, "a")
    FileLock(tmp_path / f"{key}.lock").acquire().lock.release()
    assert drop_unlocked(tmp_path, key)
    assert not list(tmp_path.iterdir())


def test_what_killed_processes_left_is_swept(tmp_path):
    staging = staging_folder(tmp_path, "a" * 32)
    staging.mkdir()
    (staging / WEIGHTS).write_text("half")
    (staging / f".{DESCRIPTION}.0011").write_text("{")
    assert find_entries(tmp_path) == []
    sweep(tmp_path)
    assert not staging.exists()


def test_an_entry_without_its_card_is_listed_as_damaged(tmp_path):
    key = make_entry(tmp_path, "a")
    (tmp_path / key / ABOUT).write_text("[]")
    (entry,) = find_entries(tmp_path)
    assert not entry.intact
    assert drop_unlocked(tmp_path, key)


def test_cards_belong_to_their_key_and_description(tmp_path):
    key = make_entry(tmp_path, "a")
    check_about(tmp_path / key, key)
    (tmp_path / key).rename(tmp_path / ("b" * 32))
    with pytest.raises(ResultsError, match="does not belong to the model that is wanted"):
        check_about(tmp_path / ("b" * 32), "b" * 32)
    key = make_entry(tmp_path, "c")
    (tmp_path / key / DESCRIPTION).write_text("{} ")
    with pytest.raises(ResultsError, match=r"model\.json: is not the file that was written"):
        check_about(tmp_path / key, key)


def test_an_entry_that_goes_while_it_is_read_is_no_entry(tmp_path, monkeypatch):
    key = make_entry(tmp_path, "a")
    plain = cache_entries._about
    monkeypatch.setattr(
        cache_entries, "_about", lambda path: plain(path) | {"gone": drop_entry(tmp_path / key)}
    )
    assert find_entries(tmp_path) == []


def test_a_folder_that_nobody_looks_for_is_removed_as_far_as_possible(tmp_path):
    (tmp_path / "passing" / "deeper").mkdir(parents=True)
    (tmp_path / "passing" / WEIGHTS).write_text("")
    remove_files(tmp_path / "passing")
    assert (tmp_path / "passing" / "deeper").is_dir()
