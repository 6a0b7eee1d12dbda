"""What the app said and what then really happened, and never in a request's way."""

import json
import sqlite3
import threading
import time
from pathlib import Path
from typing import NamedTuple

TABLE = """
create table if not exists predictions (
    id text primary key,
    at real not null,         -- seconds since 1970, UTC
    version text not null,    -- of the artifact that answered
    row text not null,        -- JSON: the columns that the model looked at
    score real not null,
    decision text not null,
    label text,               -- what then really happened; empty until somebody tells
    labelled_at real
) without rowid
"""


class Entry(NamedTuple):
    "One prediction as it is logged."

    id: str
    row: dict
    score: float
    decision: str


def open_log(
    path: str | Path,  # of the SQLite file; made where there is none
    timeout: float = 1.0,  # seconds to wait while another process writes
) -> sqlite3.Connection:
    "Open the log for this thread; raises sqlite3.Error where that cannot be done."
    log = sqlite3.connect(path, timeout=timeout, isolation_level=None)
    until = time.monotonic() + timeout
    while True:
        try:
            log.execute("pragma journal_mode = wal")  # readers do not wait for the writer
            break
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY" or time.monotonic() > until:
                raise
            time.sleep(0.01)  # for this one statement SQLite does not wait itself
    log.execute("pragma synchronous = normal")
    log.execute(TABLE)
    return log


def log_predictions(
    log: sqlite3.Connection,
    version: str,  # of the artifact that answered
    entries: list[Entry],
) -> None:
    "Write what one request was answered, all of it or nothing."
    now = time.time()
    lines = [(item.id, now, version, json.dumps(item.row), *item[2:]) for item in entries]
    log.execute("begin immediate")
    try:
        log.executemany("insert into predictions values (?, ?, ?, ?, ?, ?, null, null)", lines)
        log.execute("commit")
    except BaseException:
        log.execute("rollback")
        raise


class LabelError(ValueError):
    "A label does not fit the log."


class UnknownPrediction(LabelError):
    "There is no prediction with this id."


class LabelConflict(LabelError):
    "The prediction has another label already."


def label_prediction(
    log: sqlite3.Connection,
    id: str,  # of the prediction, from the answer
    label: str,  # what really happened
) -> None:
    "Tell what really happened; raises UnknownPrediction, or LabelConflict if told otherwise."
    sql = "update predictions set label = ?, labelled_at = ? where id = ? and label is null"
    if log.execute(sql, (label, time.time(), id)).rowcount:
        return
    found = log.execute("select label from predictions where id = ?", (id,)).fetchone()
    if found is None:
        raise UnknownPrediction(f"prediction {id}: expected one from the log, got an unknown id")
    if found[0] != label:
        raise LabelConflict(f"prediction {id}: expected {found[0]!r} as before, got {label!r}")


def read_log(
    log: sqlite3.Connection,
    since: float = 0.0,  # seconds since 1970, UTC
) -> list[dict]:  # one a prediction, oldest first; the row as a dictionary
    "Read predictions with their labels."
    cursor = log.execute("select * from predictions where at >= ? order by at, id", (since,))
    names = [column[0] for column in cursor.description]
    lines = [dict(zip(names, line, strict=True)) for line in cursor]
    return [line | {"row": json.loads(line["row"])} for line in lines]


class Log:
    "The app's log: one connection a thread, and a count of what could not be written."

    def __init__(
        self,
        path: str | Path,  # of the SQLite file
        rest: float = 5.0,  # seconds without a try, after one that failed
    ):
        self.path, self.rest = Path(path), rest
        self.lost, self.problem = 0, None  # predictions not written; why, in one line
        self._resting_until = 0.0
        self._threads, self._counting = threading.local(), threading.Lock()

    def write(self, version: str, entries: list[Entry]) -> bool:  # whether it was written
        "Log predictions; what cannot be written is counted, and the request goes on."
        if time.monotonic() < self._resting_until:
            return self._lose(entries)
        try:
            log_predictions(self.connect(), version, entries)
        except (sqlite3.Error, UnicodeError) as error:
            self._threads.log, self.problem = None, str(error)
            self._resting_until = time.monotonic() + self.rest
            return self._lose(entries)
        self.problem = None
        return True

    def connect(self) -> sqlite3.Connection:
        "Give this thread's connection; raises sqlite3.Error where the file cannot be opened."
        if getattr(self._threads, "log", None) is None:
            self._threads.log = open_log(self.path)
        return self._threads.log

    def _lose(self, entries: list[Entry]) -> bool:
        with self._counting:
            self.lost += len(entries)
        return False
