"""Artifacts for tests: both projects, trained by the library on few rows."""

import atexit
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from mlprod.contract import read_contract
from mlprod.data import hash_file, read_rows, split_rows
from mlprod.drift import make_reference
from mlprod.frames import encode_frame
from mlprod.gate import judge_model
from mlprod.package import save_artifact
from mlprod.report import evaluate_model
from mlprod.service import promote
from mlprod.train import train_baseline, train_model

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / "mlprod" / "files" / "app"  # templates and styles, where no app has been generated
# The flights' app: `mlprod own` moves it out of app/, which is somebody's own from then on.
FLIGHTS_APP = next(
    path for path in (ROOT / "data" / "flights" / "app", ROOT / "app") if path.is_dir()
)
NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # for the loopback
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}

WORKSHOP = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
atexit.register(WORKSHOP.cleanup)


@lru_cache
def train_parts(project, name):
    "Train a model and judge it, once in a process; the model, its report, and both parts of rows."
    data = ROOT / "data" / project
    contract = read_contract(data / "contract.yaml")
    rows_file = data / (contract.data.sample or contract.data.rows)
    train_rows, test_rows = split_rows(read_rows(rows_file, contract), contract, seed=0)
    model = train_model(name, train_rows, contract, seed=0)
    baseline = train_baseline(train_rows, contract, seed=0)
    return model, evaluate_model(model, baseline, test_rows, contract), train_rows, test_rows


@lru_cache
def train_artifact(project, name):
    "Train a model and save it, once in a process; the trained model, its rows and the artifact."
    data = ROOT / "data" / project
    contract = read_contract(data / "contract.yaml")
    rows_file = data / (contract.data.sample or contract.data.rows)
    model, report, train_rows, test_rows = train_parts(project, name)
    learned, unseen = (encode_frame(part, model.features)[0] for part in (train_rows, test_rows))
    page = contract.model_dump(mode="json", by_alias=True)
    path = save_artifact(
        model, report, contract, hash_file(rows_file), unseen,
        folder=Path(WORKSHOP.name) / project / name,
        reference=make_reference(learned, model.score(learned), page),
        verdict=judge_model(report, contract, override="few rows, for tests"),
    )  # fmt: skip
    return model, test_rows, path


def make_artifact(project, folder, name="logistic"):
    "Put a trained model into service below a folder; return the model and its rows."
    model, test_rows, path = train_artifact(project, name)
    shutil.copytree(path, Path(folder) / path.name, dirs_exist_ok=True)
    promote(folder, path.name)
    return model, test_rows.copy()


def to_json_rows(rows, features):
    "Rows of a DataFrame as a program would send them."
    names = list(features.columns)
    return json.loads(rows[names].to_json(orient="records", date_format="iso", date_unit="us"))


class Served(str):
    "The address of an app that runs, with its process."

    process: subprocess.Popen

    @property
    def port(self):
        return int(self.rpartition(":")[2])


@contextmanager
def serving(app, python=sys.executable, **settings):
    "Run `python serve.py` of an app from another folder, and give its address."
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        process = subprocess.Popen(
            [python, str(app / "serve.py")],
            cwd=app.parent,
            env=outside | {"PORT": str(port), "WORKERS": "1"} | settings,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            until = time.monotonic() + 30
            while fetch(f"http://127.0.0.1:{port}/livez")[0] != 200:
                if process.poll() is not None or time.monotonic() > until:
                    process.kill()
                    raise AssertionError(f"the app did not start:\n{read_output(output)}")
                time.sleep(0.02)
            served = Served(f"http://127.0.0.1:{port}")
            served.process, served.read_output = process, lambda: read_output(output)
            yield served
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def read_output(file):
    "What a process has written so far."
    with open(file.fileno(), encoding="utf-8", closefd=False) as again:
        again.seek(0)
        return again.read()


def fetch(address, body=None, **headers):
    "Status, content type and body of an answer; status 0 while nobody listens."
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with NO_PROXY.open(urllib.request.Request(address, body, headers), timeout=10) as reply:
            return reply.status, reply.headers.get_content_type(), reply.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get_content_type(), error.read()
    except (urllib.error.URLError, ConnectionError):
        return 0, "", b""
