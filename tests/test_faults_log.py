"""The log: many processes at once, and every way in which a file cannot be written."""

import os
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import time
import urllib.request
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import make_artifacts
import pytest

from mlprod.app.log import (
    LabelConflict,
    UnknownPrediction,
    first_id,
    open_log,
    purge_log,
    read_log,
    write_log,
)
from mlprod.app.writer import LogError, Writer
from mlprod.generate import library_files

ROW = {"origin": "JFK", "age": 61, "tail": "N14228"}
ARTIFACT = SimpleNamespace(
    version="v1",
    contract={"columns": {"origin": {}, "age": {"personal": True}, "tail": {}}, "life": {}},
    features=SimpleNamespace(columns=("origin", "age")),
)
PROCESS = """
import sys, time, secrets
from types import SimpleNamespace
from mlprod.app.log import first_id
from mlprod.app.writer import LogError, Writer

artifact = SimpleNamespace(version="v1", contract={"columns": {"origin": {}}, "life": {}},
                           features=SimpleNamespace(columns=("origin",)))

def answer(writer, size):
    request = first_id(time.time()) + secrets.token_hex(4)
    said = [SimpleNamespace(id=f"{request}-{n}", score=0.5, decision="act") for n in range(size)]
    writer.write(artifact, said, [{"origin": "JFK"}] * size)
    return said[0].id
"""
places = count()


def predict(size=1):
    "Predictions and their rows."
    ids = [f"{first_id(time.time())}{next(places):08x}-{place}" for place in range(size)]
    return [SimpleNamespace(id=id, score=0.5, decision="act") for id in ids], [ROW] * size


def start(code, *arguments):
    "Start a process that has the function answer."
    command = [sys.executable, "-c", PROCESS + textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(code, *arguments):
    "What a process of its own prints."
    process = start(code, *arguments)
    out, error = process.communicate(timeout=60)
    assert not process.returncode, error
    return out.split()


@contextmanager
def writing(path, **settings):
    "A writer that is closed afterwards."
    writer = Writer(path, **settings)
    try:
        yield writer
    finally:
        writer.close()


def lines_of(path):
    "What the log holds."
    with closing(open_log(path)) as log:
        return read_log(log)


def wait_until(so, seconds=10):
    "Give a thread the time it needs."
    until = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.01)


def test_four_processes_at_once_lose_nothing(tmp_path):
    "Every row of every process is there once, however they meet, in a file made by the first."
    code = """
    writer = Writer(sys.argv[1], every=0.002)
    for request in range(150):
        answer(writer, 1 + request % 40)
        time.sleep(0.001)
    writer.close()
    print(writer.lost)
    """
    processes = [start(code, tmp_path / "log.sqlite") for _ in range(4)]
    lost = [process.communicate(timeout=60) for process in processes]
    assert [int(out) for out, _ in lost] == [0] * 4, lost
    ids = [line["id"] for line in lines_of(tmp_path / "log.sqlite")]
    size = sum(1 + request % 40 for request in range(150))
    assert len(ids) == len(set(ids)) == 4 * size


def test_a_locked_log_holds_nothing_up_and_is_caught_up_with(tmp_path):
    "While somebody holds the lock requests go on; what has room waits, the rest is counted."
    with writing(tmp_path / "log.sqlite", room=500) as writer:
        writer.write(ARTIFACT, *predict())
        writer.flush()
        with closing(sqlite3.connect(tmp_path / "log.sqlite", isolation_level=None)) as other:
            other.execute("begin exclusive")
            slowest = 0.0
            for _ in range(800):
                began = time.perf_counter()
                writer.write(ARTIFACT, *predict())
                slowest = max(slowest, time.perf_counter() - began)
            wait_until(lambda: writer.problem)
            with pytest.raises(LogError, match="the log cannot be written"):
                writer.label("a", "late")
            assert "locked" in writer.problem and writer.lost == 300
            other.execute("rollback")
        wait_until(lambda: writer.problem is None)
        writer.write(ARTIFACT, *predict())
    assert slowest < 0.25  # one wait for the lock would have taken a second
    assert writer.lost == 300 and len(lines_of(tmp_path / "log.sqlite")) == 1 + 500 + 1


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs users as Unix has them")
@pytest.mark.parametrize("exists", [True, False])
def test_a_read_only_log_is_lost_and_counted(exists):
    "Somebody else's file, and a folder that nothing can be made in. (Root becomes nobody first.)"
    code = """
    import os
    from msgspec import json
    if os.geteuid() == 0:
        os.setuid(65534)
    writer = Writer(sys.argv[1])
    for request in range(30):
        answer(writer, 10)
    writer.flush()
    print(writer.lost, "problem:", writer.problem)
    """
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to other users
        path = Path(folder) / "log.sqlite"
        if exists:
            open_log(path).close()
            path.chmod(0o444)
        Path(folder).chmod(0o555)
        said = run(code, path)
        Path(folder).chmod(0o755)
        assert said[0] == "300"
        assert ("readonly" if exists else "open") in said or "unable" in said, said


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_full_disk_is_counted_and_recovered_from(tmp_path):
    "What was written stays, what was not is counted, and with room again it goes on."
    code = """
    import resource
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    writer = Writer(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limit[1]))
    written = 0
    while not writer.lost:
        answer(writer, 100)
        written += 100
        writer.flush()
    problem, lost = writer.problem, writer.lost
    resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    answer(writer, 100)
    writer.close()
    print(written + 100, writer.lost, lost, writer.problem, "after:", problem)
    """
    written, lost, lost_before, problem, *said = run(code, tmp_path / "log.sqlite")
    assert lost == lost_before == "100" and problem == "None" and len(said) > 1
    assert len(lines_of(tmp_path / "log.sqlite")) == int(written) - int(lost) > 100


def spoil_all(path):
    path.write_bytes(os.urandom(20_000))


def spoil_pages(path):
    with closing(open_log(path)) as log:
        lines = [(f"{first_id(time.time())}-{n}", 0, "v", "{}", 0.5, "act") for n in range(3000)]
        write_log(log, lines)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))


@pytest.mark.parametrize("spoil", [spoil_all, spoil_pages, Path.mkdir])
def test_a_corrupt_log_is_lost_at_once_and_mended_by_replacing_it(spoil, tmp_path):
    "A file that is no database, one with broken pages, and a folder: counted, never raised."
    path = tmp_path / "log.sqlite"
    spoil(path)
    with writing(path) as writer:
        writer.write(ARTIFACT, *predict(3))
        wait_until(lambda: writer.lost)
        assert writer.lost == 3 and writer.problem
        with pytest.raises(LogError):
            writer.label("a", "late")
        path.rename(tmp_path / "spoilt")
        writer.write(ARTIFACT, *predict(3))
        wait_until(lambda: writer.problem is None)
    assert writer.lost == 3 and len(lines_of(path)) == 3


def test_a_missing_folder_is_lost_and_each_loss_is_told(tmp_path):
    "Whoever keeps the metrics hears of every row, in the process that lost it."
    told = []
    with writing(tmp_path / "no" / "log.sqlite", on_lost=told.append) as writer:
        for _ in range(20):
            writer.write(ARTIFACT, *predict(2))
        writer.flush()
        (tmp_path / "no").mkdir()
        writer.write(ARTIFACT, *predict())
    writer.write(ARTIFACT, *predict())  # a request that comes too late
    assert sum(told) == writer.lost == 41
    assert len(lines_of(tmp_path / "no" / "log.sqlite")) == 1


@pytest.mark.parametrize("bad", ["\ud800", {1, 2}.__iter__()])
def test_a_value_that_cannot_be_written_takes_no_other_row_with_it(bad, tmp_path):
    "Half a character, or something that is no JSON, is one lost row."
    with writing(tmp_path / "log.sqlite") as writer:
        predictions, rows = predict(5)
        writer.write(ARTIFACT, predictions, [*rows[:4], ROW | {"origin": bad}])
        writer.write(ARTIFACT, *predict())
    assert writer.lost == 1 and len(lines_of(tmp_path / "log.sqlite")) == 5


def test_scores_come_back_to_the_bit(tmp_path):
    "What the log says of a score is what the answer said."
    scores = [1 / 3, 0.41234567761421204, 1e-300, 0.1 + 0.2, 1.0, 0.0]
    with writing(tmp_path / "log.sqlite") as writer:
        predictions, rows = predict(len(scores))
        for said, score in zip(predictions, scores, strict=True):
            said.score = score
        writer.write(ARTIFACT, predictions, rows)
    assert [line["score"] for line in lines_of(tmp_path / "log.sqlite")] == scores


def test_only_what_the_contract_allows_is_stored(tmp_path):
    "Neither a personal column nor one that the model does not look at is in the file, in any form."
    with writing(tmp_path / "log.sqlite") as writer:
        predictions, _ = predict()
        row = {"origin": "JFK", "age": "born in 1951", "tail": "N14228"}
        writer.write(ARTIFACT, predictions, [row])
        writer.flush()
        stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"JFK" in stored and b"1951" not in stored and b"N14228" not in stored
    assert [line["row"] for line in lines_of(tmp_path / "log.sqlite")] == [{"origin": "JFK"}]


def fill(path, ages):
    "Put predictions of some ages, in days, into a log."
    now = time.time()
    lines = []
    for number, days in enumerate(ages):
        at = now - 86_400 * days
        lines.append((f"{first_id(at)}{number:08x}-0", at, "v", "{}", 0.5, "act"))
    with closing(open_log(path)) as log:
        write_log(log, lines)


def test_what_is_too_old_is_purged_without_any_request(tmp_path):
    "More than one part of it, and nothing younger."
    fill(tmp_path / "log.sqlite", [91] * 25_000 + [89.9] * 7)
    with writing(tmp_path / "log.sqlite", keep_days=90):
        wait_until(lambda: len(lines_of(tmp_path / "log.sqlite")) == 7)


def test_the_artifact_in_service_says_how_long_is_kept(tmp_path):
    "A new version with another promise is heard; none means for ever."
    fill(tmp_path / "log.sqlite", [20] * 3 + [2] * 4)
    for keep_days, left in [(None, 7), (30, 7), (10, 4)]:
        artifact = SimpleNamespace(**vars(ARTIFACT))
        artifact.contract = ARTIFACT.contract | {"life": {"keep_days": keep_days}}
        with writing(tmp_path / "log.sqlite", every=60) as writer:
            writer.write(artifact, [], [])
            writer.flush()
        assert len(lines_of(tmp_path / "log.sqlite")) == left


def test_purging_takes_the_oldest_first(tmp_path):
    "So that a part of it is a promise kept in part."
    fill(tmp_path / "log.sqlite", [5, 9, 7, 1])
    with closing(open_log(tmp_path / "log.sqlite")) as log:
        assert purge_log(log, time.time() - 86_400 * 4, at_most=2) == 2
        assert len(read_log(log, since=time.time() - 86_400 * 6)) == 2 == len(read_log(log))


def test_a_batch_is_written_whole_or_not_at_all(tmp_path):
    "Also when it takes more than one statement."
    with closing(open_log(tmp_path / "log.sqlite")) as log:
        lines = [(f"{n:016x}", 0.0, "v", "{}", 0.5, "act") for n in range(1200)]
        with pytest.raises(sqlite3.IntegrityError):
            write_log(log, [*lines, lines[0]])
        assert read_log(log) == []
        write_log(log, lines)
        assert len(read_log(log)) == 1200


def test_a_label_is_told_once_whoever_tells_it(tmp_path):
    "Told twice is fine, told otherwise is a conflict that names both, and an unknown id is named."
    with writing(tmp_path / "log.sqlite") as writer, writing(tmp_path / "log.sqlite") as other:
        (said,), rows = predict()
        writer.write(ARTIFACT, [said], rows)
        writer.label(said.id, "late")
        other.label(said.id, "late")
        with pytest.raises(LabelConflict, match="'late' as before, got 'on time'"):
            other.label(said.id, "on time")
        with pytest.raises(UnknownPrediction, match="unknown id"):
            other.label("nobody", "late")
    (line,) = lines_of(tmp_path / "log.sqlite")
    assert line["label"] == "late" and line["labelled_at"] >= line["at"]


def test_a_label_may_follow_at_once_through_another_process(tmp_path):
    "The prediction still waits in the process that made it; the one that is told waits for it."
    code = """
    writer = Writer(sys.argv[1])
    for _ in range(8):
        print(answer(writer, 1), flush=True)
        sys.stdin.readline()
    writer.close()
    """
    command = [sys.executable, "-c", PROCESS + textwrap.dedent(code), tmp_path / "log.sqlite"]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    with writing(tmp_path / "log.sqlite") as writer, process:
        for _ in range(8):
            writer.label(process.stdout.readline().strip(), "late")
            process.stdin.write("\n")
    assert [line["label"] for line in lines_of(tmp_path / "log.sqlite")] == ["late"] * 8


@pytest.mark.parametrize("end", ["pass", "sys.exit(3)", "raise ValueError", "fork"])
def test_a_process_that_ends_writes_what_waits(end, tmp_path):
    "Also one that forgets to close, and one that was forked, as a server's workers are."
    if end == "fork":
        if sys.platform == "win32":
            pytest.skip("Windows cannot fork")
        code = """
        import multiprocessing
        def work():
            answer(Writer(sys.argv[1], every=0.5), 7)
        child = multiprocessing.get_context("fork").Process(target=work)
        child.start()
        child.join()
        """
    else:
        code = f"answer(Writer(sys.argv[1], every=0.5), 7)\n{end}"
    start(code, tmp_path / "log.sqlite").communicate(timeout=60)
    assert len(lines_of(tmp_path / "log.sqlite")) == 7


def test_a_process_that_is_killed_leaves_a_log_that_is_whole(tmp_path):
    "Nothing of what was written is lost, and the next process writes on."
    code = """
    writer = Writer(sys.argv[1], every=0.001)
    answer(writer, 20)
    time.sleep(0.2)
    print("written", flush=True)
    while True:
        answer(writer, 20)
        time.sleep(0.0005)
    """
    for times in range(1, 4):
        process = start(code, tmp_path / "log.sqlite")
        assert process.stdout.readline() == "written\n"
        time.sleep(0.05)
        process.kill()
        process.communicate()
        with closing(open_log(tmp_path / "log.sqlite")) as log:
            assert log.execute("pragma integrity_check").fetchone() == ("ok",)
            assert len(read_log(log)) >= 20 * times


APP = """
import secrets, sys, time
from types import SimpleNamespace
from log import first_id
from writer import Writer

artifact = SimpleNamespace(version="v1", contract={"columns": {"origin": {}}, "life": {}},
                           features=SimpleNamespace(columns=("origin",)))

def create_app():
    writer = Writer(PATH, every=0.5)
    def answer(environ, start_response):
        if environ["PATH_INFO"] == "/predict":
            id = first_id(time.time()) + secrets.token_hex(4)
            said = SimpleNamespace(id=id, score=1.0, decision="act")
            writer.write(artifact, [said], [{"origin": "JFK"}])
        start_response("200 OK", [])
        return [b"yes"]
    return answer
"""


def test_a_server_that_is_told_to_stop_writes_what_waits(tmp_path):
    "SIGTERM reaches the server, the server stops its workers, and they clear their piles first."
    app = tmp_path / "app"
    app.mkdir()
    for name, content in library_files().items():
        if name.endswith(".py"):
            (app / name).write_bytes(content)
    path = str(tmp_path / "log.sqlite")
    (app / "app.py").write_text(APP.replace("PATH,", f"{path!r},"))
    with make_artifacts.serving(app, WORKERS="2") as address:
        for _ in range(40):
            with urllib.request.urlopen(address + "/predict", timeout=10) as reply:
                assert reply.read() == b"yes"
    assert len(lines_of(path)) == 40
