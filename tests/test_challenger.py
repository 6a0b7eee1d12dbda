"""A challenger beside the artifact in service: unseen in a shadow, sticky in an A/B test."""

import json
import shutil
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, timedelta
from statistics import NormalDist

import msgspec
import numpy as np
import pytest
from make_amounts import fit_amounts, put, save_amounts, serve_amounts
from make_artifacts import HOME, fetch, serving
from onnx import TensorProto, helper
from projects import write_series

from mlprod.app.app import create_app
from mlprod.app.model import EXPERIMENT, LOOK_AGAIN, POINTER, InService, assign, name_units
from mlprod.app.rows import check_rows, read_features
from mlprod.contract import read_contract
from mlprod.generate import generate_app

UNIT = {"experiment_unit": "day"}
DAYS = [(date(2022, 1, 1) + timedelta(day)).isoformat() for day in range(60)]


@pytest.fixture(scope="module")
def contract(tmp_path_factory):
    return write_series(tmp_path_factory.mktemp("tables"))


@pytest.fixture(scope="module")
def shop(contract, tmp_path_factory):
    "Two versions in a folder, the first in service; they decide differently."
    folder = tmp_path_factory.mktemp("shop")
    model = fit_amounts(contract)[0]
    challenger = save_amounts(contract, folder, model, threshold=0.0, life=UNIT)
    return (
        folder,
        serve_amounts(contract, folder, model=model, threshold=1000.0, life=UNIT),
        challenger,
    )


@pytest.fixture
def start(shop):
    "Begin or change an experiment; it ends with the test."
    folder, _, challenger = shop
    plan = {"version": challenger, "mode": "ab", "share": 0.5, "name": "spring"}
    yield lambda **changes: put(folder, EXPERIMENT, **plan | changes)
    (folder / EXPERIMENT).unlink(missing_ok=True)
    time.sleep(2 * LOOK_AGAIN)


@pytest.fixture(scope="module")
def served(shop, tmp_path_factory):
    "The app, with a log, and the log's file."
    path = tmp_path_factory.mktemp("log") / "log.sqlite"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREDICTION_LOG", str(path))
        app = create_app(shop[0], HOME)
    yield app.test_client(), path
    app.extensions["service"].log.close()


def make_rows(folder):
    "A row for each of the days."
    example = InService(folder).artifact().example
    return [example | {"day": f"{day}T12:00+01:00"} for day in DAYS]


def ask(client):
    "Predictions of a row for each day, as soon as the app has seen what has changed."
    rows = make_rows(client.application.extensions["service"].in_service.folder)
    time.sleep(2 * LOOK_AGAIN)
    answer = client.post("/predict", json=rows)
    assert answer.status_code == 200
    return answer.json["predictions"]


def look_up(path, predictions, table="predictions"):
    "What the log says about predictions, by id, as soon as it is written."
    ids, until = {each["id"] for each in predictions}, time.monotonic() + 5
    while True:
        with closing(sqlite3.connect(path)) as log:
            lines = log.execute(f"select id, version, score, decision from {table}").fetchall()
        found = {line[0]: line[1:] for line in lines if line[0] in ids}
        if len(found) == len(ids) or time.monotonic() > until:
            return found
        time.sleep(0.02)


def without_ids(predictions):
    return [{name: each[name] for name in each if name != "id"} for each in predictions]


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
@pytest.mark.parametrize("name", ["spring", "summer"])
def test_a_share_is_what_it_says(name, share):
    "Of 100,000 ids as many as chance allows: the 99.99% bounds of the binomial distribution."
    got = sum(assign(name, f"customer-{number}", share) for number in range(100_000))
    bound = NormalDist().inv_cdf(1 - 0.00005) * np.sqrt(100_000 * share * (1 - share))
    assert abs(got - 100_000 * share) <= bound


def test_nobody_and_everybody():
    "A share of 0 assigns nobody, of 1 everybody, and one that grows takes nobody out."
    units = [str(number) for number in range(2000)]
    shares = [{unit for unit in units if assign("x", unit, share)} for share in (0, 0.2, 0.3, 1)]
    assert shares[0] == set() and shares[3] == set(units) and shares[1] < shares[2]


def test_experiments_are_independent():
    "Who is in one tells nothing about who is in the next: a quarter is in both."
    both = sum(assign("a", str(n), 0.5) and assign("b", str(n), 0.5) for n in range(100_000))
    assert abs(both - 25_000) <= 4 * np.sqrt(100_000 * 0.25 * 0.75)


def test_a_unit_is_the_text_of_its_value():
    "1 and 1.0 are the same, and so are two moments of a local day; a missing value is a unit too."
    common = {"description": "", "may_be_missing": True, "unit": None}
    moment = {"kind": "moment", "range": ["2013-01-01T00:00Z", "2030-01-01T00:00Z"]}
    columns = {
        "class": common | {"kind": "category", "values": ["1", "true", "é"], "example": "1"},
        "age": common | {"kind": "number", "range": [0, 99], "example": 1},
        "at": common | moment | {"timezone": "America/New_York", "example": "2013-07-05T12:00Z"},
    }
    features = read_features({"features": ["class", "age", "at.hour"], "columns": columns})

    def name(column, *values):
        row = {"class": None, "age": None, "at": None}
        rows = check_rows([row | {column: value} for value in values], features)
        return name_units(rows, features, column)

    assert name("class", "1", 1, 1.0, True, "é", None) == ["1", "1", "1", "true", "é", ""]
    assert name("age", 7, 7.0, 7.5, None) == ["7", "7", "7.5", ""]
    moments = "2013-07-05T23:59-04:00", "2013-07-06T04:00Z", "2013-07-06T03:59Z", None
    assert name("at", *moments) == ["2013-07-05", "2013-07-06", "2013-07-05", ""]


def test_each_unit_has_one_version(start, shop, served):
    "Answers, decisions and log lines are those of the version that its hash chooses."
    _, champion, challenger = shop
    client, path = served
    start()
    predictions = ask(client)
    chosen = [assign("spring", day, 0.5) for day in DAYS]
    assert 0 < sum(chosen) < len(chosen)
    for prediction, is_chosen in zip(predictions, chosen, strict=True):
        assert prediction["version"] == (challenger if is_chosen else champion)
        assert prediction["decision"] == ("act" if is_chosen else "leave")
    lines = look_up(path, predictions)
    for each in predictions:
        assert lines[each["id"]] == (each["version"], each["score"], each["decision"])
    ids = [each["id"].rpartition("-") for each in predictions]
    assert [int(place) for *_, place in ids] == list(range(len(DAYS)))


def test_the_plan_changes_while_the_app_runs(start, shop, served):
    "Share, mode, name, and the end: the next requests know."
    _, _, challenger = shop
    client, _ = served
    for change, expected in [
        ({"share": 0}, 0), ({"share": 1}, 60), ({"share": 0.2}, None), ({"mode": "shadow"}, 0),
        ({"name": "autumn"}, None),
    ]:  # fmt: skip
        start(**change)
        got = [each.get("version") == challenger for each in ask(client)]
        rule = [assign(change.get("name", "spring"), day, change.get("share", 0.5)) for day in DAYS]
        assert sum(got) == expected if expected is not None else got == rule
    (shop[0] / EXPERIMENT).unlink()
    assert all("version" not in each for each in ask(client))


def test_a_shadow_is_not_seen(start, shop, served):
    "The same answers, and a line for each row of what the challenger would have answered."
    _, champion, challenger = shop
    client, path = served
    before = ask(client)
    start(mode="shadow")
    after = ask(client)
    assert without_ids(after) == without_ids(before)
    lines, shadows = look_up(path, after), look_up(path, after, "shadows")
    for each in after:
        assert lines[each["id"]][0] == champion
        assert shadows[each["id"]] == (challenger, each["score"], "act")
    assert look_up(path, before[:1]) and not set(shadows) & {each["id"] for each in before}


def test_the_form_shows_who_answered(start, shop, served):
    "Threshold and decision are those of the version that the unit was assigned to."
    client, _ = served
    start(share=1)
    time.sleep(2 * LOOK_AGAIN)
    form = make_rows(shop[0])[0] | {"day": "2022-01-01T12:00"}
    page = client.post("/", data=form).text
    assert "at or above the threshold of 0" in page and shop[2] in page


def make_picky(columns):
    "A model that scores one row and fails on two."
    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [1, 1])
    one = helper.make_tensor("place", TensorProto.INT64, [1], [0])
    graph = helper.make_graph(
        [
            helper.make_node("Constant", [], ["first"], value=one),
            helper.make_node("Constant", [], ["whole"], value=shape),
            helper.make_node("Gather", ["rows", "first"], ["column"], axis=1),
            helper.make_node("Reshape", ["column", "whole"], ["scores"]),
        ], "picky",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, columns])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)],
    )  # fmt: skip
    imports = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=imports, ir_version=9).SerializeToString()


@pytest.mark.parametrize("mode", ["shadow", "ab"])
def test_a_challenger_that_fails_is_not_noticed(mode, start, contract, shop, served):
    "The version in service answers; the failure is counted."
    folder, champion, _ = shop
    client, path = served
    before = ask(client)
    model = make_picky(fit_amounts(contract)[1].shape[1])
    picky = save_amounts(contract, folder, model, threshold=500.0 + len(mode), life=UNIT)
    start(version=picky, mode=mode, share=1)
    failed = read_failed(client)
    after = ask(client)
    assert client.get("/readyz").json.get("problem") is None and read_failed(client) == failed + 1
    assert [each["score"] for each in after] == [each["score"] for each in before]
    assert {line[0] for line in look_up(path, after).values()} == {champion}


def read_failed(client):
    "How many requests the challenger could not score."
    lines = client.get("/metrics").text.splitlines()
    (line,) = [line for line in lines if line.startswith("app_challenger_failed_total")]
    return float(line.split()[1])


def test_what_cannot_be_tried_is_named(start, contract, shop, served):
    "The version in service answers everything, and ready says in one line what is wrong."
    folder, champion, _ = shop
    client, _ = served
    features = read_contract(contract).features[::-1]  # another order
    foreign = save_amounts(contract, folder, threshold=7.0, life=UNIT, features=features)
    for change, expected in [
        ({"version": "nowhere"}, "artifact nowhere: expected a file manifest.json"),
        ({"version": "../../x"}, "experiment.json: expected JSON with a version"),
        ({"version": champion}, "expected another version than the one in service"),
        ({"version": foreign}, "expected the columns and the labels of the version in service"),
        ({"mode": "both"}, "a mode (shadow or ab)"), ({"share": 1.5}, "a share from 0 to 1"),
        ({"share": "half"}, "a share"), ({"name": ""}, "and a name"),
    ]:  # fmt: skip
        start(**change)
        assert all("version" not in each for each in ask(client))
        problem = client.get("/readyz").json["problem"]
        assert expected in problem and "\n" not in problem and str(folder) not in problem
    start()
    ask(client)
    assert "problem" not in client.get("/readyz").json


@pytest.mark.parametrize("unit", [None, "sales", "nothing"])
def test_a_unit_has_to_come_with_the_request(unit, contract, tmp_path):
    "A column of the features; a shadow needs none."
    model = fit_amounts(contract)[0]
    challenger = save_amounts(contract, tmp_path, model, threshold=1.0)
    serve_amounts(contract, tmp_path, model=model, life={"experiment_unit": unit})
    plan = {"version": challenger, "share": 0.5, "name": "spring"}
    put(tmp_path, EXPERIMENT, mode="ab", **plan)
    in_service = InService(tmp_path)
    assert in_service.experiment is None and in_service.artifact()
    expected = f"life.experiment_unit: expected a column of the features, got {unit}"
    assert in_service.problem.endswith(expected)
    put(tmp_path, EXPERIMENT, mode="shadow", **plan)
    in_service = InService(tmp_path)
    assert in_service.problem is None and in_service.experiment.plan.mode == "shadow"


def test_a_challenger_that_is_promoted_is_no_experiment(start, shop, served):
    "It answers everything then, and ready says that the experiment has to be ended."
    folder, champion, challenger = shop
    client, _ = served
    start()
    put(folder, POINTER, version=challenger)
    try:
        predictions = ask(client)
        assert {each["decision"] for each in predictions} == {"act"}
        assert "another version" in client.get("/readyz").json["problem"]
    finally:
        put(folder, POINTER, version=champion)


def test_workers_and_restarts_agree(start, shop, tmp_path):
    "Two workers give each day the version that this process computes, request by request."
    folder, champion, challenger = shop
    app = generate_app(folder, tmp_path / "app")
    plan = {"version": challenger, "mode": "ab", "share": 0.5, "name": "spring"}
    shutil.copytree(folder / challenger, app / "artifacts" / challenger)
    put(app / "artifacts", EXPERIMENT, **plan)
    body = [json.dumps([row]).encode() for row in make_rows(folder)]
    with serving(app, WORKERS="2") as address, ThreadPoolExecutor(8) as threads:

        def ask_once(one):
            answer = fetch(f"{address}/predict", one, Content_Type="application/json")
            return msgspec.json.decode(answer[2])["predictions"][0]["version"]

        got = list(threads.map(ask_once, body * 3))
    wanted = [challenger if assign("spring", day, 0.5) else champion for day in DAYS]
    assert got == wanted * 3
