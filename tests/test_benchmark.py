"""The comparison of servers: its tables compute what they say, and mistakes get one line."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks/serving"


@pytest.fixture(scope="module")
def serving():
    "The folder's modules, imported the way that its run.py does, and forgotten afterwards."
    names = ("servers", "tables")
    sys.path.insert(0, str(FOLDER))
    try:
        yield {name: __import__(name) for name in names}
    finally:
        sys.path.remove(str(FOLDER))
        for name in names:
            sys.modules.pop(name, None)


def test_every_script_compiles():
    "The peers' scripts, which other environments run, and the bench itself are Python."
    scripts = sorted(FOLDER.rglob("*.py"))

    assert len(scripts) > 12
    for script in scripts:
        ast.parse(script.read_text(), script.name)


def test_every_peer_is_pinned(serving):
    "Each peer has a script and exact versions; all have the scikit-learn that pickled the model."
    servers = serving["servers"]
    homes = {one.home for one in servers.ENTRANTS} - {"app"}

    pins = {servers.read_pin(home, "scikit-learn", FOLDER) for home in homes}
    lines = [line for home in homes for line in
             servers.requirements_of(home, FOLDER).read_text().splitlines()]  # fmt: skip

    assert len(pins) == 1 and "" not in pins
    assert all("==" in line for line in lines if not line.startswith("#"))


def test_every_form_reads_back_what_it_asks(serving):
    "A body holds the rows; scores are found in the answer of its server."
    servers, row = serving["servers"], {"hour": 7, "origin": "EWR"}

    assert servers.write_body("list", [row]) == b'[{"hour":7,"origin":"EWR"}]'
    assert b'"datatype":"BYTES","data":["EWR"]' in servers.write_body("v2", [row])
    assert b'"data":[[7,"EWR"]]' in servers.write_body("mlflow", [row])
    assert servers.read_scores("mlflow", b'{"predictions": [[0.8, 0.2]]}') == [0.2]
    assert servers.read_scores("app", b'{"predictions": [{"score": 0.2}]}') == [0.2]
    assert servers.read_scores("v2", b'{"outputs": [{"data": [0.2]}]}') == [0.2]


def test_medians_leave_out_what_failed_once(serving):
    "The median over the rounds; a figure that is missing in one round is missing."
    rounds = [
        {"app": {"pss": 10, "p50_16": 3}},
        {"app": {"pss": 30, "p50_16": 1}},
        {"app": {"pss": 20}},
    ]

    assert serving["tables"].take_medians(rounds) == {"app": {"pss": 20}}


def test_ratios_are_held_against_the_right_peer(serving):
    "Batching peers count in one line and not in the other; the bound decides, and is shown."
    tables = serving["tables"]
    medians = {
        "app": {"per_second_16": 3000, "p99_16": 0.002, "rows_seconds": 0.036, "pss": 90e6},
        "app-logging": {"per_second_16": 2400},
        "plain": {"per_second_16": 70, "p50_16": 0.02, "rows_seconds": 0.1, "pss": 200e6},
        "together": {"per_second_16": 400, "p50_16": 0.01, "rows_seconds": 0.2, "pss": 300e6},
        "alone": {"pss": 100e6},
    }
    roles = {"app": "app", "app-logging": "app", "plain": "peer", "together": "batching"}
    workers = dict.fromkeys(medians, 2) | {"alone": 1}

    floor = {"decode": 0.01, "run": 0.02}
    targets = tables.list_targets(medians, floor, roles | {"alone": "peer"}, workers)
    said = {one["figure"]: (one["shown"], one["reached"]) for one in targets}

    assert said == {
        "one row, 16 connections: best peer": ("7.5 times", False),
        "… best peer without batching": ("42.9 times", True),
        "p99 at 16 connections: best peer's p50": ("1/5.00", True),
        "10,000 rows in one request: best peer": ("1/2.78", True),
        "… decoding and the bare ONNX Runtime call": ("1.20 times", True),
        "memory (PSS) with two workers: best peer": ("1/2.22", True),
        "one row, 16 connections, logging: without": ("80%", True),
    }
    table = tables.write_targets(targets)
    assert "| at least 9 times | 3,000/s | 400/s (together) | 7.5 times | **no** |" in table
    table = tables.write_medians(medians, {name: name for name in medians})
    assert "| alone | – | – | – | – | – | – | 100 | – | – | – |" in table


def test_an_unknown_peer_gets_one_line(serving):
    "The line names what was asked for and what there is."
    servers = serving["servers"]

    with pytest.raises(servers.SetupError, match="^nginx: expected one of flask, gunicorn-sync, "):
        servers.choose(["fastapi", "nginx"], servers.ENTRANTS)


def test_a_mistake_on_the_command_line_gets_one_line():
    "A mistake is one line on the error stream, and status 1."
    command = [sys.executable, FOLDER / "run.py", "--peers", "nginx"]
    done = subprocess.run(command, capture_output=True, text=True)

    assert done.returncode == 1 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("run.py: nginx: expected one of flask, ")
