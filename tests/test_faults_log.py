"""The log: many processes at once, and every way in which a file cannot be written.

What holds for any log is tried with a file of SQLite and with a database of PostgreSQL.
"""

import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from make_artifacts import fetch, serving

from mlprod.app.log import (
    STEPS,
    LabelConflict,
    Log,
    LogError,
    UnknownPrediction,
    first_id,
    open_log,
    purge_log,
    write_lines,
)
from mlprod.app.model import load_artifact, read_pointer
from mlprod.generate import generate_app
from postgres import need_server

Row = msgspec.defstruct("Row", [("origin", str), ("age", int | str), ("tail", str)])
ROW = Row("JFK", 61, "N14228")
CONTRACT = {
    "project": "toy",
    "columns": {"origin": {}, "age": {"personal": True}, "tail": {}},
    "life": {},
}
ARTIFACT = SimpleNamespace(
    version="v1",
    contract=CONTRACT,
    features=SimpleNamespace(columns=("origin", "age")),
)
PROCESS = """
import sys, time, secrets
from types import SimpleNamespace
import msgspec
from mlprod.app.log import Log, first_id

def make_log(place, **settings):
    if place.startswith("postgresql"):
        from mlprod.app.postgres import PostgresLog
        return PostgresLog(place, **settings)
    return Log(place, **settings)

Row = msgspec.defstruct("Row", [("origin", str)])
contract = {"project": "toy", "columns": {"origin": {}}, "life": {}}
features = SimpleNamespace(columns=("origin",))
artifact = SimpleNamespace(version="v1", contract=contract, features=features)

def answer(log, size):
    request = first_id(time.time()) + secrets.token_hex(4)
    ids = [f"{request}-{n}" for n in range(size)]
    predictions = [SimpleNamespace(id=id, score=0.5, decision="act") for id in ids]
    log.write(artifact, predictions, [Row("JFK")] * size, 20 * size)
    return ids[0]
"""
places = count()


@pytest.fixture(params=["sqlite", "postgres"])
def place(request, tmp_path):
    "Where a log may be: the path of a file, or the address of a database; both are empty."
    if request.param == "sqlite":
        return tmp_path / "log.sqlite"
    return need_server().new_database()


def make_log(place, **settings):
    "The log at a place."
    if isinstance(place, Path):
        return Log(place, **settings)
    from mlprod.app.postgres import PostgresLog

    return PostgresLog(place, **settings)


def open_place(place, project="toy"):
    "Open the log at a place."
    if isinstance(place, Path):
        return open_log(place, project)
    from mlprod.app.postgres import open_postgres

    return open_postgres(place, project)


def predict(size=1):
    "Predictions and their rows."
    ids = [f"{first_id(time.time())}{next(places):08x}-{place}" for place in range(size)]
    return [SimpleNamespace(id=id, score=0.5, decision="act") for id in ids], [ROW] * size


def start(code, *arguments, **pipes):
    "Start a process that has the function answer."
    command = [sys.executable, "-c", PROCESS + textwrap.dedent(code), *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | pipes
    return subprocess.Popen(command, text=True, **pipes)


def run(code, *arguments):
    "What a process of its own prints."
    process = start(code, *arguments)
    out, error = process.communicate(timeout=60)
    assert not process.returncode, error
    return out.split()


@contextmanager
def logging_to(place, **settings):
    "A log that is closed afterwards."
    log = make_log(place, **settings)
    try:
        yield log
    finally:
        log.close()


def lines_of(place, project="toy"):
    "What the log holds, one dictionary a prediction, oldest first."
    names = "id", "at", "version", "row", "score", "decision", "label", "labelled_at"
    with closing(open_place(place, project)) as reader:
        found = reader.execute(f"select {', '.join(names)} from predictions order by id")
        return [dict(zip(names, line, strict=True)) for line in found.fetchall()]


def wait_until(holds, seconds=20):
    "Give a thread the time it needs."
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)


def test_four_processes_at_once_lose_nothing(place):
    "Every row of every process is there once, however they meet, in a file made by the first."
    code = """
    log = make_log(sys.argv[1], every=0.002)
    for request in range(150):
        answer(log, 1 + request % 40)
        time.sleep(0.001)
    log.close()
    print(log.lost)
    """
    processes = [start(code, place) for _ in range(4)]
    lost = [process.communicate(timeout=60) for process in processes]
    assert [int(out) for out, _ in lost] == [0] * 4, lost
    ids = [line["id"] for line in lines_of(place)]
    size = sum(1 + request % 40 for request in range(150))
    assert len(ids) == len(set(ids)) == 4 * size


def test_logs_that_make_the_file_at_the_same_instant_lose_nothing(tmp_path):
    "Switching a new file to WAL does not wait for a lock; the log tries again."
    for number in range(10):
        path, barrier = tmp_path / f"{number}.sqlite", threading.Barrier(6)

        def open_at_once(path=path, barrier=barrier):
            barrier.wait()
            with logging_to(path, every=0.001) as log:
                log.write(ARTIFACT, *predict(), 20)
            return log.lost

        with ThreadPoolExecutor(6) as threads:
            lost = [each.result() for each in [threads.submit(open_at_once) for _ in range(6)]]
        assert (sum(lost), len(lines_of(path))) == (0, 6)


def test_a_locked_log_holds_nothing_up_and_is_caught_up_with(tmp_path):
    "While another process holds the lock requests go on; what has room waits, the rest is counted."
    path = tmp_path / "log.sqlite"
    open_log(path, "toy").close()
    with logging_to(path, room=500 * (20 + 400 + 300 + 2 * 32)) as log:
        log.write(ARTIFACT, *predict(), 20)
        wait_until(lambda: lines_of(path))
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("begin exclusive")
            for _ in range(800):
                log.write(ARTIFACT, *predict(), 20)
            wait_until(lambda: log.problem)
            with pytest.raises(LogError, match="the log cannot be written"):
                log.label("toy", [("a", "late")])
            assert "locked" in log.problem and log.lost == 300
            other.execute("rollback")
        wait_until(lambda: log.problem is None)
        log.write(ARTIFACT, *predict(), 20)
    ids = [line["id"] for line in lines_of(path)]
    assert log.lost == 300 and len(ids) == len(set(ids)) == 1 + 500 + 1


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs users as Unix has them")
@pytest.mark.parametrize("exists", [True, False])
def test_a_read_only_log_is_lost_and_counted(exists):
    "Another user's file, and a folder that nothing can be made in. (Root becomes nobody first.)"
    code = """
    import os
    if os.geteuid() == 0:
        os.setuid(65534)
    log = make_log(sys.argv[1])
    for request in range(30):
        answer(log, 10)
    log.close()
    print(log.lost, "problem:", log.problem)
    """
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to other users
        path = Path(folder) / "log.sqlite"
        if exists:
            open_log(path, "toy").close()
            path.chmod(0o444)
        Path(folder).chmod(0o555)
        out = run(code, path)
        Path(folder).chmod(0o755)
        assert out[0] == "300"
        assert ("readonly" if exists else "open") in out or "unable" in out, out


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_full_disk_is_counted_and_recovered_from(tmp_path):
    "What was written stays, what was not is counted, and with room again it goes on."
    code = """
    import resource
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    log = make_log(sys.argv[1], every=0.005)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, limit[1]))
    written = 0
    while not log.lost:
        answer(log, 100)
        written += 100
        time.sleep(0.05)
    problem = log.problem
    resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    answer(log, 100)
    log.close()
    print(written + 100, log.lost, log.problem, "after:", problem)
    """
    written, lost, problem, *after = run(code, tmp_path / "log.sqlite")
    assert int(lost) >= 100 and problem == "None" and len(after) > 1
    assert len(lines_of(tmp_path / "log.sqlite")) == int(written) - int(lost) >= 100


def spoil_all(path):
    path.write_bytes(os.urandom(20_000))


def spoil_pages(path):
    with closing(open_log(path, "toy")) as log:
        lines = [(f"{first_id(time.time())}-{n}", 0, "v", "{}", 0.5, "act") for n in range(3000)]
        write_lines(log, lines)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))


@pytest.mark.parametrize("spoil", [spoil_all, spoil_pages, Path.mkdir])
def test_a_corrupt_log_is_lost_at_once_and_repaired_by_replacing_it(spoil, tmp_path):
    "A file that is no database, one with broken pages, and a folder: counted, never raised."
    path = tmp_path / "log.sqlite"
    spoil(path)
    with logging_to(path) as log:
        log.write(ARTIFACT, *predict(3), 60)
        wait_until(lambda: log.lost)
        assert log.lost == 3 and log.problem
        with pytest.raises(LogError):
            log.label("toy", [("a", "late")])
        path.rename(tmp_path / "spoilt")
        log.write(ARTIFACT, *predict(3), 60)
        wait_until(lambda: log.problem is None)
    assert log.lost == 3 and len(lines_of(path)) == 3


def test_a_missing_folder_is_lost_and_each_loss_is_reported(tmp_path):
    "Whoever keeps the metrics hears of every row, in the process that lost it."
    losses = []
    with logging_to(tmp_path / "no" / "log.sqlite", on_lost=losses.append) as log:
        for _ in range(20):
            log.write(ARTIFACT, *predict(2), 40)
        wait_until(lambda: log.lost == 40)
        (tmp_path / "no").mkdir()
        log.write(ARTIFACT, *predict(), 20)
    log.write(ARTIFACT, *predict(), 20)  # a request that comes too late
    assert sum(losses) == log.lost == 41
    assert len(lines_of(tmp_path / "no" / "log.sqlite")) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="a file that is open stays there")
@pytest.mark.parametrize("files", ["log.sqlite", "log.sqlite*"])
def test_a_deleted_file_is_made_anew_by_processes_that_write_and_by_one_that_is_idle(
    files, tmp_path
):
    "What is answered afterwards is in the new file, which is whole; a loss is counted."
    code = """
    log = make_log(sys.argv[1], every=0.01)
    answer(log, 1)
    print("started", flush=True)
    sent = 0 if sys.argv[2] == "idle" else 400
    for _ in range(sent):
        answer(log, 1)
        time.sleep(0.005)
    sys.stdin.readline()
    log.close()
    print(sent, log.lost, log.problem)
    """
    path, pipe = tmp_path / "log.sqlite", {"stdin": subprocess.PIPE}
    processes = [start(code, path, how, **pipe) for how in ("idle", "busy", "busy")]
    for process in processes:
        assert process.stdout.readline() == "started\n"
    time.sleep(0.5)
    for file in sorted(tmp_path.glob(files), reverse=True):
        file.unlink(missing_ok=True)  # the one that is missed last: a new one is not deleted
    wait_until(path.exists)
    ends = [process.communicate("\n", timeout=60)[0].split() for process in reversed(processes)]
    sent = sum(int(end[0]) for end in ends)
    lost = sum(int(end[1]) for end in ends)
    assert [end[2] for end in ends[:2]] == ["None"] * 2, ends
    with closing(sqlite3.connect(path)) as log:
        assert log.execute("pragma integrity_check").fetchone() == ("ok",)
    assert sent / 4 < len(lines_of(path)) < sent and lost < sent / 10, (sent, lost)


def test_a_log_belongs_to_one_project(place):
    "Another project's rows are counted as lost, its labels refused, and it deletes nothing."
    fill(place, [20] * 3)
    penguins = SimpleNamespace(**vars(ARTIFACT))
    penguins.contract = CONTRACT | {"project": "penguins", "life": {"keep_days": 10}}
    with logging_to(place) as log:
        log.write(penguins, *predict(2), 40)
        wait_until(lambda: log.lost == 2)
        assert log.problem.endswith(": expected the log of penguins, got that of toy")
        with pytest.raises(LogError, match="expected the log of penguins, got that of toy"):
            log.label("penguins", [("a", "late")])
    assert len(lines_of(place)) == 3


def test_what_waits_is_bounded_in_bytes(place):
    "Few large requests are counted like many small ones; one that is too large is lost alone."
    with logging_to(place, every=60, room=1_000_000) as log:
        log.write(ARTIFACT, *predict(5000), 5)
        assert log.lost == 5000, "rows take memory, however short their text is"
        for _ in range(10):
            log.write(ARTIFACT, *predict(1), 300_000)
        assert log.lost == 5000 + 7
        log.write(ARTIFACT, *predict(100), 2_000)
    assert log.lost == 5007 and len(lines_of(place)) == 103


def test_a_hundred_thousand_rows_at_once_are_written(tmp_path):
    "In one transaction, if there is room for them."
    predictions, rows = predict(100_000)
    with logging_to(tmp_path / "log.sqlite", room=2**26) as log:
        log.write(ARTIFACT, predictions, rows, 2_000_000)
    assert log.lost == 0 and len(lines_of(tmp_path / "log.sqlite")) == 100_000


def test_each_row_is_written_or_counted_also_while_the_log_is_closed(place):
    "Requests that are in flight when the process ends are in the log or in the count."
    log, sent, stop = make_log(place, every=0.001), count(), threading.Event()

    def ask():
        while not stop.is_set():
            log.write(ARTIFACT, *predict(), 20)
            next(sent)
            time.sleep(0.0005)

    with ThreadPoolExecutor(4) as threads:
        asking = [threads.submit(ask) for _ in range(4)]
        time.sleep(0.2)
        log.close()
        time.sleep(0.05)
        stop.set()
    assert [each.exception() for each in asking] == [None] * 4
    assert log.lost > 0 and len(lines_of(place)) + log.lost == next(sent)


def test_the_thread_outlives_any_mistake(place):
    "Rows that cannot become lines are counted, and the next ones are written."
    broken = SimpleNamespace(**vars(ARTIFACT))
    broken.contract = {"project": "toy", "life": {}}
    with logging_to(place) as log:
        log.write(broken, *predict(3), 60)
        wait_until(lambda: log.lost == 3)
        log.write(ARTIFACT, *predict(), 20)
    assert log.lost == 3 and len(lines_of(place)) == 1


def test_scores_come_back_to_the_bit(place):
    "The log has the score that the answer had."
    scores = [1 / 3, 0.41234567761421204, 1e-300, 0.1 + 0.2, 1.0, 0.0]
    with logging_to(place) as log:
        predictions, rows = predict(len(scores))
        for prediction, score in zip(predictions, scores, strict=True):
            prediction.score = score
        log.write(ARTIFACT, predictions, rows, 100)
    assert [line["score"] for line in lines_of(place)] == scores


def test_only_what_the_contract_allows_is_stored(tmp_path):
    "Neither a personal column nor one that the model does not look at is in the file, in any form."
    open_log(tmp_path / "log.sqlite", "toy").close()
    with logging_to(tmp_path / "log.sqlite") as log:
        predictions, _ = predict()
        log.write(ARTIFACT, predictions, [Row("JFK", "born in 1951", "N14228")], 60)
        wait_until(lambda: lines_of(tmp_path / "log.sqlite"))
        stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"JFK" in stored and b"1951" not in stored and b"N14228" not in stored
    (line,) = lines_of(tmp_path / "log.sqlite")
    assert json.loads(line["row"]) == {"origin": "JFK"}


def fill(place, ages):
    "Put predictions of some ages, in days, into a log."
    now = time.time()
    lines = []
    for number, days in enumerate(ages):
        at = now - 86_400 * days
        lines.append((f"{first_id(at)}{number:08x}-0", at, "v", "{}", 0.5, "act"))
    with closing(open_place(place)) as log, log:
        write_lines(log, lines)


@pytest.mark.parametrize("keep_days, left", [(None, 25_007), (90, 7)])
def test_what_is_too_old_is_purged_without_any_prediction(keep_days, left, place):
    "A contract alone is enough; more than one part of the log goes, and nothing younger."
    fill(place, [91] * 25_000 + [89.9] * 7)
    artifact = SimpleNamespace(**vars(ARTIFACT))
    artifact.contract = CONTRACT | {"life": {"keep_days": keep_days}}
    with logging_to(place, every=0.01) as log:
        log.write(artifact, [], [], 0)
        time.sleep(0.2)
        wait_until(lambda: len(lines_of(place)) == left)


def test_too_many_bytes_are_purged_oldest_first(place):
    "The file stops growing, and the newest predictions stay."
    fill(place, range(40_000, 0, -1))
    with logging_to(place, most_bytes=1_000_000) as log:
        log.write(ARTIFACT, *predict(), 20)
        wait_until(lambda: len(lines_of(place)) == 10_001)
    ages = [(time.time() - line["at"]) / 86_400 for line in lines_of(place)]
    assert 9_999 < max(ages) < 10_001


def test_purging_deletes_the_oldest_first(place):
    "So that a part of it is a promise kept in part."
    fill(place, [5, 9, 7, 1])
    with closing(open_place(place)) as log:
        assert purge_log(log, time.time() - 86_400 * 4, 2**30, at_most=2)
        assert not purge_log(log, time.time() - 86_400 * 6, 2**30)
    assert len(lines_of(place)) == 2


def test_an_older_log_is_brought_up_to_date(tmp_path):
    "Its rows and labels stay, and shadows have a table; a newer log is refused, untouched."
    path, at = tmp_path / "log.sqlite", 1_400_000_000.0
    with closing(sqlite3.connect(path)) as log, log:
        log.executescript(STEPS[0])
        log.execute("insert into about values ('toy')")
        line = f"{first_id(at)}-0", at, "v1", "{}", 0.5, "act", "late", at
        log.execute("insert into predictions values (?, ?, ?, ?, ?, ?, ?, ?)", line)
        line = f"{first_id(at)}-1", at, "v1", "{}", 0.5, "act", None, None
        log.execute("insert into predictions values (?, ?, ?, ?, ?, ?, ?, ?)", line)
    with logging_to(path) as log:
        predictions, rows = predict(3)
        shadow = SimpleNamespace(id=predictions[0].id, version="v2", score=0.25, decision="leave")
        log.write(ARTIFACT, predictions, rows, 20, [shadow])
        wait_until(lambda: len(lines_of(path)) == 5)
        log.label("toy", [(f"{first_id(at)}-1", "on time")])
    assert [line["label"] for line in lines_of(path)][:2] == ["late", "on time"]

    with closing(sqlite3.connect(path)) as log:
        log.execute("pragma user_version = 99")
    with pytest.raises(LogError, match="expected version 2 or older, got 99: update the app"):
        open_log(path, "toy")
    with closing(sqlite3.connect(path)) as log:
        assert log.execute("select count(*) from predictions").fetchone() == (5,)


def test_the_clock_that_is_given_is_the_only_one(place):
    "Predictions, labels and the purge go by it."
    now = [86_400.0 * 365 * 40]  # in 2009
    artifact = SimpleNamespace(**vars(ARTIFACT))
    artifact.contract = CONTRACT | {"life": {"keep_days": 10}}
    open_place(place).close()
    with logging_to(place, clock=lambda: now[0], every=0.01) as log:
        old = [SimpleNamespace(id=f"{first_id(now[0])}-0", score=0.5, decision="act")]
        log.write(artifact, old, [ROW], 20)
        wait_until(lambda: lines_of(place))
        log.label("toy", [(old[0].id, "late")])
        (line,) = lines_of(place)
        assert (line["at"], line["labelled_at"]) == (now[0], now[0])
    now[0] += 86_400 * 11
    with logging_to(place, clock=lambda: now[0], every=0.01) as log:
        log.write(artifact, [], [], 0)
        wait_until(lambda: not lines_of(place))


def test_a_shadow_is_kept_and_purged_with_its_prediction(place):
    "Which version it is stands beside it."
    with logging_to(place) as log:
        (mine,), rows = predict()
        shadow = SimpleNamespace(id=mine.id, version="v2", score=0.25, decision="leave")
        log.write(ARTIFACT, [mine], rows, 20, [shadow])
    with closing(open_place(place)) as log:
        found = log.execute("select * from shadows").fetchall()
        assert found == [(mine.id, "v2", 0.25, "leave")]
        purge_log(log, time.time() + 60, 2**30)
        assert log.execute("select count(*) from shadows").fetchone() == (0,)


def test_a_batch_is_written_whole_or_not_at_all(place):
    "Also when the last of many lines fails."
    with closing(open_place(place)) as log:
        lines = [(f"{n:016x}", 0.0, "v", "{}", 0.5, "act") for n in range(1200)]
        with pytest.raises((sqlite3.IntegrityError, LogError)), log:
            write_lines(log, [*lines, lines[0]])
        assert lines_of(place) == []
        with log:
            write_lines(log, lines)
        assert len(lines_of(place)) == 1200


def test_a_label_is_written_once_whoever_reports_it(place):
    "Again is fine, another is a conflict that names both, an unknown id is named; all or none."
    with logging_to(place) as log, logging_to(place) as other:
        (first, second), rows = predict(2)
        log.write(ARTIFACT, [first, second], rows, 40)
        log.label("toy", [(first.id, "late")])
        other.label("toy", [(first.id, "late")])
        with pytest.raises(LabelConflict, match="'late' as before, got 'on time'"):
            other.label("toy", [(second.id, "on time"), (first.id, "on time")])
        with pytest.raises(UnknownPrediction, match="prediction nobody"):
            other.label("toy", [(second.id, "on time"), ("nobody", "late")])
    line, other_line = lines_of(place)
    assert line["label"] == "late" and line["labelled_at"] >= line["at"]
    assert other_line["label"] is None, "it stood in lists that were refused"


def test_a_label_may_follow_at_once_through_another_process(place):
    "The prediction still waits in the process that made it; the other process waits for it."
    code = """
    log = make_log(sys.argv[1])
    for _ in range(8):
        print(answer(log, 1), flush=True)
        sys.stdin.readline()
    log.close()
    """
    process = start(code, place, stdin=subprocess.PIPE, stderr=None, bufsize=1)
    with logging_to(place) as log, process:
        for _ in range(8):
            log.label("toy", [(process.stdout.readline().strip(), "late")])
            process.stdin.write("\n")
    assert [line["label"] for line in lines_of(place)] == ["late"] * 8


@pytest.mark.parametrize("end", ["pass", "sys.exit(3)", "raise ValueError", "fork"])
def test_a_process_that_ends_writes_what_waits(end, place):
    "Also one that forgets to close, and one that was forked, as a server's workers are."
    if end == "fork":
        if sys.platform == "win32":
            pytest.skip("Windows cannot fork")
        code = """
        import multiprocessing
        def work():
            answer(make_log(sys.argv[1], every=0.5), 7)
        child = multiprocessing.get_context("fork").Process(target=work)
        child.start()
        child.join()
        """
    else:
        code = f"answer(make_log(sys.argv[1], every=0.5), 7)\n{end}"
    start(code, place).communicate(timeout=60)
    assert len(lines_of(place)) == 7


def test_a_log_that_is_locked_while_it_is_closed_is_waited_for_and_then_lost(tmp_path):
    "A lock that goes away in time costs nothing; another one costs what waits, which is counted."
    path = tmp_path / "log.sqlite"
    open_log(path, "toy").close()
    for lost, seconds in ((0, 1.5), (1, 30)):
        with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
            other.execute("begin exclusive")
            timer = threading.Timer(seconds, other.execute, ["rollback"])
            timer.start()
            with logging_to(path) as log:
                log.write(ARTIFACT, *predict(), 20)
            timer.cancel()
            timer.join()
        assert log.lost == lost
    assert len(lines_of(path)) == 1


def test_a_process_that_is_killed_leaves_a_log_that_is_whole(tmp_path):
    "Nothing of what was written is lost, and the next process writes on."
    code = """
    log = make_log(sys.argv[1], every=0.001)
    answer(log, 20)
    time.sleep(0.2)
    print("written", flush=True)
    while True:
        answer(log, 20)
        time.sleep(0.0005)
    """
    for times in range(1, 4):
        process = start(code, tmp_path / "log.sqlite")
        assert process.stdout.readline() == "written\n"
        time.sleep(0.05)
        process.kill()
        process.communicate()
        with closing(open_log(tmp_path / "log.sqlite", "toy")) as log:
            assert log.execute("pragma integrity_check").fetchone() == ("ok",)
        written = len(lines_of(tmp_path / "log.sqlite"))
        assert written >= 20 * times


def test_a_server_that_is_asked_to_stop_writes_what_waits(root, tmp_path):
    "SIGTERM reaches the server, and its workers write their queues before they end."
    app = generate_app(root / "app" / "artifacts", tmp_path / "app")
    artifacts, path = app / "artifacts", tmp_path / "log.sqlite"
    artifact = load_artifact(artifacts / read_pointer(artifacts))
    body = json.dumps(artifact.example).encode()
    with serving(app, WORKERS="2", PREDICTION_LOG=str(path)) as address:
        for _ in range(40):
            answer = fetch(f"{address}/predict", body, Content_Type="application/json")
            assert answer[0] == 200, answer
    assert len(lines_of(path, artifact.project)) == 40
