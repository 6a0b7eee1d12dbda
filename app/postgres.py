"""Keep the log in PostgreSQL, so that every replica of the app writes the same one."""

import re
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from typing import Self

import psycopg
from psycopg.conninfo import conninfo_to_dict

from log import Log, LogAway, LogError, bring_up_to_date

VERSION = """select cast(coalesce(max(description), '0') as integer) from pg_description
    join pg_class on pg_class.oid = objoid join pg_namespace on pg_namespace.oid = relnamespace
    where relname = 'about' and nspname = current_schema() and objsubid = 0"""
STORED = """select cast(sum(n_live_tup) * (select coalesce(avg(pg_column_size(sample.*)), 0)
    from (select * from predictions order by id limit 100) as sample) as bigint)
    from pg_stat_user_tables where relid = to_regclass('predictions')"""
RULES = (  # a pattern in SQLite's SQL, and what PostgreSQL calls it
    (r"\?", "%s"),
    (r" without rowid", ""),
    (r"\btext\b", 'text collate "C"'),  # sorted by its bytes
    (r"\breal\b", "double precision"),
    (r"begin immediate", "select 1"),  # every transaction is, see BEGIN
    (r"pragma user_version = (\d+)", r"comment on table about is '\1'"),
    (r"pragma user_version", VERSION),
    (r"pragma freelist_count", "select 0 from pg_stat_force_next_flush()"),
    (r"pragma page_count", STORED),  # about: nobody has to read the rows for it
    (r"pragma page_size", "select 1"),
)


@cache
def translate(sql: str) -> str:
    "Write for PostgreSQL what sql says to SQLite."
    for pattern, replacement in RULES:
        sql = re.sub(pattern, replacement, sql)
    return sql


class Refused(LogError):
    "A value that the log cannot store."

    code = 422


def explain(error: psycopg.Error) -> LogError:
    "Say of an error in one line what is wrong with the database, and whether waiting may help."
    line = str(error).strip().partition("\n")[0] or type(error).__name__
    text = f"the log's database: {line.rpartition('failed: ')[2]}"
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | psycopg.InternalError):
        return LogAway(text)
    return Refused(text) if isinstance(error, psycopg.DataError) else LogError(text)


CONNECTING, WORKING = 3, 15  # seconds until the server counts as away
BEGIN = """begin;
set local statement_timeout = '10s'; set local idle_in_transaction_session_timeout = '10s';
select pg_advisory_xact_lock(20130701)"""


class Connection:
    "A PostgreSQL database that takes what the log says to SQLite; raises LogError."

    def __init__(self, url: str):  # url: postgresql://…
        self._connection = None
        self._connection = self._run(
            lambda: psycopg.connect(url, autocommit=True, connect_timeout=CONNECTING)
        )

    def _run(self, work: Callable):
        "Do something with the server, but do not wait for ever."
        timer = threading.Timer(WORKING, self._cut)
        timer.daemon = True
        try:
            if self._connection:
                timer.start()
            return work()
        except psycopg.Error as error:
            raise explain(error) from error
        finally:
            timer.cancel()

    def _cut(self) -> None:
        with suppress(OSError, psycopg.Error):
            number = self._connection.fileno()
            with socket.fromfd(number, socket.AF_INET, socket.SOCK_STREAM) as same:
                same.shutdown(socket.SHUT_RDWR)

    def execute(self, sql: str, values: Sequence = ()) -> psycopg.Cursor:
        "Execute sql, with values in the places of its question marks."
        return self._run(lambda: self._connection.execute(translate(sql), values or None))

    def executemany(self, sql: str, lines: list[tuple]) -> None:
        "Insert lines by COPY, six times as fast; sql: `insert into TABLE values (?, …, null)`."
        nulls = [None] * sql.count("null")

        def copy():
            with self._connection.cursor().copy(f"copy {sql.split()[2]} from stdin") as copying:
                for line in lines:
                    copying.write_row([*line, *nulls])

        if lines:
            self._run(copy)

    def __enter__(self) -> Self:
        "Begin a transaction, when it is our turn."
        self._run(lambda: self._connection.execute(BEGIN, prepare=False))
        return self

    def __exit__(self, kind: type | None, *_) -> None:
        "Commit, or roll back after an error, which may be that of a broken connection."
        with suppress(*[LogError] if kind else []):
            self.execute("rollback" if kind else "commit")

    def close(self) -> None:
        "Close the connection."
        self._connection.close()


def check_url(url: str) -> None:  # postgresql://USER:PASSWORD@HOST/DATABASE
    "Raise LogError where that is no address of a PostgreSQL database, without showing it."
    parts = {"host": "@"}
    with suppress(psycopg.ProgrammingError):  # its text would repeat the password
        parts = conninfo_to_dict(url)
    if "@" in parts.get("host", ""):  # the end of a password
        text = "expected postgresql://USER:PASSWORD@HOST/DATABASE, got something else"
        raise LogError(f"MLPROD_LOG_URL: {text} (in a password write %40 for @)")


def open_postgres(url: str, project: str) -> Connection:  # url: postgresql://…
    "Open the log of a project; raises LogError."
    check_url(url)
    log = Connection(url)
    try:
        bring_up_to_date(log, project, "the log's database")
    except BaseException:
        log.close()
        raise
    return log


class PostgresLog(Log):
    "Writes predictions to a log that other replicas write, too."

    def __init__(
        self,
        url: str,  # postgresql://…
        most_bytes: int = 100 * 2**30,  # see Log
        **settings,  # of Log
    ):
        check_url(url)
        super().__init__(url, most_bytes=most_bytes, **settings)

    def open(self, project: str) -> Connection:
        "Open the log of a project; raises LogError."
        return open_postgres(self.path, project)

    def _find_file(self) -> int:
        return 1  # a database is always the same one
