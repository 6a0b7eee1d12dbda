"""What can happen to an artifact while the app runs: damage, exchange, a killed saver."""

import http.client
import json
import random
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import onnx
import pytest
from make_artifacts import fetch, serving

from mlprod.app.model import FILES, load_artifact, read_pointer
from mlprod.app.rows import check_rows
from mlprod.generate import generate_app
from mlprod.package import hash_bytes, name_version, to_json
from mlprod.service import promote, roll_back

JSON = {"Content_Type": "application/json"}
SIGNED = (*FILES, "manifest.json")


def halve_scores(model):
    "The same model with half of each score, so that every score is another."
    changed = onnx.load_from_string(model)
    graph = changed.graph
    for node in graph.node:
        node.output[:] = ["whole" if name == "scores" else name for name in node.output]
    kind = graph.output[0].type.tensor_type.elem_type
    graph.initializer.append(onnx.helper.make_tensor("half", kind, [], [0.5]))
    graph.node.append(onnx.helper.make_node("Mul", ["whole", "half"], ["scores"]))
    return changed.SerializeToString()


def sign(folder, **hashes):
    "Make the manifest list what is in the folder, and name the folder accordingly."
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["files"] = {name: hash_bytes((folder / name).read_bytes()) for name in FILES}
    manifest["files"] |= {name.replace("_", "."): digest for name, digest in hashes.items()}
    manifest["project"] = hashes.pop("project", manifest["project"])
    manifest["version"] = name_version(manifest)
    (folder / "manifest.json").write_bytes(to_json(manifest))
    return folder.rename(folder.with_name(manifest["version"]))


def change_contract(folder, **changes):
    "Put another contract into a folder."
    contract = json.loads((folder / "contract.json").read_bytes()) | changes
    (folder / "contract.json").write_bytes(to_json(contract))
    return contract


@pytest.fixture(scope="module")
def saved(tmp_path_factory, root):
    "Two versions of the app's project and one of another project, as folders, and rows to send."
    source, folder = root / "app" / "artifacts", tmp_path_factory.mktemp("saved")
    good = folder / "ours" / read_pointer(source)
    shutil.copytree(source / good.name, good)

    other = shutil.copytree(good, folder / "ours" / "other")
    (other / "model.onnx").write_bytes(halve_scores((other / "model.onnx").read_bytes()))
    foreign = shutil.copytree(good, folder / "foreign")
    change_contract(foreign, project="foreign")
    artifact = load_artifact(good)
    column = next(name for name, each in artifact.features.columns.items() if each.kind == "number")
    low, high = artifact.contract["columns"][column]["range"]
    rows = [artifact.example | {column: low + (high - low) * n / 150} for n in range(150)]
    return good, sign(other), sign(foreign, project="foreign"), rows


SAVER = """
import json, os, signal, sys, time
from pathlib import Path
from mlprod.app.model import FILES
from mlprod.package import *
from mlprod.service import *
source = Path(sys.argv[1])
files = {name: (source / name).read_bytes() for name in FILES}
manifest = json.loads((source / "manifest.json").read_bytes())

def save_for_ever(folder, number):
    while True:
        number += 1
        manifest["seed"] = number
        manifest["version"] = name_version(manifest)
        write_version(folder, manifest["version"], files | {"manifest.json": to_json(manifest)})
        promote(folder, manifest["version"])

for number, line in enumerate(sys.stdin):
    folder, delay = json.loads(line)
    folder = Path(folder)
    before = read_pointer(folder)
    saver = os.fork()
    if saver == 0:
        save_for_ever(folder, (number + 1) * 100_000)
    while read_pointer(folder) == before:  # it has got going
        time.sleep(0.001)
    time.sleep(delay)
    os.kill(saver, signal.SIGKILL)
    print(os.waitstatus_to_exitcode(os.waitpid(saver, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module", autouse=True)
def saver(saved, root):
    "A process that saves without end on request, and is killed at it; early, for it loads long."
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", SAVER, str(saved[1])],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.stdin.close()


@pytest.fixture
def app(saved, tmp_path):
    "A generated app with the first version in service."
    promote(saved[0].parent, saved[0].name)
    return generate_app(saved[0].parent, tmp_path / "app")


def put_into_service(artifacts, version):
    "Write the pointer by hand: nobody checks."
    (artifacts / "aside").write_text(json.dumps({"version": version, "previous": None}))
    (artifacts / "aside").replace(artifacts / "in_service.json")


def wait_for(address, expected):
    "Ask whether the app is ready until the answer contains a text; give its status and text."
    until = time.monotonic() + 5
    while time.monotonic() < until:
        status, _, answer = fetch(f"{address}/readyz")
        if expected in answer.decode():
            return status, answer.decode()
        time.sleep(0.01)
    raise AssertionError(f"expected {expected!r}, got {status}: {answer.decode()}")


def spoil(artifacts, good):
    "Put damaged copies of a version beside the others; what is wrong, its name, the message."
    changed, spoilt = "expected the bytes that the manifest lists, got others", []

    def copy(number):
        "Each copy by a name of its own, where its name is not what is wrong with it."
        manifest = json.loads((good / "manifest.json").read_bytes()) | {"seed": 1000 + number}
        folder = shutil.copytree(good, artifacts / f"copy{number}")
        manifest["version"] = name_version(manifest)
        (folder / "manifest.json").write_bytes(to_json(manifest))
        return folder.rename(artifacts / manifest["version"])

    def add(what, folder, message):
        spoilt.append((what, folder.name, message))

    add("no folder", artifacts / "nowhere", "expected a file manifest.json")
    add("a file for a folder", artifacts / "in_service", "expected a file manifest.json")
    (artifacts / "in_service").write_text("{}")
    for number, name in enumerate(SIGNED):
        folder = copy(number)
        (folder / name).unlink()
        add(f"{name} missing", folder, f"expected a file {name}, got")

        folder, listed = copy(number + 10), name != "manifest.json"
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])
        add(f"{name} truncated", folder, f"{name}: {changed}" if listed else folder.name)

        folder, content = copy(number + 20), bytearray(content)
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)
        add(f"{name} flipped", folder, f"{name}: {changed}" if listed else folder.name)

    folder = sign(copy(30), model_onnx="0" * 64)
    add("signed with a wrong hash", folder, f"model.onnx: {changed}")
    folder = copy(31).rename(artifacts / "0123456789ab")
    add("by another name", folder, "expected version 0123456789ab")
    folder = copy(32)
    (folder / "manifest.json").write_text("[" * 100_000)
    add("a bottomless manifest", folder, folder.name)
    folder = copy(33)
    (folder / "manifest.json").write_text("[]")
    add("a manifest that is a list", folder, folder.name)
    folder = copy(34)
    project = change_contract(folder, project="foreign") and load_artifact(good).project
    add("another project's contract", sign(folder), f"expected project {project}, got foreign")
    folder, features = copy(35), load_artifact(good).contract["features"]
    change_contract(folder, features=features[1:])
    n = len(features)
    add("a shorter contract", sign(folder), f"expected {n - 1} columns, as the contract, got {n}")
    folder = copy(36)
    (folder / "model.onnx").write_bytes(b"not a model")
    add("no model, but signed", sign(folder), "rotobuf")
    return spoilt


def test_without_an_artifact_that_can_be_trusted_nothing_is_served(app, saved):
    "Alive but not ready; each damage is one line without a path; a sound version mends it."
    good, other, foreign, rows = saved
    artifacts, body = app / "artifacts", json.dumps(rows[:1]).encode()
    spoilt = spoil(artifacts, other)
    shutil.rmtree(artifacts / good.name)
    (artifacts / "in_service.json").unlink()
    with serving(app) as address:
        assert wait_for(address, "in_service.json not found")[0] == 503, "from the start"
        for what, version, message in spoilt:
            put_into_service(artifacts, version)
            status, answer = wait_for(address, version)
            assert status == 503 and message in json.loads(answer)["detail"], what
            assert str(artifacts) not in answer and "\n" not in json.loads(answer)["detail"], what
            assert fetch(f"{address}/livez")[0] == 200, what
            assert fetch(f"{address}/predict", body, **JSON)[0] == 503, what
        shutil.copytree(good, artifacts / good.name)
        put_into_service(artifacts, good.name)
        assert wait_for(address, good.name)[0] == 200
        assert fetch(f"{address}/predict", body, **JSON)[0] == 200
    print(f"\n{len(spoilt)} damaged artifacts refused at the start")


def test_the_one_in_service_goes_on_when_the_next_is_refused(app, saved):
    "Ready, with the problem named, and the old version predicts; another project's is refused too."
    good, other, foreign, rows = saved
    artifacts, body = app / "artifacts", json.dumps(rows[:1]).encode()
    spoilt = spoil(artifacts, other)
    shutil.copytree(foreign, artifacts / foreign.name)
    project = load_artifact(good).project
    message = f"expected project {project}, got foreign"
    spoilt.append(("sound, of another project", foreign.name, message))
    with serving(app) as address:
        for what, version, message in spoilt:
            put_into_service(artifacts, version)
            status, answer = wait_for(address, version)
            answer = json.loads(answer)
            assert status == 200 and message in answer["problem"], what
            assert answer["version"] == good.name, what
            assert str(artifacts) not in answer["problem"] and "\n" not in answer["problem"], what
            status, _, answer = fetch(f"{address}/predict", body, **JSON)
            assert (status, json.loads(answer)["version"]) == (200, good.name), what
        shutil.rmtree(artifacts / good.name)
        assert fetch(f"{address}/predict", body, **JSON)[0] == 200, "what is loaded stays loaded"
        shutil.copytree(other, artifacts / other.name)
        put_into_service(artifacts, other.name)
        assert wait_for(address, other.name)[0] == 200
    print(f"\n{len(spoilt)} damaged artifacts refused beside one in service")


class Client(threading.Thread):
    "Somebody who asks without a pause, on a connection that is renewed now and then."

    def __init__(self, address, rows):
        super().__init__()
        self.place, self.body = urlsplit(address).netloc, json.dumps(rows).encode()
        self.answers, self.failures, self.seen = [], [], None
        self.leave = threading.Event()

    def run(self):
        connection = http.client.HTTPConnection(self.place, timeout=20)
        while not self.leave.is_set():
            if len(self.answers) % 100 == 99:
                connection.close()
            try:
                connection.request(
                    "POST", "/predict", self.body, {"Content-Type": "application/json"}
                )
                reply = connection.getresponse()
                content = reply.read()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                break
            if reply.status != 200:
                self.failures.append(f"{reply.status}: {content[:300]}")
                break
            answer = json.loads(content)
            self.seen = answer["version"]
            scores = tuple(prediction["score"] for prediction in answer["predictions"])
            self.answers.append((answer["version"], scores))
        connection.close()


def test_versions_are_exchanged_under_load(app, saved):
    "Sixty swaps, four clients, two workers: only 200, and each answer is one version's to the bit."
    good, other, _, rows = saved
    artifacts = app / "artifacts"
    shutil.copytree(other, artifacts / other.name)
    expected = {}
    for version in (good.name, other.name):
        artifact = load_artifact(artifacts / version)
        predictions, *_ = artifact.predict(check_rows(rows, artifact.features), "request")
        expected[version] = [prediction.score for prediction in predictions]
    assert all(a != b for a, b in zip(*expected.values(), strict=True)), "no row tells nothing"
    swaps, start = 0, time.monotonic()
    with serving(app, WORKERS="2") as address:
        clients = [Client(address, rows[:number]) for number in (1, 1, 1, len(rows))]
        for client in clients:
            client.start()
        try:
            for number in range(60):
                version = (other, good)[number % 2].name
                roll_back(artifacts) if number % 3 == 2 else promote(artifacts, version)
                assert read_pointer(artifacts) == version
                until = time.monotonic() + 10
                while any(client.seen != version for client in clients if client.is_alive()):
                    assert time.monotonic() < until, "the swap was not seen by everybody"
                    time.sleep(0.002)
                swaps += 1
        finally:
            for client in clients:
                client.leave.set()
            for client in clients:
                client.join()
    answers = [answer for client in clients for answer in client.answers]
    seconds = time.monotonic() - start
    print(f"\n{swaps} swaps seen by all, {len(answers)} requests, {seconds:.1f} s")
    assert swaps >= 50 and len(answers) > 10 * swaps, (swaps, len(answers))
    assert [client.failures for client in clients] == [[]] * 4
    assert {version for version, _ in answers} == set(expected)
    for version, scores in set(answers):
        assert list(scores) == expected[version][: len(scores)], f"not what {version} gives"


@pytest.mark.skipif(sys.platform == "win32", reason="no fork, no SIGKILL")
def test_a_saver_killed_at_any_moment_leaves_something_to_serve(app, saved, saver):
    "Twenty times SIGKILL while saving and promoting beneath a running app: it goes on."
    rows = saved[3]
    artifacts, body, delays = app / "artifacts", json.dumps(rows[:1]).encode(), random.Random(5)
    served, asked = set(), 0
    with serving(app) as address, ThreadPoolExecutor(1) as threads:
        for kill in range(20):
            order = [str(artifacts), delays.uniform(0.0, 0.06)]
            print(json.dumps(order), file=saver.stdin, flush=True)
            status_line = threads.submit(saver.stdout.readline)
            while not status_line.done():
                status, _, answer = fetch(f"{address}/predict", body, **JSON)
                asked += 1
                assert status == 200, answer
                time.sleep(0.005)  # the saver needs the processor, too
            assert status_line.result() == "-9\n", f"kill {kill}: {status_line.result()}"
            version = read_pointer(artifacts)
            assert load_artifact(artifacts / version).version == version
            status, answer = wait_for(address, version)
            assert status == 200 and "problem" not in json.loads(answer), answer
            status, _, answer = fetch(f"{address}/predict", body, **JSON)
            assert (status, json.loads(answer)["version"]) == (200, version)
            served.add(version)
    whole = [path for path in artifacts.glob("*/manifest.json") if path.parent.name[0] != "."]
    for path in whole:
        load_artifact(path.parent)
    halves = sum(path.name.startswith(".saving-") for path in artifacts.iterdir())
    print(f"\n20 kills, {halves} in mid-saving, {asked} requests, {len(whole)} versions, all whole")
    assert len(served) == 20 and len(whole) > 20, (len(served), len(whole))


def test_a_folder_that_is_copied_slowly_answers_when_it_is_whole(app, saved, tmp_path):
    "What was refused is tried again by itself, within some seconds, without moving the pointer."
    good, other, _, rows = saved
    artifacts, target = app / "artifacts", app / "artifacts" / other.name
    module = (app / "model.py").read_text()
    assert "LOOK_AGAIN, TRY_AGAIN = 0.05, 10.0" in module
    (app / "model.py").write_text(module.replace("0.05, 10.0", "0.05, 0.2"))
    with serving(app) as address:
        put_into_service(artifacts, other.name)
        target.mkdir()
        for name in SIGNED:
            assert json.loads(wait_for(address, "problem")[1])["version"] == good.name
            shutil.copy(Path(other) / name, target)
        assert "problem" not in json.loads(wait_for(address, f'"version":"{other.name}"')[1])
        status, _, answer = fetch(f"{address}/predict", json.dumps(rows[:1]).encode(), **JSON)
        assert (status, json.loads(answer)["version"]) == (200, other.name)
