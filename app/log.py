"""What the app said, what then really happened, and for how long anybody may look at it."""

import json
import sqlite3
import time
from pathlib import Path

TABLE = """
create table if not exists predictions (
    id text primary key,      -- begins with the time, see first_id
    at real not null,         -- seconds since 1970, UTC
    version text not null,    -- of the artifact that answered
    row text not null,        -- JSON: the columns that the model looked at, but the personal ones
    score real not null,
    decision text not null,
    label text,               -- what then really happened; empty until somebody tells
    labelled_at real
) without rowid
"""


def open_log(
    path: str | Path,  # of the SQLite file; made where there is none
    timeout: float = 1.0,  # seconds to wait while another process writes
) -> sqlite3.Connection:
    "Open the log; raises sqlite3.Error where that cannot be done."
    log = sqlite3.connect(path, timeout, isolation_level=None, check_same_thread=False)
    until = time.monotonic() + timeout
    try:
        while True:
            try:
                log.execute("pragma journal_mode = wal")  # readers do not wait for the writer
                break
            except sqlite3.OperationalError as error:
                if not is_locked(error) or time.monotonic() > until:
                    raise
                time.sleep(0.01)  # for this one statement SQLite does not wait itself
        log.execute("pragma synchronous = normal")
        log.execute(TABLE)
    except sqlite3.Error:
        log.close()
        raise
    return log


def is_locked(error: sqlite3.Error) -> bool:
    "Say whether all that is wrong is that somebody else writes."
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def first_id(
    at: float,  # seconds since 1970, UTC
) -> str:  # sixteen hexadecimal digits
    "Give what the ids of predictions made at this moment begin with; later ones sort after it."
    return f"{max(0, int(at * 1e9)):016x}"


LINE, AT_ONCE = "(?, ?, ?, ?, ?, ?, null, null)", 500  # SQLite takes 32,766 values a statement


def write_log(
    log: sqlite3.Connection,
    lines: list[tuple],  # each id, at, version, row as JSON, score, decision
) -> None:
    "Write predictions, all of them or none; raises sqlite3.Error."
    log.execute("begin immediate")
    try:
        for start in range(0, len(lines), AT_ONCE):
            some = lines[start : start + AT_ONCE]
            sql = "insert into predictions values " + ", ".join([LINE] * len(some))
            log.execute(sql, [value for line in some for value in line])
        log.execute("commit")
    except BaseException:
        if log.in_transaction:  # after some errors SQLite has ended it already
            log.execute("rollback")
        raise


class LabelError(ValueError):
    "A label does not fit the log."


class UnknownPrediction(LabelError):
    "There is no prediction with this id."


class LabelConflict(LabelError):
    "The prediction has another label already."


def label_log(
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
    sql = "select * from predictions where id >= ? order by id"
    cursor = log.execute(sql, (first_id(since),))
    names = [column[0] for column in cursor.description]
    lines = [dict(zip(names, line, strict=True)) for line in cursor]
    return [line | {"row": json.loads(line["row"])} for line in lines]


def purge_log(
    log: sqlite3.Connection,
    before: float,  # seconds since 1970, UTC
    at_most: int = 10_000,  # lines, so that nobody waits long
) -> int:  # lines that were thrown away; fewer than `at_most` when none is left
    "Throw away the oldest predictions made before a moment, with their labels."
    old = "select id from predictions where id < ? order by id limit ?"
    sql = f"delete from predictions where id in ({old})"
    return log.execute(sql, (first_id(before), at_most)).rowcount
