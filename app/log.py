"""Log predictions and what really happened to SQLite, in a thread that no request waits for."""

import logging
import os
import sqlite3
import threading
import time
from bisect import bisect_left
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec

from model import Artifact

STEPS = (  # that have made the tables; the next one is added at the end
    """
create table if not exists predictions (
    id text primary key,      -- begins with the time, see first_id
    at real not null,         -- seconds since 1970, UTC
    version text not null,    -- of the artifact that answered
    row text not null,        -- JSON: the columns that the model looked at, but the personal ones
    score real not null,
    decision text not null,
    label text,               -- what really happened: empty until somebody reports it
    labelled_at real
) without rowid;
create table if not exists about (project text primary key);
""",
    """
create table shadows (        -- what another version would have answered
    id text primary key, version text not null, score real not null, decision text not null
) without rowid;
create table findings (       -- what the monitor has found, as JSON
    version text primary key, document text not null
) without rowid;
alter table about add column chosen integer not null default 0;
""",
)


class LogError(ValueError):
    "The log cannot be used."

    code = 503


class LogAway(LogError):
    "The log cannot be reached for now: what waits is kept."


def open_log(path: str | Path, project: str) -> sqlite3.Connection:  # path: made if not there
    "Open the log of a project; raises sqlite3.Error, or LogError where it is not ours to use."
    log = sqlite3.connect(path, timeout=1, isolation_level="IMMEDIATE", check_same_thread=False)
    try:
        log.execute("pragma journal_mode = wal")  # readers do not wait for the writer
        log.execute("pragma synchronous = normal")
        bring_up_to_date(log, project, Path(path).name)
    except BaseException:
        log.close()
        raise
    return log


def bring_up_to_date(log: sqlite3.Connection, project: str, name: str) -> None:  # name: the log's
    "Take the steps that a log lacks; raises LogError where it is newer, or another project's."
    (seen,) = log.execute("pragma user_version").fetchone()
    if seen > len(STEPS):
        text = f"expected version {len(STEPS)} or older, got {seen}: update the app"
        raise LogError(f"{name}: {text}")
    if seen < len(STEPS):
        with log:
            log.execute("begin immediate")
            (seen,) = log.execute("pragma user_version").fetchone()  # another may have been faster
            for statement in ";".join(STEPS[seen:]).split(";"):
                log.execute(statement)
            log.execute(f"pragma user_version = {len(STEPS)}")
            sql = "insert into about (project) select ? where not exists (select 1 from about)"
            log.execute(sql, (project,))
    (owner,) = log.execute("select project from about").fetchone()
    if owner != project:
        raise LogError(f"{name}: expected the log of {project}, got that of {owner}")


def first_id(at: float) -> str:  # at: seconds since 1970, UTC; sixteen hexadecimal digits
    "Return what the ids of predictions made at this moment begin with; later ones sort after it."
    return f"{max(0, int(at * 1e9)):016x}"


class Request(NamedTuple):
    "An answered request that waits to be written."

    at: float  # seconds since 1970, UTC
    artifact: Artifact
    predictions: list
    rows: list
    n_bytes: int  # that it holds while it waits
    shadow: list  # predictions of a challenger, unseen


def make_lines(queue: list[Request]) -> list[tuple]:  # a line a row of a request
    "Turn answered requests into lines of the log, without personal columns."
    lines = []
    for request in queue:
        artifact = request.artifact
        names, columns = list(artifact.features.columns), artifact.contract["columns"]
        keep = [name for name in names if not columns[name].get("personal")]
        for prediction, row in zip(request.predictions, request.rows, strict=True):
            values = dict(zip(names, msgspec.structs.astuple(row), strict=False))
            text = msgspec.json.encode({name: values[name] for name in keep}).decode()
            answer = prediction.score, prediction.decision
            lines.append((prediction.id, request.at, artifact.version, text, *answer))
    return lines


def write_lines(log: sqlite3.Connection, lines: list[tuple]) -> None:  # as make_lines gives them
    "Write predictions into the transaction; raises sqlite3.Error."
    log.executemany("insert into predictions values (?, ?, ?, ?, ?, ?, null, null)", lines)


def write_shadows(log: sqlite3.Connection, queue: list[Request]) -> None:
    "Write what challengers would have answered into the transaction."
    lines = [
        (each.id, each.version, each.score, each.decision)
        for request in queue
        for each in request.shadow
    ]
    log.executemany("insert into shadows values (?, ?, ?, ?)", lines)


def write_queue(log: sqlite3.Connection, queue: list[Request], again: bool = False) -> None:
    "Write requests, all or none; again: but the first ones that an earlier try wrote."
    sql = "select count(*) = 0 from predictions where id = ?"
    with log:
        if again:
            queue = [request for request in queue if request.predictions]
            ids = [(request.predictions[0].id,) for request in queue]
            n_written = bisect_left(ids, 1, key=lambda id: log.execute(sql, id).fetchone()[0])
            queue = queue[n_written:]
        write_lines(log, make_lines(queue))
        write_shadows(log, queue)


class UnknownPrediction(LogError):
    "There is no prediction with this id."

    code = 404


class LabelConflict(LogError):
    "The prediction has another label already."

    code = 409


def drawn(id: str) -> bool:
    "Say whether an id is of the tenth whose labels nobody chooses by the score."
    digest = sha256(b"labels\0" + id.encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64 < 0.1


def write_labels(
    log: sqlite3.Connection,
    labels: list[tuple[str, str]],  # a prediction's id, and what really happened
    clock: Callable[[], float] = time.time,  # seconds since 1970
) -> None:
    "Write labels, all or none; raises UnknownPrediction, or LabelConflict if another is there."
    sql = "update predictions set label = ?, labelled_at = ? where id = ? and label is null"
    with log:
        for id, label in labels:
            if log.execute(sql, (label, clock(), id)).rowcount:
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
    names = ("freelist_count", "page_count", "page_size")
    free, pages, size = (log.execute(f"pragma {name}").fetchone()[0] for name in names)
    end = "~" if (pages - free) * size > most_bytes else first_id(before)
    old = "select id from predictions where id < ? order by id limit ?"
    with log:
        log.execute(f"delete from shadows where id in ({old})", (end, at_most))
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
        clock: Callable[[], float] = time.time,  # seconds since 1970, UTC
    ):
        self.path, self.every, self.room, self.most_bytes = path, every, room, most_bytes
        self.clock = clock
        self.lost, self.problem = 0, None  # rows that were not written; why, in one line
        self._on_lost, self._log, self._file, self._purge_at = on_lost, None, None, 0.0
        self._contract = None  # until the first prediction brings one
        self._queue, self._waiting, self._lock = [], 0, threading.Lock()  # requests, their bytes
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log")
        self._thread.start()

    def open(self, project: str) -> sqlite3.Connection:
        "Open the log of a project; raises sqlite3.Error, or LogError where it is not ours to use."
        return open_log(self.path, project)

    def write(
        self,
        artifact: Artifact,  # that answered
        predictions: list,  # n, with ids
        rows: list,  # n, of features.row
        n_bytes: int,  # of the request
        shadow: list = (),  # predictions of a challenger, unseen
    ) -> None:
        "Leave predictions to the thread; where too much waits they are lost, and counted."
        # decoded, a number of one digit takes 32 bytes: what waits is more than what was sent
        n_bytes += 400 + len(rows) * (300 + 32 * len(artifact.features.columns)) + 200 * len(shadow)
        request = Request(self.clock(), artifact, predictions, rows, n_bytes, shadow)
        with self._lock:
            if self._waiting + n_bytes <= self.room:
                self._queue.append(request)
                self._waiting += n_bytes
                return
        self._lose([request])

    def label(self, project: str, labels: list[tuple[str, str]], tries: int = 3) -> None:
        "Write a project's labels, by predictions' ids, in some tries; raises LogError."
        try:
            with closing(self.open(project)) as log:
                write_labels(log, labels, self.clock)
        except UnknownPrediction:  # it may still wait, here or in another process
            if tries == 1:
                raise
            time.sleep(2 * self.every)
            self.label(project, labels, tries - 1)
        except (sqlite3.Error, LogAway) as error:
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
                self._contract = queue[-1].artifact.contract
            if self._contract:
                self._open()
                self._purge()
            if queue:
                write_queue(self._log, queue, again=bool(self.problem))
                self.problem = None
        except Exception as error:  # whatever it is, the thread goes on, and the loss is counted
            if self.problem != str(error):
                logging.getLogger("app").error("prediction log: %s", error)
            self.problem, self._file = str(error), None
            busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
            if busy or isinstance(error, LogAway):
                with self._lock:
                    self._queue = queue + self._queue  # for the next round
                return
            self._lose(queue)
        with self._lock:
            self._waiting -= sum(request.n_bytes for request in queue)

    def _open(self) -> None:
        "Open the log, and again after a problem, or when its file has been moved or deleted."
        if self._file and self._file == self._find_file():
            return
        if self._log:
            self._log.close()
        self._log = self.open(self._contract["project"])
        self._file = self._find_file()

    def _find_file(self) -> int | None:
        "Return what tells the file at the path from others."
        return os.stat(self.path).st_ino if os.path.exists(self.path) else None

    def _purge(self) -> None:
        "Delete what is too old or too much: each minute, and each round while there is more."
        if time.monotonic() >= self._purge_at:
            days = (self._contract.get("life") or {}).get("keep_days") or 36_500
            more = purge_log(self._log, self.clock() - 86_400 * days, self.most_bytes)
            self._purge_at = 0.0 if more else time.monotonic() + 60

    def _lose(self, queue: list[Request]) -> None:
        rows = sum(len(request.rows) for request in queue)
        with self._lock:
            self.lost += rows
        self._on_lost(rows)
