"""Files are written in one step: old or new, never half, and nothing left over."""

import os
import subprocess
import sys

import pytest

from mlprod.write import write_aside

OLD, NEW = b"old" * 100_000, b"new" * 100_000
WRITER = """
import sys
from pathlib import Path
from mlprod.write import write_aside
path = Path(sys.argv[1])
while True:
    write_aside(path, b"old" * 100_000)
    write_aside(path, b"new" * 100_000)
"""


def test_a_reader_finds_the_old_content_or_the_new_also_after_a_kill(tmp_path, root):
    "While another process writes the file again and again, and when that is killed meanwhile."
    path, seen = tmp_path / "page.json", set()
    write_aside(path, OLD)
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], cwd=root)
    try:
        while len(seen) < 2 and writer.poll() is None:
            seen |= {path.read_bytes() for _ in range(100)}
    finally:
        writer.kill()
        writer.wait()
    seen.add(path.read_bytes())

    assert seen == {OLD, NEW}


def test_when_the_last_step_fails_the_old_file_remains_and_nothing_else(tmp_path):
    "A folder with the name that the file should get: the error is raised, no file is left aside."
    (tmp_path / "page.json").mkdir()

    with pytest.raises(OSError):
        write_aside(tmp_path / "page.json", NEW)

    assert [each.name for each in tmp_path.iterdir()] == ["page.json"]


def test_the_content_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    "A power cut after the renaming must not leave an empty file under the right name."
    done, sync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (done.append("sync"), sync(handle)))
    monkeypatch.setattr(os, "replace", lambda *names: (done.append("rename"), replace(*names)))

    write_aside(tmp_path / "page.json", NEW)

    assert done[:2] == ["sync", "rename"]
    assert os.name == "nt" or done == ["sync", "rename", "sync"], "the folder's names as well"
