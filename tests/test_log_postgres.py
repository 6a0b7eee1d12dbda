"""The log in a database: replicas that share it, a server that goes away, and the way there.

What holds for a file as well is tried in test_faults_log.py, with both.
"""

import json
import os
import socket
import socketserver
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, suppress

import msgspec
import numpy as np
import pytest
from make_artifacts import fetch, make_artifact, serving
from test_faults_log import (
    ARTIFACT,
    counted_in,
    lines_of,
    logging_to,
    open_place,
    predict,
    wait_until,
    write,
)

from mlprod.app.log import STEPS, LogError
from mlprod.app.model import load_artifact, read_pointer
from mlprod.app.rows import check_rows, encode_rows
from mlprod.drift import count_rows
from mlprod.generate import generate_app
from mlprod.service import promote
from postgres import need_server

JSON = {"Content_Type": "application/json"}


@pytest.fixture(scope="module")
def server():
    return need_server()


@pytest.fixture
def url(server):
    return server.new_database()


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    "A generated app whose folder of artifacts holds two versions."
    folder = tmp_path_factory.mktemp("replicas")
    make_artifact("flights", folder / "artifacts", "hist_gradient_boosting")
    make_artifact("flights", folder / "artifacts", "logistic")
    app = generate_app(folder / "artifacts", folder / "app")
    for path in (folder / "artifacts").iterdir():
        if path.is_dir() and not (app / "artifacts" / path.name).exists():
            path.rename(app / "artifacts" / path.name)
    return app


class Relay(socketserver.ThreadingTCPServer):
    "Passes bytes on to a server; told to `cut`, it breaks the connection of the next commit."

    daemon_threads = True

    def __init__(self, port):
        self.behind, self.cut, self.cuts = port, False, 0
        super().__init__(("127.0.0.1", 0), Passing)
        threading.Thread(target=self.serve_forever, args=[0.05], daemon=True).start()


class Passing(socketserver.BaseRequestHandler):
    "One connection: the server gets everything, the client nothing after the cut."

    def handle(self):
        with socket.create_connection(("127.0.0.1", self.server.behind)) as behind:
            back = threading.Thread(target=self.pass_on, args=[behind, self.request], daemon=True)
            back.start()
            self.pass_on(self.request, behind)

    def pass_on(self, came, goes):
        with suppress(OSError):
            while data := came.recv(65536):
                if self.server.cut and b"commit" in data:
                    self.server.cut, self.server.cuts = False, self.server.cuts + 1
                    came.shutdown(socket.SHUT_RDWR)
                goes.sendall(data)


def ask(address, app, size=1):
    "Ask a replica for predictions of the example, and return their ids."
    example = load_artifact(app / "artifacts" / read_pointer(app / "artifacts")).example
    status, _, answer = fetch(f"{address}/predict", json.dumps([example] * size).encode(), **JSON)
    assert status == 200, answer
    return [each["id"] for each in json.loads(answer)["predictions"]]


def read_metric(address, name):
    "A number of /metrics."
    (line,) = [
        x for x in fetch(f"{address}/metrics")[2].decode().splitlines() if x.startswith(name)
    ]
    return float(line.split()[-1])


def recount(url, artifact):
    "The counts of all days, and what the rows that are there give when they are counted again."
    with closing(open_place(url, artifact.project)) as log:
        days = log.execute("select rows, counts from days").fetchall()
        rows = [msgspec.json.decode(row) for (row,) in log.execute("select row from predictions")]
    matrix, _ = encode_rows(check_rows(rows, artifact.features), artifact.features)
    again = count_rows(artifact.reference, matrix, artifact.score(matrix))
    counted = sum(np.frombuffer(counts, "int64") for _, counts in days)
    return (sum(n for n, _ in days), counted.tolist()), (len(rows), again.tolist())


def test_replicas_share_the_log_and_the_version_in_service(app, url):
    "A label finds its prediction through any of them, counts add up, a promotion reaches all."
    folder = app / "artifacts"
    before = read_pointer(folder)
    (after,) = {path.name for path in folder.iterdir() if path.is_dir()} - {before}
    settings = {"MLPROD_LOG_URL": url, "WORKERS": "2"}
    with serving(app, **settings) as one, serving(app, **settings) as two:
        ids = [(ask(one, app, 3), ask(two, app, 2)) for _ in range(20)]
        labels = [{"id": id, "label": "late"} for id in (ids[0][0][0], ids[0][1][0])]
        for address in (one, two):
            status, _, answer = fetch(f"{address}/feedback", json.dumps(labels).encode(), **JSON)
            assert (status, json.loads(answer)) == (200, {"labelled": 2})
        status, _, answer = fetch(f"{two}/feedback", b'{"id": "nobody", "label": "late"}', **JSON)
        assert status == 404 and b"prediction nobody" in answer
        status, _, answer = fetch(
            f"{two}/feedback", b'{"id": "no\\u0000", "label": "late"}', **JSON
        )
        assert status == 422 and b"NUL" in answer
        wait_until(lambda: len(lines_of(url, "flights")) == 100)
        for address in (one, two):
            assert fetch(f"{address}/monitor")[0] == 200
        counted, again = recount(url, load_artifact(folder / before))
        assert counted == again and counted[0] == 100

        promote(folder, after)
        ready = {"status": "ready", "version": after}
        for address in (one, two):
            wait_until(lambda at=address: json.loads(fetch(f"{at}/readyz")[2]) == ready)
    labelled = [line for line in lines_of(url, "flights") if line["label"]]
    assert {line["id"] for line in labelled} == {label["id"] for label in labels}


def test_a_server_that_is_away_costs_no_prediction_and_each_lost_row_is_counted(app, server, url):
    "The app starts without it, waits within its bound, and writes on when it is back."
    server.stop()
    try:
        with serving(app, MLPROD_LOG_URL=url) as address:
            kept = ask(address, app, 10)
            lost = sum(len(ask(address, app, 10_000)) for _ in range(9))
            wait_until(lambda: read_metric(address, "app_log_lost_total"))
            label = json.dumps({"id": kept[0], "label": "late"}).encode()
            status, _, answer = fetch(f"{address}/feedback", label, **JSON)
            assert status == 503 and b"send it again" in answer and b"127.0.0.1" not in answer
            server.start()
            wait_until(lambda: len(lines_of(url, "flights")) > 10)
            after = ask(address, app, 5)
            wait_until(lambda: after[-1] in {line["id"] for line in lines_of(url, "flights")})
            gone = read_metric(address, "app_log_lost_total")
            assert fetch(f"{address}/feedback", label, **JSON)[0] == 200
    finally:
        if not server.runs():
            server.start()
    n_rows = len(lines_of(url, "flights"))
    assert 0 < gone < lost and n_rows + gone == 10 + lost + 5
    artifact = load_artifact(app / "artifacts" / read_pointer(app / "artifacts"))
    counted, again = recount(url, artifact)
    assert counted == again and counted[0] == n_rows


def test_a_commit_whose_answer_is_lost_is_not_written_twice(server, url):
    "Neither the rows nor their counts; what came meanwhile is written once as well."
    open_place(url).close()
    with Relay(server.port) as relay:
        behind = url.replace(f":{server.port}/", f":{relay.server_address[1]}/")
        with logging_to(behind, every=0.2) as log:
            write(log, ARTIFACT, *predict(3), 60)
            wait_until(lambda: len(lines_of(url)) == 3)
            relay.cut = True
            for _ in range(7):
                write(log, ARTIFACT, *predict(2), 40)
            wait_until(lambda: relay.cuts)
            write(log, ARTIFACT, *predict(4), 40)
        relay.shutdown()
    assert relay.cuts == 1 and log.lost == 0 and log.problem is None
    assert len(lines_of(url)) == 3 + 14 + 4 and counted_in(url) == (21, 21)


def test_a_server_that_stands_still_is_given_up(server, url, monkeypatch):
    "It answers nothing and closes nothing; the thread comes back, and writes when it goes on."
    monkeypatch.setattr("mlprod.app.postgres.WORKING", 0.5)
    monkeypatch.setattr("mlprod.app.postgres.CONNECTING", 2)
    with logging_to(url) as log:
        write(log, ARTIFACT, *predict(), 20)
        wait_until(lambda: lines_of(url))
        with server.standing_still():
            write(log, ARTIFACT, *predict(), 20)
            wait_until(lambda: log.problem)
            with pytest.raises(LogError, match="send it again"):
                log.label("toy", [("a", "late")])
    assert log.lost == 0 and counted_in(url) == (2, 2)


def test_a_newer_log_is_refused_and_an_older_one_brought_up_to_date(url):
    "By the number of steps that the database has seen."
    import psycopg

    from mlprod.app.postgres import translate

    with psycopg.connect(url) as log:
        log.execute(translate(STEPS[0]))
        log.execute("insert into about values ('toy')")
        log.execute(translate("pragma user_version = 1"))
    with logging_to(url) as log:
        write(log, ARTIFACT, *predict(3), 20)
    assert counted_in(url) == (3, 3)
    with psycopg.connect(url) as log:
        log.execute(translate("pragma user_version = 99"))
    with pytest.raises(LogError, match="expected version 2 or older, got 99: update the app"):
        open_place(url)


@pytest.mark.parametrize(
    "url", ["mysql://app:geheim@host/log", "postgresql://app:geheim@host/log?x=1"]
)
def test_an_address_that_is_none_ends_the_start_with_one_line(app, url):
    "It names the variable, and keeps the password to itself."
    pytest.importorskip("psycopg")
    settings = os.environ | {"MLPROD_LOG_URL": url, "PORT": "1"}
    done = subprocess.run(
        [sys.executable, str(app / "serve.py")], env=settings, capture_output=True, text=True
    )
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert (
        done.stderr.startswith("MLPROD_LOG_URL: expected postgresql://")
        and "geheim" not in done.stderr
    )


def fill_file(path, sizes, labels=0):
    "Write requests of some sizes to a log in a file, and labels for the first of them."
    with logging_to(path) as log:
        ids = []
        for size in sizes:
            predictions, rows = predict(size)
            ids += [each.id for each in predictions]
            write(log, ARTIFACT, predictions, rows, 20)
    log.label("toy", [(id, "late") for id in ids[:labels]])


def count_all(place):
    "Predictions, labels, and what stands in the counts of both."
    with closing(open_place(place)) as log:
        sql = "select (select count(*) from predictions), (select count(label) from predictions), "
        sql += "(select sum(rows) from days), (select sum(rows) from outcomes)"
        return log.execute(sql).fetchone()


def test_a_log_moves_with_all_that_it_holds_and_may_move_again(tmp_path, url):
    "While an old replica writes the file on: the second time moves the rest, a third one nothing."
    from mlprod.move import move_log

    path = tmp_path / "log.sqlite"
    fill_file(path, [3, 4], labels=2)
    before = lines_of(path)
    with logging_to(path) as old, logging_to(url) as new:
        write(old, ARTIFACT, *predict(), 20)
        wait_until(lambda: len(lines_of(path)) == 8)
        write(new, ARTIFACT, *predict(2), 20)
        wait_until(lambda: len(lines_of(url)) == 2)
        assert move_log(path, url, "toy") == 8
        write(old, ARTIFACT, *predict(5), 20)
        new.label("toy", [(before[3]["id"], "on time")])
    assert (old.lost, new.lost) == (0, 0)
    assert move_log(path, url, "toy") == 5
    assert move_log(path, url, "toy") == 0
    assert count_all(url) == (15, 3, 15, 3) and count_all(path) == (0, 0, None, None)
    moved = {line["id"]: line for line in lines_of(url)}
    assert [moved[line["id"]] for line in before[:2]] == before[:2], "to the bit"


@pytest.mark.parametrize("place", ["mlprod.move.copy_log", "mlprod.move.add_to", "after"])
def test_a_move_that_is_cut_off_is_completed_by_the_next(place, tmp_path, url, monkeypatch):
    "Before, amid and after the transaction of the database; nothing is lost or counted twice."
    import mlprod.move as move

    path = tmp_path / "log.sqlite"
    fill_file(path, [3, 4], labels=2)

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if place == "after":
            patch.setattr(move, "TABLES", [*move.TABLES, "that is not there"])
            with pytest.raises(sqlite3.Error):
                move.move_log(path, url, "toy")
        else:
            patch.setattr(place, stop)
            with pytest.raises(KeyboardInterrupt):
                move.move_log(path, url, "toy")
    fill_file(path, [1])  # an old replica goes on
    assert sum(move.move_log(path, url, "toy") for _ in range(2)) == 8
    assert count_all(url) == (8, 2, 8, 2) and count_all(path) == (0, 0, None, None)


def test_a_copy_of_a_moved_log_is_refused(tmp_path, url):
    "Some of its rows are in the database, so its counts cannot be added; it keeps all of them."
    from mlprod.move import move_log

    path, copy, other = (tmp_path / f"{name}.sqlite" for name in ("log", "copy", "other"))
    fill_file(path, [3])
    before = path.read_bytes()
    copy.write_bytes(before)
    move_log(path, url, "toy")
    assert move_log(copy, url, "toy") == 3, "an equal copy is the same log"
    other.write_bytes(before)
    fill_file(other, [2])
    with pytest.raises(LogError, match="other.sqlite: expected ids that the database lacks"):
        move_log(other, url, "toy")
    assert count_all(url) == (3, 0, 3, None)
    with closing(sqlite3.connect(other)) as log:
        assert log.execute("select count(*) from moved_predictions").fetchone() == (5,)


def test_the_lesson_shows_the_same_with_a_database(root, url, monkeypatch, capsys):
    "As it says: its cells on two replicas print what they print with a file."
    monkeypatch.chdir(root / "nbs")
    monkeypatch.setenv("MLPROD_LOG_URL", url)
    cells = json.loads((root / "nbs" / "08c_postgres.ipynb").read_text(encoding="utf-8"))["cells"]
    names = {}
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and not source.startswith("#| check"):
            exec(source, names)  # the lesson's own code
        if "first, second = new_replica()" in source:
            break
    shown = "".join("".join(output["text"]) for output in cell["outputs"])
    assert capsys.readouterr().out.endswith(shown) and "100 rows are there" in shown
    assert len(lines_of(url, "flights")) == 100
    names["temporary"].cleanup()
