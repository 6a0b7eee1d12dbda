"""The pointer moves in one step, for a reason that is written down, once, whatever happens."""

import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mlprod import service
from mlprod.gate import make_verdict
from mlprod.package import (
    FILES,
    VersionError,
    hash_bytes,
    list_versions,
    name_version,
    to_json,
    write_version,
)
from mlprod.report import Check
from mlprod.service import (
    GateError,
    check_version,
    describe_versions,
    list_service,
    lock_folder,
    promote,
    read_history,
    read_pointer,
    roll_back,
)

PASSED = Check(name="limits.floors.auc", expected="at least 0.6", got="0.7", passed=True)
FAILED = [
    Check(name="limits.floors.auc", expected="at least 0.6", got="0.5", passed=False),
    Check(name="test rows", expected="at least 10 of each label", got="4 of late", passed=False),
]


def save(folder, name, checks=(PASSED,), override="", project="ours"):
    "Save a version whose files hold its name; its verdict is real."
    verdict = make_verdict(list(checks), "the hour", override)
    contents = dict.fromkeys(FILES, name.encode())
    contents["verdict.json"] = verdict.model_dump_json().encode()
    manifest = {"project": project, "files": {file: hash_bytes(contents[file]) for file in FILES}}
    manifest["version"] = name_version(manifest)
    contents["manifest.json"] = to_json(manifest)
    return write_version(Path(folder), manifest["version"], contents).name


@pytest.fixture
def three(tmp_path):
    "A folder with three versions."
    return tmp_path, [save(tmp_path, letter) for letter in "abc"]


def short(pointer):
    "What the pointer names."
    return pointer["version"], pointer["previous"]


def test_promote_and_roll_back(three):
    "The pointer names the version and the one before, back and forth; to promote twice is once."
    folder, (a, b, _) = three
    assert short(read_pointer(folder)) == (None, None)
    assert short(promote(folder, a)) == (a, None)
    assert short(promote(folder, b)) == (b, a)
    assert short(promote(folder, b)) == (b, a)
    assert short(roll_back(folder)) == (a, b)
    assert json.loads((folder / "in_service.json").read_text()) == read_pointer(folder)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [*list_versions(folder), "in_service.json", "service.jsonl", ".lock"]
    )


def test_the_history_says_what_served_when_and_why(three):
    "A line for each change, none for a change that changes nothing; the last one has no end."
    folder, (a, b, _) = three
    clock = iter([0.0, 3600.0, 7200.5]).__next__
    promote(folder, a, now=clock)
    promote(folder, b, why="better by 0.02", now=clock)
    promote(folder, b)  # changes nothing
    roll_back(folder, why="crews at the wrong gates", now=clock)
    served = list_service(folder)
    assert served["version"].tolist() == [a, b, a]
    assert served["previous"].fillna("none").tolist() == ["none", a, b]
    assert served["why"].tolist() == ["promoted", "better by 0.02", "crews at the wrong gates"]
    assert served["at"].tolist()[-1] == datetime(1970, 1, 1, 2, 0, 0, 500_000, UTC)
    assert served["until"].tolist()[:-1] == served["at"].tolist()[1:]
    assert served["until"].isna().tolist() == [False, False, True]


def test_versions_are_described_a_line_each(tmp_path):
    "What served, from when to when, and why; then what has not, with what the gate said."
    first, weak = save(tmp_path, "first"), save(tmp_path, "weak", FAILED)
    idle, other = save(tmp_path, "idle"), save(tmp_path, "other", FAILED)
    promote(tmp_path, first, now=lambda: 0.0)
    promote(tmp_path, weak, override="the director", now=lambda: 3600.0)
    lines = describe_versions(tmp_path)
    assert lines[:2] == [
        f"{first}  1970-01-01 00:00 to 1970-01-01 01:00 UTC  promoted",
        f"{weak}  1970-01-01 01:00 until now           UTC  promoted; override: the director",
    ]
    failure = "limits.floors.auc: expected at least 0.6; got 0.5"
    never = [
        f"{idle}  never served; has passed the gate",
        f"{other}  never served; has not passed: {failure}",
    ]
    assert lines[2:] == sorted(never)
    assert "`mlprod run`" in describe_versions(tmp_path / "none")[0]


def test_before_the_first_promotion_nothing_served(tmp_path):
    "An empty table, also for a folder that does not exist."
    assert list_service(tmp_path / "none").empty and list_service(tmp_path).empty


def test_a_version_that_has_not_passed_needs_a_reason(tmp_path):
    "One line names the first failure and how many more; a blank reason is none."
    folder, refused = tmp_path, save(tmp_path, "weak", FAILED)
    for reason in ("", "  \n"):
        with pytest.raises(GateError) as error:
            promote(folder, refused, reason)
        assert str(error.value) == (
            f"version {refused}: limits.floors.auc: expected at least 0.6; got 0.5 (and 1 more): "
            "train a better one, or override with a reason"
        )
    assert not (folder / "in_service.json").exists() and list_service(folder).empty
    promote(folder, refused, " the old one is gone ")
    assert read_pointer(folder)["override"] == "the old one is gone"
    assert list_service(folder)["override"].tolist() == ["the old one is gone"]


def test_an_override_holds_wherever_it_was_given_and_only_where_it_was_needed(tmp_path):
    "With the artifact, or with the promotion, and again after a roll back; not for what passed."
    signed = save(tmp_path, "signed", FAILED, override="signed by the owner")
    weak, good = save(tmp_path, "weak", FAILED), save(tmp_path, "good")
    promote(tmp_path, signed)
    promote(tmp_path, weak, override="the director")
    promote(tmp_path, good, override="just in case")
    roll_back(tmp_path)
    roll_back(tmp_path)
    reasons = ["signed by the owner", "the director", "", "the director", ""]
    assert list_service(tmp_path)["override"].tolist() == reasons


def test_a_version_without_a_verdict_is_refused(tmp_path):
    "Also one whose manifest lists what stands there: it is no verdict."
    version = save(tmp_path, "a")
    folder = tmp_path / version
    (folder / "verdict.json").write_text("{}")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"]["verdict.json"] = hash_bytes(b"{}")
    manifest["version"] = name_version(manifest)
    (folder / "manifest.json").write_bytes(to_json(manifest))
    version = folder.rename(tmp_path / manifest["version"]).name
    with pytest.raises(VersionError, match=f"{version}: verdict.json: expected a verdict"):
        promote(tmp_path, version)


def test_there_is_nothing_to_roll_back_to_at_first(three):
    "In one line, and the pointer stays."
    folder, (a, *_) = three
    for _ in range(2):
        with pytest.raises(VersionError, match="roll back: expected a previous version; got none"):
            roll_back(folder)
        promote(folder, a)
    assert short(read_pointer(folder)) == (a, None)


def test_an_unknown_version_is_refused_with_the_nearest(three):
    "Also a path out of the folder."
    folder, (a, *_) = three
    with pytest.raises(VersionError, match=f"did you mean '{a}'"):
        promote(folder, a[:-2] + "zz")
    for wrong in ("", ".", "..", "../x", "in_service.json", "/etc", f"./{a}", f"{a}/"):
        with pytest.raises(VersionError, match="version: expected one that was saved; got"):
            promote(folder, wrong)
    assert not (folder / "in_service.json").exists()


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
def test_a_damaged_version_is_neither_promoted_nor_rolled_back_to(three, name, damage):
    "What is in service stays."
    folder, (a, b, _) = three
    promote(folder, b)
    promote(folder, a)
    before, content = read_pointer(folder), (folder / b / name).read_bytes()
    middle = len(content) // 2
    if damage == "gone":
        (folder / b / name).unlink()
    elif damage == "cut":
        (folder / b / name).write_bytes(content[:middle])
    else:
        flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        (folder / b / name).write_bytes(flipped)
    for change in (lambda: promote(folder, b), lambda: roll_back(folder)):
        with pytest.raises(VersionError):
            change()
    assert read_pointer(folder) == before == read_history(folder)[-1]


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"version": "a"}'])
def test_a_damaged_pointer_is_said_to_be_one(three, content):
    "In one line, and promoting is refused until somebody has looked."
    folder, (a, *_) = three
    (folder / "in_service.json").write_text(content)
    for read in (read_pointer, list_service, lambda folder: promote(folder, a)):
        with pytest.raises(VersionError, match="in_service.json: expected a version"):
            read(folder)


def test_a_damaged_history_names_its_line(three):
    "Promoting goes on all the same: what serves is more urgent than what has served."
    folder, (a, b, _) = three
    promote(folder, a)
    with open(folder / "service.jsonl", "a", encoding="utf-8") as file:
        file.write("what is this\n")
    with pytest.raises(VersionError, match="service.jsonl: line 2: expected a state of the"):
        list_service(folder)
    assert short(promote(folder, b)) == (b, a)


def test_a_pointer_that_something_else_wrote_is_part_of_the_history(three):
    "As an app's copy has it, with a version and nothing more; unknown remains unknown."
    folder, (a, b, _) = three
    (folder / "in_service.json").write_text(json.dumps({"version": a, "previous": None}))
    assert list_service(folder)["version"].tolist() == [a]
    promote(folder, b)
    served = list_service(folder)
    assert served["version"].tolist() == [a, b] and served["at"].isna().tolist() == [True, False]


def test_a_change_that_was_cut_off_is_in_the_history_once(three):
    "Killed after the pointer and before the line: seen at once, and written before the next."
    folder, (a, b, c) = three
    promote(folder, a)
    kept = (folder / "service.jsonl").read_bytes()
    promote(folder, b)
    (folder / "service.jsonl").write_bytes(kept)
    assert list_service(folder)["version"].tolist() == [a, b]
    assert (folder / "service.jsonl").read_bytes() == kept, "to look changes nothing"
    promote(folder, c)
    assert list_service(folder)["version"].tolist() == [a, b, c]
    assert len((folder / "service.jsonl").read_text().splitlines()) == 3


def test_a_version_of_another_project_is_not_promoted(three):
    "The folder stays as it was, and the line names both projects."
    folder, (a, *_) = three
    promote(folder, a)
    other = save(folder / "elsewhere", "x", project="theirs")
    shutil.move(folder / "elsewhere" / other, folder / other)
    with pytest.raises(VersionError, match="expected a version of ours, .*; got one of theirs: "):
        promote(folder, other)
    assert short(read_pointer(folder)) == (a, None)


def test_who_cannot_get_the_lock_is_told(three, monkeypatch):
    "After a wait, in one line; the pointer stays, and the lock is free afterwards."
    folder, (a, *_) = three
    monkeypatch.setattr(service, "PATIENCE", 0.05)
    with lock_folder(folder), pytest.raises(VersionError, match="expected to change it alone"):
        promote(folder, a)
    assert not (folder / "in_service.json").exists()
    promote(folder, a)


OTHERS = """
import os, random, signal, sys, time
from pathlib import Path
sys.path.insert(0, "tests")
from mlprod.service import *
from test_service import save
together, killed, go = (Path(sys.argv[1]) / name for name in ("together", "killed", "go"))
when = random.Random(5)

def register(folder, number):
    promote(folder, save(folder, f"version {number}"), now=lambda: float(number))

children = []
for number in range(10):
    child = os.fork()
    if child == 0:
        while not go.exists():
            time.sleep(0.001)
        register(together, number)
        os._exit(0)
    children.append(child)
go.touch()
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 10

for kill in range(10):
    child = os.fork()
    number = kill * 100_000
    while child == 0:
        number += 1
        register(killed, number)
    while not (killed / "in_service.json").exists():
        time.sleep(0.001)
    time.sleep(when.uniform(0.0, 0.08))
    os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    check_version(killed, read_pointer(killed)["version"])
    assert read_history(killed)[-1] == read_pointer(killed)
"""


@pytest.fixture(scope="module")
def others(tmp_path_factory, root):
    "What other processes have left: ten that promoted at once, and ten that were killed at it."
    if not hasattr(signal, "SIGKILL"):
        pytest.skip("no fork, no SIGKILL")
    folder = tmp_path_factory.mktemp("others")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", OTHERS, str(folder)],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    assert done.returncode == 0, done.stderr
    return folder


def check_chain(folder):
    "Each line names the one before as its previous; none is there twice."
    lines = (folder / "service.jsonl").read_text().splitlines()
    assert len(set(lines)) == len(lines)
    changes = read_history(folder)
    assert changes[0]["previous"] is None and changes[-1] == read_pointer(folder)
    for earlier, later in zip(changes, changes[1:], strict=False):
        assert later["previous"] == earlier["version"]
    return changes


def test_ten_registrations_at_once_are_ten_versions_and_ten_lines(others):
    "Ten processes save and promote at the same moment; the pointer is whole, and nothing is aside."
    folder = others / "together"
    changes = check_chain(folder)
    assert len(changes) == len(list_versions(folder)) == 10
    assert {change["version"] for change in changes} == set(list_versions(folder))
    assert len(list(folder.iterdir())) == 10 + 3


def test_killed_at_any_moment_pointer_and_history_are_whole(others):
    "SIGKILL while saving and promoting, ten times: what is in service is sound, and listed."
    folder = others / "killed"
    for version in list_versions(folder):
        check_version(folder, version)
    promote(folder, save(folder, "the last one"))
    assert len(check_chain(folder)) > 1
