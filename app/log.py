"""Log predictions and what really happened to SQLite, in a thread that no request waits for."""

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import msgspec

from model import Artifact

TABLES = """
create table if not exists predictions (
    id text primary key,      -- begins with the time, see first_id
    at real not null,         -- seconds since 1970, UTC
    version text not null,    -- of the artifact that answered
    row text not null,        -- JSON: the columns that the model looked at, but the personal ones
    score real not null,
    decision text not null,
    label text,               -- what really happened; empty until somebody reports it
    labelled_at real
) without rowid;
create table if not exists about (project text primary key);
"""


class LogError(ValueError):
    "The log cannot be used."

    code = 503


def open_log(path: str | Path, project: str) -> sqlite3.Connection:
    "Open the log of a project; raises sqlite3.Error, or LogError where it is another project's."
    log = sqlite3.connect(path, timeout=1, isolation_level="IMMEDIATE", check_same_thread=False)
    try:
        log.execute("pragma journal_mode = wal")  # readers do not wait for the writer
        log.execute("pragma synchronous = normal")
        log.executescript(TABLES)
        with log:
            sql = "insert into about select ? where not exists (select 1 from about)"
            log.execute(sql, (project,))
        (owner,) = log.execute("select project from about").fetchone()
        if owner != project:
            raise LogError(f"{Path(path).name}: expected the log of {project}, got that of {owner}")
    except BaseException:
        log.close()
        raise
    return log


def first_id(at: float) -> str:  # at: seconds since 1970, UTC; sixteen hexadecimal digits
    "Return what the ids of predictions made at this moment begin with; later ones sort after it."
    return f"{max(0, int(at * 1e9)):016x}"


def make_lines(queue: list[tuple]) -> list[tuple]:  # when, artifact, predictions, rows, bytes
    "Turn answered requests into lines of the log, without personal columns."
    lines = []
    for at, artifact, predictions, rows, _ in queue:
        names, columns = list(artifact.features.columns), artifact.contract["columns"]
        keep = [name for name in names if not columns[name].get("personal")]
        for prediction, row in zip(predictions, rows, strict=True):
            values = dict(zip(names, msgspec.structs.astuple(row), strict=False))
            text = msgspec.json.encode({name: values[name] for name in keep}).decode()
            answer = prediction.score, prediction.decision
            lines.append((prediction.id, at, artifact.version, text, *answer))
    return lines


def write_lines(log: sqlite3.Connection, lines: list[tuple]) -> None:
    "Write predictions, all of them or none; raises sqlite3.Error."
    with log:
        log.executemany("insert into predictions values (?, ?, ?, ?, ?, ?, null, null)", lines)


class UnknownPrediction(LogError):
    "There is no prediction with this id."

    code = 404


class LabelConflict(LogError):
    "The prediction has another label already."

    code = 409


def write_labels(
    log: sqlite3.Connection,
    labels: list[tuple[str, str]],  # a prediction's id, and what really happened
) -> None:
    "Write labels, all or none; raises UnknownPrediction, or LabelConflict if another is there."
    sql = "update predictions set label = ?, labelled_at = ? where id = ? and label is null"
    with log:
        for id, label in labels:
            if log.execute(sql, (label, time.time(), id)).rowcount:
                continue
            found = log.execute("select label from predictions where id = ?", (id,)).fetchone()
            if found is None:
                raise UnknownPrediction(f"prediction {id}: expected one from the log, got none")
            if found[0] != label:
                text = f"expected {found[0]!r} as before, got {label!r}"
                raise LabelConflict(f"prediction {id}: {text}")


def purge_log(
    log: sqlite3.Connection,
    before: float,  # seconds since 1970, UTC
    most_bytes: int,  # that the log may hold
    at_most: int = 10_000,  # lines, so that nobody waits long
) -> bool:  # whether there may be more to delete
    "Delete the oldest predictions, with their labels: those before a moment, or if there are many."
    names = ("page_count", "freelist_count", "page_size")
    pages, free, size = (log.execute(f"pragma {name}").fetchone()[0] for name in names)
    end = "~" if (pages - free) * size > most_bytes else first_id(before)
    old = "select id from predictions where id < ? order by id limit ?"
    with log:
        sql = f"delete from predictions where id in ({old})"
        return log.execute(sql, (end, at_most)).rowcount == at_most


class Log:
    "Writes predictions to the log in a thread of its own; requests never wait for it."

    def __init__(
        self,
        path: str | Path,  # of the SQLite file; made where there is none
        on_lost: Callable[[int], None] = lambda rows: None,  # called with each loss
        every: float = 0.05,  # seconds between two rounds
        room: int = 32 * 2**20,  # bytes that may wait
        most_bytes: int = 2**30,  # of the file: then the oldest predictions go
    ):
        self.path, self.every, self.room, self.most_bytes = Path(path), every, room, most_bytes
        self.lost, self.problem = 0, None  # rows that were not written; why, in one line
        self._on_lost, self._log, self._file, self._purge_at = on_lost, None, None, 0.0
        self._contract = None  # until the first prediction brings one
        self._queue, self._waiting, self._lock = [], 0, threading.Lock()  # requests, their bytes
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log")
        self._thread.start()

    def write(self, artifact: Artifact, predictions: list, rows: list, n_bytes: int) -> None:
        "Leave predictions to the thread; where too much waits they are lost, and counted."
        # decoded, a number of one digit takes 32 bytes: what waits is more than what was sent
        n_bytes += 400 + len(rows) * (300 + 32 * len(artifact.features.columns))
        request = time.time(), artifact, predictions, rows, n_bytes
        with self._lock:
            if self._waiting + n_bytes <= self.room:
                self._queue.append(request)
                self._waiting += n_bytes
                return
        self._lose([request])

    def label(self, project: str, labels: list[tuple[str, str]], tries: int = 3) -> None:
        "Write labels, by the ids of predictions; raises LogError where that cannot be done."
        try:
            with closing(open_log(self.path, project)) as log:
                write_labels(log, labels)
        except UnknownPrediction:  # it may still wait, here or in another process
            if tries == 1:
                raise
            time.sleep(2 * self.every)
            self.label(project, labels, tries - 1)
        except sqlite3.Error as error:
            raise LogError(f"the log cannot be written: {error}; send it again") from None

    def close(self) -> None:
        "Write what waits, within a few seconds, and stop."
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while threading.main_thread().is_alive() and not self._closing.wait(self.every):
            self._write_queue()
        self.room, until = 0, time.monotonic() + 3  # what comes now is lost: nobody would write it
        self._write_queue()
        while self._queue and time.monotonic() < until:  # another process writes
            time.sleep(0.05)
            self._write_queue()
        self._lose(self._queue)
        if self._log:
            self._log.close()

    def _write_queue(self) -> None:
        with self._lock:
            queue, self._queue = self._queue, []
        try:
            if queue:
                self._contract = queue[-1][1].contract
            if self._contract:
                self._open()
                self._purge()
            if queue:
                write_lines(self._log, make_lines(queue))
                self.problem = None
        except Exception as error:  # whatever it is, the thread goes on, and the loss is counted
            if self.problem != str(error):
                logging.getLogger("app").error("prediction log: %s", error)
            self.problem, self._file = str(error), None
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY:
                with self._lock:
                    self._queue = queue + self._queue  # another process writes: the next round
                return
            self._lose(queue)
        with self._lock:
            self._waiting -= sum(n_bytes for *_, n_bytes in queue)

    def _open(self) -> None:
        "Open the file, and again when it has been moved away or deleted."
        if self._file and os.path.exists(self.path) and os.stat(self.path).st_ino == self._file:
            return
        if self._log:
            self._log.close()
        self._log = open_log(self.path, self._contract["project"])
        self._file = os.stat(self.path).st_ino

    def _purge(self) -> None:
        "Delete what is too old or too much: each minute, and each round while there is more."
        if time.monotonic() >= self._purge_at:
            before = time.time() - 86_400 * (self._contract["life"].get("keep_days") or 36_500)
            more = purge_log(self._log, before, self.most_bytes)
            self._purge_at = 0.0 if more else time.monotonic() + 60

    def _lose(self, queue: list[tuple]) -> None:
        rows = sum(len(rows) for _, _, _, rows, _ in queue)
        with self._lock:
            self.lost += rows
        self._on_lost(rows)
