"""Never in a request's way, and honest about what it lost."""

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from log import UnknownPrediction, is_locked, label_log, open_log, purge_log, write_log


def columns_to_keep(
    artifact,  # with .contract and .features
) -> tuple[str, ...]:  # names
    "List the columns that the log may keep: the model looks at them, and none is personal."
    columns = artifact.contract["columns"]
    return tuple(name for name in artifact.features.columns if not columns[name].get("personal"))


def make_lines(
    pile: list[tuple],  # of requests: when, artifact, predictions, rows
) -> tuple[list[tuple], int]:  # lines for the log; how many rows could not be written
    "Turn answered requests into lines of the log."
    lines, lost, keep = [], 0, {}
    for at, artifact, predictions, rows in pile:
        version = artifact.version
        names = keep[version] = keep.get(version) or columns_to_keep(artifact)
        for said, row in zip(predictions, rows, strict=True):
            try:
                text = msgspec.json.encode({name: row.get(name) for name in names}).decode()
            except (ValueError, TypeError):
                lost += 1
            else:
                lines.append((said.id, at, version, text, said.score, said.decision))
    return lines, lost


class LogError(ValueError):
    "The log cannot be used at the moment."


class Writer:
    "Writes predictions to the log in a thread of its own; requests never wait for it."

    def __init__(
        self,
        path: str | Path,  # of the SQLite file
        keep_days: int | None = None,  # until the first prediction brings a contract
        every: float = 0.05,  # seconds between two rounds
        room: int = 50_000,  # rows that may wait
        on_lost: Callable[[int], None] = lambda count: None,  # told of each loss
    ):
        self.path, self.keep_days, self.every, self.room = Path(path), keep_days, every, room
        self.lost, self.problem = 0, None  # rows that were not written; why, in one line
        self._on_lost, self._log, self._purge_at = on_lost, None, 0.0
        self._pile, self._lines, self.waiting = [], [], 0  # rows that wait, in either
        self._piling, self._writing = threading.Lock(), threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log")
        self._thread.start()

    def write(self, artifact, predictions: list, rows: list[dict]) -> None:
        "Leave predictions to the thread; each has an id, a score and a decision."
        with self._piling:
            if self.waiting < self.room:
                self._pile.append((time.time(), artifact, predictions, rows))
                self.waiting += len(rows)
                return
        self._count(lost=len(rows))

    def flush(self) -> None:
        "Write what was left here so far, as far as it can be written."
        with self._writing:
            try:
                self._clear_pile()
            except (sqlite3.Error, UnicodeError) as error:
                self._fail(error)

    def label(self, id: str, label: str, patient: bool = True) -> None:
        "Tell what really happened; raises LabelError, or LogError where that cannot be written."
        if not self._writing.acquire(timeout=2):
            raise LogError("the log cannot be written: it is busy")
        try:
            self._clear_pile()
            return label_log(self._log, id, label)
        except UnknownPrediction:
            if not patient:
                raise
        except (sqlite3.Error, UnicodeError) as error:
            self._fail(error)
            raise LogError(f"the log cannot be written: {error}") from None
        finally:
            self._writing.release()
        time.sleep(3 * self.every)  # another process may have answered just now
        return self.label(id, label, patient=False)

    def close(self) -> None:
        "Write what waits, within a few seconds, and stop."
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while threading.main_thread().is_alive() and not self._closing.wait(self.every):
            self.flush()
        with self._piling:
            self.room = 0  # what comes now is lost, for nobody would write it
        self.flush()
        if self._log:
            self._log.close()

    def _clear_pile(self) -> None:
        with self._piling:
            pile, self._pile = self._pile, []
        lines, lost = make_lines(pile)
        self._lines += lines
        self._count(lost, lost)
        self._log = self._log or open_log(self.path)
        if self._lines:
            write_log(self._log, self._lines)
            self._count(len(self._lines))
            self._lines, self.problem = [], None
        if pile:
            self.keep_days = pile[-1][1].contract["life"].get("keep_days")
        if self.keep_days and time.monotonic() >= self._purge_at:
            more = purge_log(self._log, before=time.time() - 86_400 * self.keep_days)
            self._purge_at = 0.0 if more else time.monotonic() + 60

    def _fail(self, error: Exception) -> None:
        "Keep what waits when the log is locked; else lose it, and open the log anew next time."
        self.problem = str(error)
        if not is_locked(error) or not self.room:
            self._count(len(self._lines), len(self._lines))
            self._lines = []
            if self._log:
                self._log.close()
            self._log = None

    def _count(self, done: int = 0, lost: int = 0) -> None:
        with self._piling:
            self.waiting -= done
            self.lost += lost
        if lost:
            self._on_lost(lost)
