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
import time
from contextlib import closing, suppress

import pytest
from make_artifacts import ROOT, fetch, make_artifact, serving
from test_faults_log import (
    ARTIFACT,
    lines_of,
    logging_to,
    open_place,
    predict,
    wait_until,
)

from mlprod.app.log import STEPS, LogError, first_id
from mlprod.app.model import load_artifact, read_pointer
from mlprod.app.rows import check_rows
from mlprod.contract import read_contract
from mlprod.experiment import read_experiment, start_experiment, stop_experiment
from mlprod.generate import generate_app
from mlprod.labelled import read_store, store_labelled
from mlprod.labels import request_labels
from mlprod.monitor import judge_log
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


def test_replicas_share_the_log_and_the_version_in_service(app, url):
    "A label finds its prediction through any of them; verdicts and promotions reach all."
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
        judge_log(url, load_artifact(folder / before), time.time())
        for address in (one, two):
            (period,) = json.loads(fetch(f"{address}/monitor")[2])["periods"]
            assert period["rows"] == 100

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


def test_a_commit_whose_answer_is_lost_is_not_written_twice(server, url):
    "What came meanwhile is written once as well."
    open_place(url).close()
    with Relay(server.port) as relay:
        behind = url.replace(f":{server.port}/", f":{relay.server_address[1]}/")
        with logging_to(behind, every=0.2) as log:
            log.write(ARTIFACT, *predict(3), 60)
            wait_until(lambda: len(lines_of(url)) == 3)
            relay.cut = True
            for _ in range(7):
                log.write(ARTIFACT, *predict(2), 40)
            wait_until(lambda: relay.cuts)
            log.write(ARTIFACT, *predict(4), 40)
        relay.shutdown()
    assert relay.cuts == 1 and log.lost == 0 and log.problem is None
    assert len(lines_of(url)) == 3 + 14 + 4


def test_a_server_that_stands_still_is_given_up(server, url, monkeypatch):
    "It answers nothing and closes nothing; the thread comes back, and writes when it goes on."
    monkeypatch.setattr("mlprod.app.postgres.WORKING", 0.5)
    monkeypatch.setattr("mlprod.app.postgres.CONNECTING", 2)
    with logging_to(url) as log:
        log.write(ARTIFACT, *predict(), 20)
        wait_until(lambda: lines_of(url))
        with server.standing_still():
            log.write(ARTIFACT, *predict(), 20)
            wait_until(lambda: log.problem)
            with pytest.raises(LogError, match="send it again"):
                log.label("toy", [("a", "late")])
    assert log.lost == 0 and len(lines_of(url)) == 2


def test_a_newer_log_is_refused_and_an_older_one_brought_up_to_date(url):
    "By the number of steps that the database has seen."
    import psycopg

    from mlprod.app.postgres import translate

    with psycopg.connect(url) as log:
        log.execute(translate(STEPS[0]))
        log.execute("insert into about values ('toy')")
        log.execute(translate("pragma user_version = 1"))
    with logging_to(url) as log:
        log.write(ARTIFACT, *predict(3), 20)
    assert len(lines_of(url)) == 3
    with psycopg.connect(url) as log:
        log.execute(translate("pragma user_version = 99"))
    with pytest.raises(LogError, match="expected version 2 or older, got 99: update the app"):
        open_place(url)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://app:geheim@host/log",
        "postgresql://app:geheim@host/log?x=1",
        "postgresql://app:an@geheim@host/log",
    ],
)
def test_an_address_that_is_none_ends_the_start_with_one_line(app, url):
    "It names the variable, and keeps the password to itself."
    pytest.importorskip("psycopg")
    from mlprod.app.postgres import open_postgres

    settings = os.environ | {"MLPROD_LOG_URL": url, "PORT": "1"}
    done = subprocess.run(
        [sys.executable, str(app / "serve.py")], env=settings, capture_output=True, text=True
    )
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert (
        done.stderr.startswith("MLPROD_LOG_URL: expected postgresql://")
        and "geheim" not in done.stderr
    )
    with pytest.raises(LogError, match="^MLPROD_LOG_URL: expected postgresql://") as caught:
        open_postgres(url, "toy")
    assert "geheim" not in str(caught.value)


def fill_file(path, sizes, labels=0):
    "Write requests of some sizes to a log in a file, and labels for the first of them."
    with logging_to(path) as log:
        ids = []
        for size in sizes:
            predictions, rows = predict(size)
            ids += [each.id for each in predictions]
            log.write(ARTIFACT, predictions, rows, 20)
    log.label("toy", [(id, "late") for id in ids[:labels]])


def count_all(place):
    "Predictions, labels and documents."
    with closing(open_place(place)) as log:
        sql = "select count(*), count(label), (select count(*) from findings) from predictions"
        return log.execute(sql).fetchone()


def test_a_log_moves_with_all_that_it_holds_and_may_move_again(tmp_path, url):
    "While an old replica writes the file on: the second time moves the rest, a third one nothing."
    from mlprod.move import move_log

    path = tmp_path / "log.sqlite"
    fill_file(path, [3, 4], labels=2)
    before = lines_of(path)
    with closing(open_place(path)) as log, log:
        log.execute("insert into findings values ('v1', '{}')")
    with logging_to(path) as old, logging_to(url) as new:
        old.write(ARTIFACT, *predict(), 20)
        wait_until(lambda: len(lines_of(path)) == 8)
        new.write(ARTIFACT, *predict(2), 20)
        wait_until(lambda: len(lines_of(url)) == 2)
        assert move_log(path, url, "toy") == 8
        old.write(ARTIFACT, *predict(5), 20)
        new.label("toy", [(before[3]["id"], "on time")])
    assert (old.lost, new.lost) == (0, 0)
    assert move_log(path, url, "toy") == 5
    assert move_log(path, url, "toy") == 0
    assert count_all(url) == (15, 3, 1) and count_all(path) == (0, 0, 0)
    moved = {line["id"]: line for line in lines_of(url)}
    assert [moved[line["id"]] for line in before[:2]] == before[:2], "to the bit"


@pytest.mark.parametrize("place", ["before", "amid", "after"])
def test_a_move_that_is_cut_off_is_completed_by_the_next(place, tmp_path, url, monkeypatch):
    "Before, amid and after the transaction of the database; nothing is lost or there twice."
    import mlprod.move as move

    path = tmp_path / "log.sqlite"
    fill_file(path, [3, 4], labels=2)

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if place == "before":
            patch.setattr(move, "copy_log", stop)
        if place == "after":
            patch.setattr(move, "TABLES", [*move.TABLES, "that is not there"])
        progress = [stop] if place == "amid" else []
        with pytest.raises((KeyboardInterrupt, sqlite3.Error)):
            move.move_log(path, url, "toy", *progress)
    fill_file(path, [1])  # an old replica goes on
    assert sum(move.move_log(path, url, "toy") for _ in range(2)) == 8
    assert count_all(url) == (8, 2, 0) and count_all(path) == (0, 0, 0)


def test_a_copy_of_a_moved_log_is_refused(tmp_path, url):
    "Some of its rows are in the database, so something is wrong: it is left as it was."
    from mlprod.move import move_log, put_back, set_aside

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
    assert count_all(url) == (3, 0, 0) and count_all(other) == (5, 0, 0)
    with closing(sqlite3.connect(other)) as log:
        set_aside(log)
        fill_file(other, [1])  # an app goes on meanwhile
        put_back(log)
        tables = log.execute("select name from sqlite_master where name like 'moved%'").fetchall()
    assert count_all(other) == (6, 0, 0) and not tables


def test_every_command_reads_a_log_in_a_database(app, url, tmp_path):
    "Labelled rows, rows to label and an experiment: as from a file."
    folder, contract = app / "artifacts", read_contract(ROOT / "data" / "flights" / "contract.yaml")
    artifact = load_artifact(folder / read_pointer(folder))
    (other,) = {path.name for path in folder.iterdir() if path.is_dir()} - {artifact.version}
    start_experiment(folder, other, "shadow", name="spring", now=lambda: 1e9)
    rows = check_rows([artifact.example] * 40, artifact.features)
    with logging_to(url, clock=lambda: 1e9 + 60) as log:
        predictions, _ = artifact.predict(rows, first_id(1e9 + 60))
        shadow, _ = load_artifact(folder / other).predict(rows, first_id(1e9 + 60))
        for each in shadow:
            each.version = other
        log.write(artifact, predictions, rows, 100, shadow)
    log.label("flights", [(each.id, "late") for each in predictions[:15]])
    reading = read_experiment(folder, url)
    stop_experiment(folder)
    assert reading.table["rows"].tolist() == [40, 40] and set(reading.table["labelled"]) == {15}
    assert store_labelled(tmp_path, contract, log=url) == 15
    assert len(read_store(tmp_path / "new", contract, log=url)) == 15
    table = request_labels(url, artifact, 5, tmp_path / "rows.csv")
    assert len(table) and set(table["id"]) <= {each.id for each in predictions[15:]}


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
