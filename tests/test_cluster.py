"""Score flights on a cluster: a real scheduler and two real workers, killed and out of memory."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from functools import partial

import projects
import pytest
from test_parts import delivered, read_output  # noqa: F401 (a fixture)
from test_score import ARTIFACTS, FLIGHTS, LINE, ROOT, posix

from mlprod import cluster, score
from mlprod.choose import compare_models, tune_model
from mlprod.cli import main
from mlprod.cluster import ClusterError, Order, make_parts_on, make_there, open_cluster, share_work
from mlprod.contract import read_contract
from mlprod.data import read_rows
from mlprod.parts import score_table
from mlprod.score import Piece, ScoreError, Task

pytestmark = posix
FOLDER = ARTIFACTS / FLIGHTS.version
MODULES = [name.replace(".", "/") + ".py" for name in cluster.MODULES]
NEEDED = ["__init__.py", "app/__init__.py", "cluster.py", *MODULES]
ABSENT = ["sklearn", "skl2onnx", "onnx", "scipy", "joblib", "matplotlib", "nbformat", "pydantic"]
MEMORY = 500_000_000  # of a worker; with the libraries it needs half of that


def start(home, program, *words, **environment):
    "Start the scheduler or the workers of a cluster that meet in a folder."
    words = ["--scheduler-file", home / "scheduler.json", "--host", "127.0.0.1", *words]
    command = [sys.executable, "-m", f"distributed.cli.dask_{program}", *map(str, words)]
    with open(home / f"{program}.log", "wb") as log:
        return subprocess.Popen(command, cwd=home, env=os.environ | environment, stderr=log)


def start_scheduler(home, **environment):
    "Start a scheduler; its process and its address."
    words = ["--port", 0, "--dashboard-address", "127.0.0.1:0"]
    process, file = start(home, "scheduler", *words, **environment), home / "scheduler.json"
    while not file.exists() or not file.read_text():
        assert process.poll() is None
        time.sleep(0.05)
    return process, json.loads(file.read_text())["address"]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    "The scheduler's address. What the workers have of mlprod can score, and cannot train."
    home = tmp_path_factory.mktemp("workers")
    for name in NEEDED:
        (home / "mlprod" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "mlprod" / name, home / "mlprod" / name)
    lines = f"import sys\nfor name in {ABSENT}:\n    sys.modules[name] = None\n"
    (home / "sitecustomize.py").write_text(lines)
    environment = {
        "PYTHONPATH": str(home), "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"
    }  # fmt: skip
    scheduler, address = start_scheduler(home, **environment)
    words = ["--nworkers", 2, "--nthreads", 1, "--memory-limit", MEMORY, "--no-dashboard"]
    workers = start(home, "worker", *words, **environment)
    try:
        yield address
    finally:
        for process in (workers, scheduler):
            process.terminate()
            process.wait(30)


@pytest.fixture
def client(address):
    "A client, when both workers are there."
    with open_cluster(address) as client:
        client.wait_for_workers(2, timeout=60)
        yield client


@pytest.fixture
def small_parts(monkeypatch):
    "Parts of 10,000 bytes."
    monkeypatch.setattr(score, "BYTES", 10_000)


@pytest.mark.parametrize("target", ["out.csv", "out.parquet", "out"])
def test_a_cluster_writes_the_same_bytes(address, delivered, small_parts, capsys, target):  # noqa: F811
    "A file, Parquet, a folder, and what was rejected; the dashboard's address is printed."
    outputs = []
    for place in ([], ["--cluster", address]):
        names = [delivered / f"{len(place)}{name}" for name in (target, "bad.csv")]
        words = [delivered / "in.csv", names[0], "--rejects", names[1], "--artifacts", ARTIFACTS]
        assert main(["score", *map(str, words), *place]) == 0
        outputs.append([read_output(name) for name in names])
    assert outputs[0] == outputs[1]
    out, err = capsys.readouterr()
    assert out.count("1,000 records in = 989 scored + 11 rejected") == 2
    assert err.startswith("dashboard: http://127.0.0.1:") and err.count("\n") == 1


def test_a_worker_killed_midway_changes_nothing(client, delivered, small_parts):  # noqa: F811
    "What it had under way is made by another one: the same counts, the same bytes."
    (delivered / "in.csv").write_text((delivered / "in.csv").read_text() + f"\n{LINE}" * 2000)
    victims = list(client.run(os.getpid).values())

    def kill(read, share):
        if victims:
            os.kill(victims.pop(), signal.SIGKILL)
            victims.clear()

    places = [str(delivered / name) for name in ("in.csv", "out.csv", "bad.csv")]
    make = partial(make_parts_on, client, FOLDER)
    assert score_table(FLIGHTS, *places, show=kill, make=make) == (3000, 2989, 11, 0)
    first = [read_output(delivered / name) for name in ("out.csv", "bad.csv")]
    assert not victims and score_table(FLIGHTS, *places) == (3000, 2989, 11, 0)
    assert first == [read_output(delivered / name) for name in ("out.csv", "bad.csv")]


def test_a_run_goes_on_from_a_clusters_parts(client, delivered, small_parts):  # noqa: F811
    "Parts have no place: what a cluster has finished is used by one machine, and the other way."
    places = [str(delivered / name) for name in ("in.csv", "out.csv", "bad.csv")]
    make = partial(make_parts_on, client, FOLDER)

    def stop(read, share):
        raise KeyboardInterrupt

    seen = []
    with pytest.raises(KeyboardInterrupt):
        score_table(FLIGHTS, *places, show=stop, make=make)

    def count(task, pieces):
        for piece in pieces:
            seen.append(piece)
            yield score.make_part(task, piece)

    assert score_table(FLIGHTS, *places, make=count) == (1000, 989, 11, 0)
    assert len(seen) == 3, "the first of four parts was there"
    with pytest.raises(ScoreError, match="record 1: distance: expected a number") as there:
        score_table(FLIGHTS, *places[:2], make=make)
    with pytest.raises(ScoreError) as here:
        score_table(FLIGHTS, *places[:2])
    assert str(there.value) == str(here.value)


def test_a_worker_without_memory_is_reported_with_its_part(client, tmp_path, monkeypatch):
    "It is ended for it, as is the next one, or paused: the part is named, and finished ones stay."
    monkeypatch.setattr(score, "BYTES", 64_000_000)
    monkeypatch.setattr(cluster, "LOOK", 0.5)
    monkeypatch.setattr(cluster, "PATIENCE", 3.0)
    source, target = tmp_path / "in.ndjson", tmp_path / "out.parquet"
    source.write_text(f"{json.dumps(FLIGHTS.example)}\n" * 600_000)
    with pytest.raises(ClusterError) as caught:
        score_table(FLIGHTS, str(source), str(target), make=partial(make_parts_on, client, FOLDER))
    assert re.search("in.ndjson: piece 1 of [0-9,]+ records: ", str(caught.value)), caught.value
    assert "for lack of memory (500 MB)" in str(caught.value)
    assert [path.name for path in tmp_path.glob(".*")] == [".out.parquet.parts"]


def test_memory_that_is_refused_is_said():
    "No worker dies where the system refuses an allocation."
    files = [*cluster.FILES, "manifest.json"]
    contents = {name: (FOLDER / name).read_bytes() for name in files}
    task = Task(None, None, "out.csv", rejects=False)
    piece = Piece("in.csv", "", 1, 1.0, lambda features: bytearray(2**62))
    with pytest.raises(ClusterError, match="^out of memory$"):
        make_there(Order(cluster.identify_code(), FOLDER.name, task), piece, contents)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("in.csv out.csv --cluster 127.0.0.1:8786", "expected local, or an address"),
        ("in.csv out.csv --cluster tcp://127.0.0.1:9", "expected a scheduler there"),
        ("--sql u --query q --table t --key k --cluster local", "expected IN and OUT with it"),
    ],
)
def test_no_cluster_is_one_line(delivered, monkeypatch, capsys, words, message):  # noqa: F811
    "Status 1, the option and the way out; nothing is written."
    monkeypatch.setattr(cluster, "CONNECT", 0.5)
    monkeypatch.chdir(delivered)
    assert main(["score", *words.split(), "--artifacts", str(ARTIFACTS)]) == 1
    err = capsys.readouterr().err
    assert err.startswith("mlprod: --cluster ") and message in err and err.count("\n") == 1
    assert [path.name for path in delivered.iterdir()] == ["in.csv"]


def test_what_is_no_scheduler_is_not_waited_for(client, monkeypatch):
    "A server that says nothing, and a worker's address."
    monkeypatch.setattr(cluster, "CONNECT", 2)
    worker = min(client.scheduler_info()["workers"])
    with socket.create_server(("127.0.0.1", 0)) as silent:
        places = [(f"tcp://127.0.0.1:{silent.getsockname()[1]}", "no answer within 2 s$")]
        for place, words in [*places, (worker, "got: a worker$")]:
            with pytest.raises(ClusterError, match=words), open_cluster(place):
                pass


@pytest.mark.parametrize("words", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0" * 64])
def test_a_server_of_another_kind_is_no_scheduler(words):
    "Dask takes the first bytes for a length, and fails in some way: one line says what is wrong."
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet():
            with server.accept()[0] as caller:
                caller.sendall(words)
                caller.recv(1000)

        threading.Thread(target=greet, daemon=True).start()
        place = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ClusterError, match="expected a scheduler there"), open_cluster(place):
            pass


def test_ctrl_c_ends_a_cluster_of_ones_own_in_one_line(tmp_path):
    "A terminal sends it to the workers too: they leave the answer to us."
    (tmp_path / "in.ndjson").write_text(f"{json.dumps(FLIGHTS.example)}\n" * 300_000)
    words = ["score", "in.ndjson", "out.csv", "--artifacts", str(ARTIFACTS), "--cluster", "local"]
    process = subprocess.Popen(
        [sys.executable, "-m", "mlprod.cli", *words], cwd=tmp_path, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)}, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout.readline().startswith("dashboard: ")
    os.killpg(process.pid, signal.SIGINT)
    said = process.communicate(timeout=60)[0]
    assert (process.returncode, said) == (130, "mlprod: stopped\n")


def test_a_scheduler_that_goes_away_ends_the_run(delivered, tmp_path):  # noqa: F811
    "In one line that says what to do, not in Dask's words."
    process, address = start_scheduler(tmp_path)
    with open_cluster(address) as client:
        process.kill()
        process.wait()
        make, names = partial(make_parts_on, client, FOLDER), ("in.csv", "out.csv", "bad.csv")
        with pytest.raises(ClusterError, match="no answer from the scheduler; finished parts"):
            score_table(FLIGHTS, *[str(delivered / name) for name in names], make=make)


def test_without_the_extra_its_name_is_said(monkeypatch):
    "Nothing of Dask is imported before somebody asks for a cluster."
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(ClusterError, match=r'pip install "mlprod\[scale\]"'),
        open_cluster("local"),
    ):
        pass
    code = (
        "import sys; from mlprod import parts, cluster; from mlprod.commands import line;"
        "sys.exit(bool({'dask', 'distributed'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_a_worker_with_other_code_refuses():
    "It would write other bytes, and nobody would see it."
    order = Order(("mlprod 1", *cluster.identify_code()[1:]), FOLDER.name, None)
    with pytest.raises(ClusterError, match="expected mlprod 1, got mlprod .*: install the same"):
        make_there(order, None, {})


def test_estimators_are_compared_alike_wherever(tmp_path):
    "Alone, in two processes, on the workers of a cluster: the same numbers and the same best."
    path = projects.write_few(tmp_path)
    contract = read_contract(path)
    rows, results = read_rows(path.with_name("rows.parquet"), contract), []
    for jobs, place in ((1, ""), (2, ""), (1, "local")):
        with share_work(jobs, place):
            compared = compare_models(rows, contract, ["logistic"], 1)
            best, tried = tune_model("logistic", rows, contract, {"C": [0.1, 1.0]}, 1)
        results.append((compared.to_csv(), best, tried.to_csv()))
    assert results[0] == results[1] == results[2]
