"""Queries scored into tables, in SQLite and in a PostgreSQL server that the tests start."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from test_score import ARTIFACTS, FLIGHTS, NAMES, ROOT, posix, run

from mlprod.database import page_sql, score_query
from mlprod.frames import encode_frame
from mlprod.score import ScoreError

sqlalchemy = pytest.importorskip("sqlalchemy", reason="the extra sql is not installed")

QUERY = f"SELECT id, {', '.join(NAMES)} FROM departures"
KILLER = """
import os, signal, sys
from mlprod import database
from mlprod.app.model import InService

artifacts, url, sql, table, *deaths = sys.argv[1:]
artifact = InService(artifacts).artifact()
write, pages = database.write_progress, []

def die(*arguments):
    pages.append(arguments)
    if len(pages) == 2:  # the second page's scores are written, and not committed
        os.kill(os.getpid(), signal.SIGKILL)
    write(*arguments)

for _ in deaths:
    child = os.fork()
    if not child:
        database.write_progress = die
        database.score_query(artifact, url, sql, table, "id", "refused", most=100)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
for name in (table, "quiet"):
    shown = []
    outcome = database.score_query(artifact, url, sql, name, "id", "refused", most=100,
                                   show=lambda *at: shown.append(at))
    print(*outcome, "in", len(shown), "pages")
"""


def find_postgres():
    "Folder of PostgreSQL's programs, as Debian installs them, or None."
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    own = shutil.which("initdb")
    return found[-1].parent if found else Path(own).resolve().parent if own else None


@pytest.fixture(scope="module")
def postgres():
    "Address of a server that listens on a socket in a folder of its own."
    programs = find_postgres()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    pytest.importorskip("psycopg", reason="the extra sql is not installed")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        as_postgres = []
        if os.name != "nt" and os.getuid() == 0:  # it does not run as root
            as_postgres = ["runuser", "-u", "postgres", "--"]
            shutil.chown(folder, "postgres")

        def call(program, *words):
            command = [*as_postgres, programs / program, "-D", f"{folder}/data", *words]
            with open(f"{folder}/calls.txt", "a+b") as log:
                done = subprocess.run(command, stdout=log, stderr=log, cwd="/", timeout=60)
                log.seek(0)
                assert done.returncode == 0, log.read()

        words = ["-U", "postgres", "-A", "trust", "--no-sync", "--locale=C.UTF-8", "-E", "UTF8"]
        call("initdb", *words)
        settings = f"-k {folder} -c listen_addresses= -c fsync=off"
        call("pg_ctl", "-w", "-l", f"{folder}/log.txt", "-o", settings, "start")
        try:
            yield f"postgresql://postgres@/postgres?host={folder}"
        finally:
            call("pg_ctl", "-w", "-m", "immediate", "stop")


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    "A database with 1,000 departures, of which ids and their order have nothing to do with rows."
    if request.param == "sqlite":
        (tmp_path / "db.sqlite").touch()
        address = f"sqlite:///{tmp_path / 'db.sqlite'}"
    else:
        address = request.getfixturevalue("postgres")
    rows = pd.read_parquet(ROOT / "data" / "flights" / "sample.parquet")[NAMES].head(1000)
    rows["departs_at"] = rows["departs_at"].dt.as_unit("us")
    if request.param == "sqlite":
        rows["departs_at"] = [each.isoformat() for each in rows["departs_at"]]
    rows.insert(0, "id", [number * 7919 % 1009 for number in range(1, 1001)])
    engine = open_engine(address)
    with engine.begin() as link:
        for table in ("scores", "quiet", "again", "refused", "mlprod_progress"):
            link.execute(sqlalchemy.text(f"DROP TABLE IF EXISTS {table}"))
        rows.to_sql("departures", link, index=False, if_exists="replace")
    engine.dispose()
    return address


def open_engine(url):
    "An engine of SQLAlchemy."
    return sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))


def ask(url, sql):
    "Run a statement; its rows, if there are any."
    engine = open_engine(url)
    with engine.begin() as link:
        answer = link.execute(sqlalchemy.text(sql))
        rows = [tuple(row) for row in answer] if answer.returns_rows else []
    engine.dispose()
    return rows


def test_scores_in_a_table_are_those_of_the_rows(url):
    "To the bit, by key; records, warnings and counts are all there."
    assert score_query(FLIGHTS, url, QUERY, "scores", "id", most=300) == (1000, 1000, 0, 0)
    rows = pd.read_parquet(ROOT / "data" / "flights" / "sample.parquet")[NAMES].head(1000)
    scores = FLIGHTS.score(encode_frame(rows, FLIGHTS.features)[0])
    keys = [number * 7919 % 1009 for number in range(1, 1001)]
    wanted = dict(zip(keys, zip(*FLIGHTS.decide(scores), strict=True), strict=True))
    found = ask(url, "SELECT id, score, decision, warnings, artifact FROM scores")
    assert {row[0]: row[1:3] for row in found} == wanted and len(found) == 1000
    assert {row[3:] for row in found} == {(None, FLIGHTS.version)}


@posix
def test_a_run_killed_before_its_commit_goes_on_and_the_table_is_equal(url):
    "Four processes are killed with a page written and not committed; the last one finishes."
    ask(url, "UPDATE departures SET distance = 9 WHERE id % 10 = 0")

    bad = len(ask(url, "SELECT 1 FROM departures WHERE id % 10 = 0"))
    words = [str(ARTIFACTS), url, QUERY, "scores", *"kill"]
    command = [sys.executable, "-c", KILLER, *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=240)
    assert done.returncode == 0, done.stderr
    counts = f"1000 {1000 - bad} {bad} 0"
    assert done.stdout.splitlines() == [f"{counts} in 6 pages", f"{counts} in 10 pages"]
    found, wanted = (ask(url, f"SELECT * FROM {name} ORDER BY id") for name in ("scores", "quiet"))
    assert found == wanted and len(found) == 1000 - bad
    refused = ask(url, "SELECT * FROM refused ORDER BY id")
    assert len(refused) == bad and refused[0][1:3] == ("distance", "range")


def test_a_run_again_writes_nothing_twice_and_moves_what_has_changed(url):
    "A record that was bad and is good now leaves the rejected ones, and the other way round."
    ask(url, "UPDATE departures SET distance = 9 WHERE id = 5")
    score_query(FLIGHTS, url, QUERY, "scores", "id", "refused", most=600)
    ask(url, "UPDATE departures SET distance = 719 WHERE id = 5")
    ask(url, "UPDATE departures SET distance = 9 WHERE id = 6")
    done = score_query(FLIGHTS, url, QUERY, "scores", "id", "refused", most=600)
    assert done == (1000, 999, 1, 0)
    assert ask(url, "SELECT id FROM refused") == [(6,)]
    assert ask(url, "SELECT count(*), count(DISTINCT id) FROM scores") == [(999, 999)]
    assert ask(url, "SELECT count(*) FROM scores WHERE id = 6") == [(0,)]


@pytest.mark.parametrize(
    ("sql", "key", "words"),
    [
        (QUERY, "number", "--key number: expected one of id, "),
        (
            QUERY.replace("id, ", ""),
            "origin",
            "--key origin: expected another one in each ",
        ),
        (QUERY + ", nowhere", "id", "the database says: "),
        (QUERY.replace(f", {NAMES[3]}", ""), "id", "columns: distance: expected a value"),
        (QUERY.replace("id,", "id, 7 AS gate,"), "id", "columns: gate: expected no such column"),
        (QUERY.replace("id,", "id * 0.5 AS id,"), "id", "expected whole numbers or text, got "),
        (QUERY.replace("id,", "id AS score,"), "score", "--key score: expected another name"),
        (f"{QUERY}; DROP TABLE departures", "id", "the database says: "),
    ],
)
def test_what_is_no_table_for_the_model_is_refused_in_one_line(url, sql, key, words):
    "And no score is written."
    with pytest.raises(ScoreError) as caught:
        score_query(FLIGHTS, url, sql, "scores", key)
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert "postgres@" not in str(caught.value)


def test_the_first_bad_record_stops_by_its_key_where_nothing_may_be_left_out(url):
    "Pages before it stay, and the run goes on there when the record is mended."
    ask(url, "UPDATE departures SET distance = 9 WHERE id = 500")
    with pytest.raises(ScoreError, match="^id 500: distance: expected a number from 10 to 6000"):
        score_query(FLIGHTS, url, QUERY, "scores", "id", most=100)
    assert ask(url, "SELECT max(id) < 500 FROM scores")[0][0]
    ask(url, "UPDATE departures SET distance = 719 WHERE id = 500")
    shown = []
    done = score_query(
        FLIGHTS, url, QUERY, "scores", "id", show=lambda *at: shown.append(at), most=100
    )
    assert done == (1000, 1000, 0, 0) and len(shown) < 10


def test_queries_and_names_may_hold_what_sql_reads_otherwise(url):
    "Colons, per cent signs, a key of text, a table's name in capitals."
    sql = QUERY.replace("id,", "'12:30 100%:x' || id AS id,") + " WHERE origin LIKE 'E%';"
    many = ask(url, "SELECT count(*) FROM departures WHERE origin = 'EWR'")[0][0]
    assert score_query(FLIGHTS, url, sql, "again", "id", most=70).written == many
    assert len(ask(url, "SELECT id FROM again WHERE id LIKE '12:30%'".replace(":", r"\:"))) == many


@pytest.mark.parametrize("end", [" -- all of them", "; -- all\n -- of them", " /* all */ ;\n"])
def test_a_query_may_end_in_a_comment_or_a_semicolon(url, end):
    "What follows it in our SQL stays SQL."
    assert score_query(FLIGHTS, url, QUERY + end, "scores", "id").written == 1000


def test_names_may_be_any(url):
    "Reserved words, capitals, colons, per cent signs, quotes, more than PostgreSQL's 63 bytes."
    key, tables = 'A:b "%s', ["User", f"a:b %s {'x' * 70}"]
    sql = QUERY.replace("id,", 'id AS "A:b ""%s",')
    try:
        for _ in range(2):
            done = score_query(FLIGHTS, url, sql, tables[0], key, tables[1])
            assert done == (1000, 1000, 0, 0)
        assert ask(url, 'SELECT count(*) FROM "User"') == [(1000,)]
    finally:
        for table in tables:
            ask(url, 'DROP TABLE IF EXISTS "{}"'.format(table.replace(":", r"\:")))


def test_a_table_of_other_columns_is_left_as_it_is(url):
    "The query's own table, or one table for scores and rejected records."
    with pytest.raises(ScoreError, match=r'^table "departures": expected columns id, score, '):
        score_query(FLIGHTS, url, QUERY, "departures", "id")
    with pytest.raises(ScoreError, match=r'^table "scores": expected columns id, column_name, '):
        score_query(FLIGHTS, url, QUERY, "scores", "id", "scores")
    engine = open_engine(url)
    assert not sqlalchemy.inspect(engine).get_indexes("departures")
    engine.dispose()


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_a_moment_that_python_does_not_have_is_one_bad_record(url):
    "PostgreSQL's infinity costs no other record its score."
    ask(url, "UPDATE departures SET departs_at = 'infinity' WHERE id = 5")
    ask(url, "UPDATE departures SET departs_at = '0044-03-15 BC' WHERE id = 6")
    done = score_query(FLIGHTS, url, QUERY, "scores", "id", "refused")
    assert done == (1000, 998, 2, 0)
    found = ask(url, "SELECT id, problem FROM refused ORDER BY id")
    assert found[0][0] == 5 and found[0][1].endswith('got "infinity"')


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
def test_who_may_write_in_one_schema_only_writes_there(url):
    "Scores, rejected records and progress all stand in the schema that the table names."
    for sql in ("CREATE ROLE planner LOGIN", "GRANT SELECT ON departures TO planner",
                "CREATE SCHEMA plans AUTHORIZATION planner"):  # fmt: skip
        ask(url, sql)
    theirs = url.replace("postgres@", "planner@")
    done = score_query(FLIGHTS, theirs, QUERY, "plans.scores", "id", "plans.refused")
    assert done == (1000, 1000, 0, 0)
    tables = ask(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'plans' ORDER BY 1")
    assert [name for (name,) in tables] == ["mlprod_progress", "refused", "scores"]


def test_pages_have_an_order():
    "The parameters are values, never text within SQL."
    assert page_sql("SELECT 1", '"id"', False).count(":") == 2


def test_a_database_that_cannot_be_opened_is_refused_without_its_password(tmp_path):
    "No address, no file, no server."
    for url, words in [
        ("mysql://me:secret@host/name", "expected sqlite:///FILE or postgresql://"),
        ("me:secret@host/name", "expected sqlite:///FILE or postgresql://"),
        ("postgresql://me:top@secret@host/name", "with %40 for @"),
        ("postgresql://me@host:secret/name", "expected postgresql://USER:PASSWORD@HOST:PORT"),
        (f"sqlite:///{tmp_path / 'none.sqlite'}", "expected a file"),
        (f"postgresql://me:secret@/name?host={tmp_path}", "the database says: "),
    ]:
        with pytest.raises(ScoreError) as caught:
            score_query(FLIGHTS, url, QUERY, "scores", "id")
        assert words in str(caught.value) and "secret" not in str(caught.value)
    assert not list(tmp_path.iterdir()) and run is not None


def test_pages_of_large_records_are_smaller(tmp_path):
    "The first page tells how large a record is; a page has 13 million letters at most."
    link = sqlite3.connect(tmp_path / "t.sqlite")
    link.execute("create table t (id integer, departs_at text, origin text, carrier text,"
                 " distance real, tail text)")  # fmt: skip
    row = "2023-07-05T18:30:00-04:00", "EWR", "UA", 719.0, "x" * 10_000
    link.executemany("insert into t values (?, ?, ?, ?, ?, ?)", [(n, *row) for n in range(4000)])
    link.commit()
    link.close()
    pages, url = [], f"sqlite:///{tmp_path / 't.sqlite'}"
    done = score_query(FLIGHTS, url, "select * from t", "scores", "id",
                       show=lambda read, share: pages.append(read))  # fmt: skip
    assert done.written == 4000 and pages[0] == 1000
    assert all(1000 < later - read < 1300 for read, later in zip(pages, pages[1:-1], strict=False))
