"""What happens to an app that runs: killed workers, slow clients, too many of them, a full disk."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from make_artifacts import fetch, make_artifact, serving

from mlprod.generate import generate_app

FLIGHT = {
    "departs_at": "2013-07-05T18:30:00-04:00",
    "origin": "EWR",
    "carrier": "EV",
    "distance": 719,
}
BODY = json.dumps(FLIGHT).encode()
JSON = {"Content_Type": "application/json"}
try:
    import resource
except ImportError:  # Windows
    resource = None
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    "A generated app with the flights' artifact."
    folder = tmp_path_factory.mktemp("served")
    make_artifact("flights", folder / "artifacts")
    return generate_app(folder / "artifacts", folder / "app")


def children(process):
    "The workers of a server."
    pids = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(pid) for pid in pids]


def read_metric(address, name):
    "The sum of a metric over its labels."
    text = fetch(address + "/metrics")[2].decode()
    values = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE)
    return sum(float(value) for value in values)


def half_request(address, body=BODY):
    "A connection on which everything but the last byte of a request has been sent."
    client = socket.create_connection(("127.0.0.1", address.port), timeout=30)
    head = f"POST /predict HTTP/1.1\r\nHost: app\r\nContent-Length: {len(body)}\r\n"
    client.sendall(f"{head}Content-Type: application/json\r\nConnection: close\r\n\r\n".encode())
    client.sendall(body[:-1])
    return client


def finish(client, body=BODY):
    "Send the last byte; give the status of the answer and its body."
    with client:
        client.sendall(body[-1:])
        response = http.client.HTTPResponse(client)
        response.begin()
        return response.status, response.read()


def test_a_stop_answers_what_is_in_flight(app):
    "After SIGTERM every request that has begun gets its answer, and the exit status is 0."
    rows = json.dumps([FLIGHT] * 2000).encode()
    with serving(app, WORKERS="2") as address:
        clients = [half_request(address, rows) for _ in range(12)]
        time.sleep(0.3)
        address.process.terminate()
        time.sleep(0.3)
        answers = [finish(client, rows) for client in clients]
        assert address.process.wait(10) == 0
    assert [status for status, _ in answers] == [200] * 12
    assert all(len(json.loads(body)["predictions"]) == 2000 for _, body in answers)


@pytest.mark.skipif(os.name == "nt", reason="there is no such signal")
def test_ctrl_c_stops_the_app_at_once(app, tmp_path):
    "It reaches every process, one that starts too; none waits for its limit, here ten minutes."
    patient = shutil.copytree(app, tmp_path / "app") / "serve.py"
    limit, text = "workers_kill_timeout=8,", patient.read_text()
    assert limit in text
    patient.write_text(text.replace(limit, "workers_kill_timeout=600,"))
    with serving(patient.parent, WORKERS="8") as address:
        os.killpg(address.process.pid, signal.SIGINT)
        assert address.process.wait(120) == 0


def wait_until(true, what):
    "Wait up to 20 seconds."
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until, f"expected {what}"
        time.sleep(0.02)


def listeners(port):
    "How many sockets wait for connections at a port: on Linux each worker has one of its own."
    fields = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(f[1].endswith(f":{port:04X}") and f[3] == "0A" for f in fields)


@linux
def test_a_killed_worker_is_not_missed(app):
    "The other one answers the next request, and the killed one is replaced."
    with serving(app, WORKERS="2") as address:
        wait_until(lambda: listeners(address.port) == 2, "both workers to listen")
        first, second = children(address.process)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: first not in children(address.process), "the worker to be gone")
        assert [fetch(address + "/predict", BODY, **JSON)[0] for _ in range(20)] == [200] * 20
        wait_until(lambda: len(children(address.process)) == 2, "a new worker")
        os.kill(second, signal.SIGKILL)
        answered = lambda: fetch(address + "/predict", BODY, **JSON)[0] == 200  # noqa: E731
        wait_until(answered, "the new worker to answer")


def worker_memory(process, what="VmRSS"):
    "Megabytes of each worker: now, or with VmHWM the most there was."
    status = [Path(f"/proc/{pid}/status").read_text() for pid in children(process)]
    return [int(re.search(rf"{what}:\s+(\d+)", text)[1]) / 1024 for text in status]


def worker_threads(process):
    "The number of threads of all workers."
    return sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in children(process))


HEAD = b"POST /predict HTTP/1.1\r\nHost: app\r\nContent-Type: application/json\r\n"
SLOW = {  # what a client sends at once, and what it sends again and again
    "silent": (b"", b""),
    "half a head": (HEAD, b""),
    "half a body": (HEAD + b"Content-Length: 89\r\n\r\n[", b""),
    "a byte now and then": (HEAD + b"Content-Length: 9999\r\n\r\n[", b" "),
    "chunks now and then": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "a long body, stated": (HEAD + b"Content-Length: 3999999\r\n\r\n[", b""),
    "half a form": (b"POST / HTTP/1.1\r\nHost: app\r\nContent-Length: 99\r\n\r\na", b""),
}


@linux
@pytest.mark.timeout(300)
def test_slow_and_idle_clients_keep_nobody_waiting(app):
    "1,100 connections of seven kinds: others are answered throughout, and they are sent away."
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    each = min(1100, hard - 500) // len(SLOW)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    with serving(app, WORKERS="2", LOG_LEVEL="ERROR") as address:
        fetch(address + "/predict", BODY, **JSON)
        threads, memory = worker_threads(address.process), sum(worker_memory(address.process))
        clients = []
        for first, again in SLOW.values():
            for _ in range(each):
                client = socket.create_connection(("127.0.0.1", address.port), timeout=30)
                client.sendall(first)
                client.setblocking(False)
                clients.append((client, again))
        until = time.monotonic() + 120
        while clients:
            assert time.monotonic() < until, f"{len(clients)} clients are still there"
            assert fetch(address + "/livez")[0] == 200
            assert fetch(address + "/predict", BODY, **JSON)[0] == 200
            clients = [each for each in clients if still_there(*each)]
            time.sleep(1)
        wait_until(lambda: worker_threads(address.process) <= threads + 16, "fewer threads")
        assert sum(worker_memory(address.process)) < memory + 60


def still_there(client, again):
    "Send a bit more, read what comes, and say whether the connection is still open."
    try:
        client.send(again)
        while client.recv(65536):
            pass
    except BlockingIOError:
        return True
    except OSError:
        pass
    client.close()
    return False


@linux
def test_half_sent_requests_are_answered_once_they_are_whole(app):
    "200 of them keep nobody waiting, and each gets its answer."
    with serving(app, WORKERS="2") as address:
        clients = [half_request(address) for _ in range(200)]
        assert fetch(address + "/livez")[0] == 200
        assert [fetch(address + "/predict", BODY, **JSON)[0] for _ in range(20)] == [200] * 20
        assert {finish(client)[0] for client in clients} == {200}


@linux
def test_large_bodies_that_never_end_are_not_held_without_bound(app):
    "A hundred bodies of 4 MB less a byte: a worker holds a few of them, and predicts meanwhile."
    with serving(app, WORKERS="1", LOG_LEVEL="CRITICAL") as address:
        fetch(address + "/predict", BODY, **JSON)
        (before,), clients = worker_memory(address.process), []
        for _ in range(100):
            client = socket.create_connection(("127.0.0.1", address.port), timeout=10)
            with contextlib.suppress(OSError):  # refused before it was all sent
                client.sendall(HEAD + b"Content-Length: 4000000\r\n\r\n" + b" " * 3_999_999)
            clients.append(client)
        assert fetch(address + "/predict", BODY, **JSON)[0] == 200
        assert max(worker_memory(address.process, "VmHWM")) < before + 100
        [client.close() for client in clients]


@linux
def test_ten_clients_with_the_worst_bodies_stay_below_the_limit(app):
    "compose.yaml and kubernetes.yaml allow 512 MB: all workers together never reach them."
    rows = json.dumps([FLIGHT] * 36_000, separators=(",", ":")).encode()
    names = ("{" + ",".join(f'"k{number:06d}":1' for number in range(330_000)) + "}").encode()
    texts = b"[" + b",".join([b'"x"'] * 990_000) + b"]"
    statuses = []

    def ask(address, number):
        for turn in range(2):
            body = (rows, names, texts, rows[:-1] + b",{}]")[(number + turn) % 4]
            with contextlib.suppress(OSError):  # refused before it was all sent
                statuses.append(fetch(address + "/predict", body, **JSON)[0])

    settings = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "1000000"}  # the image's
    with serving(app, WORKERS="2", LOG_LEVEL="CRITICAL", **settings) as address:
        threads = [threading.Thread(target=ask, args=(address, number)) for number in range(10)]
        [thread.start() for thread in threads]
        while any(thread.is_alive() for thread in threads):
            assert fetch(address + "/predict", BODY, **JSON)[0] == 200
        assert sum(worker_memory(address.process, "VmHWM")) < 512
    assert {200, 422} <= set(statuses) <= {0, 200, 422, 503}


@linux
def test_answers_that_nobody_reads_are_not_held_for_ever(app):
    "A client that asks for large answers and reads none costs no more than a few of them."
    rows = json.dumps([FLIGHT] * 30_000, separators=(",", ":")).encode()
    head = HEAD + f"Content-Length: {len(rows)}\r\n\r\n".encode()
    with serving(app, WORKERS="1", LOG_LEVEL="CRITICAL") as address:
        assert fetch(address + "/predict", rows, **JSON)[0] == 200
        (before,), clients = worker_memory(address.process), []
        for _ in range(40):
            client = socket.create_connection(("127.0.0.1", address.port), timeout=10)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            with contextlib.suppress(OSError):
                client.sendall(head + rows)
            clients.append(client)
        assert fetch(address + "/predict", BODY, **JSON)[0] == 200
        assert max(worker_memory(address.process, "VmHWM")) < before + 200
        [client.close() for client in clients]


def test_too_many_clients_all_get_an_answer(app):
    "600 connections at once: nothing but 200 or 503."
    rows, statuses = json.dumps([FLIGHT] * 20).encode(), []

    def ask(address):
        with closing(http.client.HTTPConnection("127.0.0.1", address.port, timeout=60)) as client:
            for _ in range(3):
                client.request("POST", "/predict", rows, {"Content-Type": "application/json"})
                response = client.getresponse()
                response.read()
                statuses.append(response.status)

    with serving(app, WORKERS="2") as address:
        threads = [threading.Thread(target=ask, args=(address,)) for _ in range(600)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert fetch(address + "/livez")[0] == 200
    assert len(statuses) == 1800 and set(statuses) <= {200, 503}


@linux
def test_http_2_is_not_spoken(app):
    "Its streams with half a body once kept threads for ever; a proxy speaks HTTP/1.1 to the app."
    with serving(app, WORKERS="1") as address:
        with socket.create_connection(("127.0.0.1", address.port), timeout=30) as client:
            client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            assert not client.recv(9).startswith(b"\x00\x00")  # no SETTINGS frame
        assert fetch(address + "/livez")[0] == 200


def start_app(app, **settings):
    "Start a server, without waiting for it."
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [sys.executable, str(app / "serve.py")]
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=app.parent, env=outside | settings, **streams)


def test_a_port_that_is_taken_is_not_shared(app):
    "A second server says so in one line, and the first one goes on."
    with serving(app, WORKERS="1") as address:
        second = start_app(app, PORT=str(address.port), WORKERS="1")
        output, _ = second.communicate(timeout=30)
        assert second.returncode == 1 and output.count("\n") == 1, output
        assert str(address.port) in output and "PORT" in output
        assert fetch(address + "/livez")[0] == 200


@linux
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGUSR1, signal.SIGQUIT])
def test_workers_end_with_their_parent(app, number):
    "However it ended, and those that still start; else they would serve beside the next version."
    with serving(app, WORKERS="8") as address:
        wait_until(lambda: len(children(address.process)) == 8, "eight workers")
        workers = children(address.process)
        address.process.send_signal(number)
        address.process.wait(20)
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), "no workers")


@linux
def test_workers_that_die_again_and_again_are_replaced(app):
    "One after the other, and sooner than the server thinks right: the service goes on."
    with serving(app, WORKERS="2", LOG_LEVEL="CRITICAL") as address:
        for _ in range(4):
            wait_until(lambda: len(children(address.process)) == 2, "two workers")
            victim = children(address.process)[0]
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda gone=victim: gone not in children(address.process), "it to be gone")
        wait_until(lambda: len(children(address.process)) == 2, "two workers")
        assert [fetch(address + "/predict", BODY, **JSON)[0] for _ in range(20)] == [200] * 20
        assert address.process.poll() is None


WRONG = {
    "PORT": ["70000", "0", "-1", "eighty", "80.5"],
    "WORKERS": ["0", "many", "1000"],
    "LOG_LEVEL": ["loud"],
    "MAX_BODY_MB": ["0", "4.5", "much"],
    "HOST": ["999.1.1.1", "no such host"],
}


@pytest.mark.parametrize(
    "name, value", [(name, v) for name, values in WRONG.items() for v in values]
)
def test_a_wrong_setting_is_refused_in_one_line(app, name, value):
    "It names the variable and what it holds, and nothing is served."
    process = start_app(app, **{"PORT": "1", name: value})
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and output.count("\n") == 1, output
    assert name in output and value in output.lower().replace(value.upper(), value)


NAMES = (
    "HOST",
    "WORKERS",
    "LOG_LEVEL",
    "MAX_BODY_MB",
    "PREDICTION_LOG",
    "PROMETHEUS_MULTIPROC_DIR",
)


@pytest.mark.parametrize(
    "settings",
    [
        dict.fromkeys(NAMES, ""),
        {"HOST": "localhost", "LOG_LEVEL": "warn", "PROMETHEUS_MULTIPROC_DIR": "/no/such/folder"},
    ],
    ids=["empty", "odd"],
)
def test_empty_and_odd_settings_serve_as_usual(app, settings):
    "An empty variable is as good as none; the app's folder stays as it was."
    before = sorted(path for path in app.rglob("*") if "__pycache__" not in path.parts)
    with serving(app, **settings) as address:
        assert fetch(address + "/predict", BODY, **JSON)[0] == 200
        assert fetch(address + "/metrics")[0] == 200
    assert before == sorted(path for path in app.rglob("*") if "__pycache__" not in path.parts)


@linux
def test_memory_stays_flat(app, tmp_path):
    "Ten thousand requests, some of them wrong: no more than a twentieth more memory."
    bodies = [BODY, json.dumps([FLIGHT] * 5).encode(), b'[{"origin": "far"}]', b"{"]
    head = "POST /predict HTTP/1.1\r\nHost: app\r\nContent-Type: application/json\r\n"
    requests = [f"{head}Content-Length: {len(each)}\r\n\r\n".encode() + each for each in bodies]

    def ask(address, count):  # in few words: what a client spends, the app has to wait for
        with socket.create_connection(("127.0.0.1", address.port), timeout=60) as client:
            for number in range(count):
                client.sendall(requests[number % 4])
                answer = client.recv(65536)
                start = answer.index(b"\r\n\r\n") + 4
                length = int(re.search(rb"(?i)content-length: (\d+)", answer)[1])
                while len(answer) < start + length:
                    answer += client.recv(65536)

    def memory(pids):
        status = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
        return sum(int(re.search(r"VmRSS:\s+(\d+)", text)[1]) for text in status)

    with serving(app, WORKERS="2", PREDICTION_LOG=str(tmp_path / "log.sqlite")) as address:
        used = []
        for count in (1_000, 4_000):  # warm-up, then the rest; by two clients at once
            threads = [threading.Thread(target=ask, args=(address, count)) for _ in range(2)]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            used.append(memory(children(address.process)))
        assert read_metric(address, "app_requests_total") >= 10_000
    print(f"memory of two workers: {used[0]} kB after 2,000 requests, {used[1]} kB after 10,000")
    assert used[1] <= 1.05 * used[0]


def test_metrics_add_up_over_the_workers(app):
    "Whichever worker is asked, the numbers are those of all; refused rows count by reason."
    right = json.dumps([FLIGHT, FLIGHT | {"carrier": "NK"}]).encode()
    with serving(app, WORKERS="2") as address:
        for _ in range(20):
            fetch(address + "/predict", right, **JSON)
        wrong = [FLIGHT | {"distance": "far", "origin": None}, FLIGHT | {"distance": 1e5}]
        for _ in range(10):
            fetch(address + "/predict", json.dumps(wrong).encode(), **JSON)
        fetch(address + "/secret/path")
        for _ in range(5):
            text = fetch(address + "/metrics")[2].decode()
            assert 'app_requests_total{route="/predict",status="200"} 20.0' in text
            assert 'app_requests_total{route="/predict",status="422"} 10.0' in text
            assert 'app_requests_total{route="other",status="404"} 1.0' in text
            assert "app_rows_total 40.0" in text and "app_warnings_total 20.0" in text
            for reason in ("type", "missing", "range"):
                assert f'app_rejected_rows_total{{reason="{reason}"}} 10.0' in text
            assert re.search(r'app_artifact_info\{version="[0-9a-f]{12}"\} 1', text)
            assert 'app_request_seconds_bucket{le="0.5",route="/predict"} 30.0' in text
        assert "secret" not in text


def test_log_lines_are_json_without_rows(app):
    "Each tells its request's id, which the answer carried too, and nothing of what was sent."
    body = json.dumps(FLIGHT | {"distance": "seventy", "carrier": "Private Person"}).encode()
    with serving(app, LOG_LEVEL="info") as address:
        client = http.client.HTTPConnection("127.0.0.1", address.port, timeout=30)
        ids = []
        for sent in (BODY, body):
            headers = {"Content-Type": "application/json"}
            client.request("POST", "/predict?key=Private", sent, headers)
            response = client.getresponse()
            response.read()
            ids.append(response.headers["X-Request-Id"])
        client.close()
        address.process.terminate()
        address.process.wait(10)
        first, *lines = address.read_output().splitlines()
    assert first.startswith("serving on http://127.0.0.1:")
    told = {line["request_id"]: line for line in map(json.loads, lines) if "request_id" in line}
    assert [told[id]["status"] for id in ids] == [200, 422]
    assert told[ids[1]]["level"] == "warning" and told[ids[1]]["route"] == "/predict"
    for private in ("Private", "seventy", "EWR", "719"):
        assert private not in "".join(lines)


@pytest.mark.parametrize("fault", ["a folder", "no folder", "corrupt", "locked"])
def test_a_log_that_cannot_be_written_costs_no_answer(app, tmp_path, fault):
    "Every prediction is answered, and every line that could not be written is counted."
    path = tmp_path / "log.sqlite"
    if fault == "a folder":
        path.mkdir()
    elif fault == "no folder":
        path = tmp_path / "nowhere" / "log.sqlite"
    elif fault == "corrupt":
        path.write_bytes(b"not a database" * 1000)
    with serving(app, WORKERS="2", PREDICTION_LOG=str(path)) as address:
        if fault == "locked":
            lock = sqlite3.connect(path)
            lock.execute("begin exclusive")
        answers = [fetch(address + "/predict", BODY, **JSON)[0] for _ in range(50)]
        assert answers == [200] * 50
        if fault == "locked":
            lock.rollback()
            lock.close()
        until = time.monotonic() + 15
        wanted = 0 if fault == "locked" else 50
        while read_metric(address, "app_log_lost_total") < wanted and time.monotonic() < until:
            time.sleep(0.05)
        assert read_metric(address, "app_log_lost_total") == wanted
    if fault == "locked":  # the lock went away: what waited has been written
        with closing(sqlite3.connect(path)) as log:
            assert log.execute("select count(*) from predictions").fetchone() == (50,)


def test_feedback_finds_its_prediction(app, tmp_path):
    "Also in another worker, straight away; again is fine, otherwise is a conflict, unknown is 404."
    path = tmp_path / "log.sqlite"
    with serving(app, WORKERS="2", PREDICTION_LOG=str(path)) as address:

        def tell(said):
            status, kind, body = fetch(address + "/feedback", json.dumps(said).encode(), **JSON)
            return status, json.loads(body)

        for _ in range(8):
            body = json.dumps([FLIGHT, FLIGHT]).encode()
            answer = json.loads(fetch(address + "/predict", body, **JSON)[2])
            one, other = (prediction["id"] for prediction in answer["predictions"])
            labels = [{"id": one, "label": "late"}, {"id": other, "label": "on time"}]
            assert tell(labels) == (200, {"labelled": 2})
        assert tell(labels[0]) == (200, {"labelled": 1})
        status, problem = tell({"id": one, "label": "on time"})
        assert status == 409 and "late" in problem["detail"] and "on time" in problem["detail"]
        assert tell({"id": "00-0", "label": "late"})[0] == 404
        status, problem = tell({"id": one, "label": "early"})
        assert status == 422 and "expected one of on time, late" in problem["detail"]
        for wrong in ([{}], {"id": 7, "label": "late"}, {"id": one, "label": "late", "more": 1}, 7):
            assert tell(wrong)[0] == 422
    with closing(sqlite3.connect(path)) as log:
        assert log.execute("select count(*), count(label) from predictions").fetchone() == (16, 16)


def test_without_a_log_feedback_says_so(app):
    "No id can be known, and the way out is named."
    with serving(app) as address:
        body = json.dumps({"id": "00-0", "label": "late"}).encode()
        status, kind, problem = fetch(address + "/feedback", body, **JSON)
    assert (status, kind) == (404, "application/problem+json") and b"PREDICTION_LOG" in problem
