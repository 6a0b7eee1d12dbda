"""The monitor's verdicts and the page that shows them: of real apps, and from counts alone."""

import json
import re
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from make_amounts import serve_amounts
from make_artifacts import BROWSER, HOME, ROOT, make_artifact, to_json_rows
from projects import write_amounts
from ruamel.yaml import YAML
from sklearn.metrics import brier_score_loss, mean_absolute_error, roc_auc_score

from mlprod.app.app import create_app
from mlprod.app.log import Log, Request, drawn, first_id, open_log, write_queue
from mlprod.app.model import load_artifact, read_pointer
from mlprod.app.monitor import LARGEST, monitor
from mlprod.app.rows import check_rows, encode_rows
from mlprod.drift import count_rows, make_reference, pick_scores
from mlprod.monitor import judge_log
from mlprod.watch import (
    SUMS,
    measure,
    merge_days,
    observe,
    read_watched,
)

DAY, MONDAY = 86_400.0, 1_394_452_800.0  # 10 March 2014, noon UTC
FILES = ROOT / "mlprod" / "files" / "app" / "monitoring"


@pytest.fixture
def serve(tmp_path):
    "Make an app with a log and a clock that the test sets; close it afterwards."
    logs = []

    def start(artifacts):
        now = [MONDAY]
        app = create_app(artifacts, home=HOME, clock=lambda: now[0])
        if "monitor" not in app.blueprints:
            app.register_blueprint(monitor)
        log = Log(tmp_path / f"{len(logs)}.sqlite", clock=lambda: now[0])
        logs.append(log)
        service = app.extensions["service"]
        service.log = log
        return SimpleNamespace(client=app.test_client(), log=log, now=now, service=service)

    yield start
    for log in logs:
        log.close()


def answer(served, rows):
    "Answer rows, and wait until they are written; the ids of the predictions."
    answered = served.client.post("/predict", json=rows)
    assert answered.status_code == 200, answered.json
    ids = [each["id"] for each in answered.json["predictions"]]
    served.log._write_queue()  # what the thread does twenty times a second
    return ids


def judge_now(served):
    "Run the job, and return what a program then reads."
    artifact = served.service.in_service.artifact()
    judge_log(served.log.path, artifact, served.now[0])
    return served.client.get("/monitor").json


def verdicts(served):
    "The three states, as a program reads them."
    found = served.client.get("/monitor").json["findings"]
    return {each["kind"]: each["state"] for each in found}


def test_before_anybody_looks_nothing_is_known(tmp_path, serve):
    "Unknown is said, in grey, with the command; without a log the page says how to start one."
    make_artifact("flights", tmp_path / "artifacts")
    served = serve(tmp_path / "artifacts")
    assert set(verdicts(served).values()) == {"unknown"}
    page = served.client.get("/monitor", headers=BROWSER)
    assert page.status_code == 200 and 'class="verdict unknown"' in page.text
    assert "Nobody has judged" in page.text and "mlprod monitor" in page.text
    lines = served.client.get("/metrics").text
    assert 'app_monitor_unknown{verdict="decay"} 1' in lines and "app_monitor_effect{" not in lines
    assert not re.search("^app_monitor_age_seconds ", lines, re.MULTILINE)
    open_log(served.log.path, "flights").close()
    report = judge_now(served)
    assert report["state"] == "unknown" and "no prediction of this version" in report["reason"]
    served.service.log, log = None, served.service.log
    answered = served.client.get("/monitor")
    assert answered.status_code == 404 and "PREDICTION_LOG" in answered.json["detail"]
    served.service.log = log


def test_counts_equal_the_rows_and_labels_that_the_log_has(tmp_path, serve, monkeypatch):
    "AUC, Brier and precision of the counts are those of the lines, however they are read."
    monkeypatch.setattr("mlprod.watch.CHUNK", 130)
    _, rows = make_artifact("flights", tmp_path / "artifacts")
    served = serve(tmp_path / "artifacts")
    artifact = served.service.in_service.artifact()
    rows = rows.dropna(subset="arrival_delay").head(900)
    listed, late = to_json_rows(rows, artifact.features), rows["arrival_delay"] > 15
    for start in range(0, 900, 300):
        ids = answer(served, listed[start : start + 300])
        labels = np.where(late[start : start + 300], "late", "on time").tolist()
        pairs = [{"id": id, "label": label} for id, label in zip(ids, labels, strict=True)]
        for _ in range(2):
            assert served.client.post("/feedback", json=pairs).status_code == 200
        served.now[0] += DAY
    with closing(open_log(served.log.path, "flights")) as log:
        watched = read_watched(log, artifact)
        lines = pd.read_sql_query("select score, decision, label from predictions", log)
    (week,) = merge_days(watched.days, "week", "2014-03-17")
    assert [day.rows for day in watched.days] == [300] * 3 and week.rows == 900
    truth, acted = lines["label"] == "late", lines["decision"] == "act"
    assert abs(observe("auc", week).value - roc_auc_score(truth, lines["score"])) < 0.005
    sums, bins = week.sums.sum(axis=0)[None], week.bins.sum(axis=0)[None]
    brier = brier_score_loss(truth, lines["score"])
    assert abs(measure("brier", sums, bins)[0] - brier) < 1e-9
    assert week.acted == acted.sum() and bins.sum() == 900
    precision = measure("precision_at_capacity", sums, bins)[0]
    assert abs(precision - truth[acted].mean()) < 1e-9
    assert judge_now(served)["periods"][0]["rows"] == 900
    page = served.client.get("/monitor", headers=BROWSER).text
    assert "<script" not in page and "http" not in page.replace("http://www.w3.org", "")
    served.now[0] += 15 * DAY
    assert verdicts(served) == dict.fromkeys(("broken", "drift", "decay"), "unknown")
    assert "The last verdict is too old" in served.client.get("/monitor", headers=BROWSER).text
    lines = served.client.get("/metrics").text
    assert f"app_monitor_age_seconds {15 * DAY:g}" in lines
    assert 'app_monitor_unknown{verdict="broken"} 1' in lines


def test_the_document_outlives_the_rows_and_has_a_bound(tmp_path, serve):
    "Periods that the log has forgotten stay; what another release wrote is refused, and replaced."
    _, rows = make_artifact("flights", tmp_path / "artifacts")
    served = serve(tmp_path / "artifacts")
    artifact = served.service.in_service.artifact()
    listed = to_json_rows(rows.head(100), artifact.features)
    answer(served, listed)
    served.now[0] += 7 * DAY
    answer(served, listed[:40])
    first = judge_now(served)
    assert [period["rows"] for period in first["periods"]] == [100, 40]
    with closing(open_log(served.log.path, "flights")) as log, log:
        log.execute("delete from predictions where at < ?", (served.now[0],))
    again = judge_now(served)
    assert again["periods"][0] == first["periods"][0] and len(again["periods"]) == 2
    with closing(open_log(served.log.path, "flights")) as log, log:
        log.execute("update findings set document = '{\"news\": 1}'")
    refused = served.client.get("/monitor")
    assert refused.status_code == 503 and "let the monitor run again" in refused.json["detail"]
    assert len(judge_now(served)["periods"]) == 1
    with closing(open_log(served.log.path, "flights")) as log, log:
        log.execute("update findings set document = ?", (" " * LARGEST + "{}",))
    assert "Nobody has judged" in served.client.get("/monitor", headers=BROWSER).text


def test_an_alarm_keeps_its_first_day_when_the_log_has_forgotten_it(tmp_path, serve):
    "It began with rows that are no longer there; one that ended in between begins anew."
    _, rows = make_artifact("flights", tmp_path / "artifacts")
    served = serve(tmp_path / "artifacts")
    listed = to_json_rows(rows.head(60), served.service.in_service.artifact().features)
    spoilt = [row | {"distance": 5900} for row in listed]

    def answer_days(rows, days):
        for _ in range(days):
            answer(served, rows)
            served.now[0] += DAY
        found = judge_now(served)["findings"][0]
        with closing(open_log(served.log.path, "flights")) as log, log:
            log.execute("delete from predictions where at < ?", (served.now[0] - 3 * DAY,))
        return found["state"], found["since"]

    assert answer_days(spoilt, 9) == ("alarm", "2014-03-10")
    assert answer_days(spoilt, 2) == ("alarm", "2014-03-10")
    assert answer_days(listed, 2) == ("well", "")
    assert answer_days(spoilt, 1) == ("alarm", "2014-03-23")


def test_several_labels_are_watched(tmp_path, serve):
    "Accuracy by labels; drift is unknown and says that the training rows are too few."
    _, rows = make_artifact("penguins", tmp_path / "artifacts")
    served = serve(tmp_path / "artifacts")
    artifact = served.service.in_service.artifact()
    listed = to_json_rows(rows, artifact.features)
    ids = [id for _ in range(3) for id in answer(served, listed)]
    truth = rows["species"].tolist() * 3
    pairs = [{"id": id, "label": label} for id, label in zip(ids, truth, strict=True)]
    assert served.client.post("/feedback", json=pairs).status_code == 200
    served.now[0] += 14 * DAY
    report = judge_now(served)
    assert report["metric"] == "accuracy" and report["periods"][0]["estimated"] is None
    assert report["periods"][0]["observed"]["value"] > 0.9
    states = {each["kind"]: each for each in report["findings"]}
    assert states["drift"]["state"] == "unknown"
    assert "5,000 rows of training" in states["drift"]["text"]
    assert "life.decay" in states["decay"]["next"]
    assert served.client.get("/monitor", headers=BROWSER).status_code == 200


def test_an_amount_is_watched(tmp_path, serve):
    "Mean error by labels, in the target's unit; a limit of the contract that is above is decay."
    path = write_amounts(tmp_path / "amounts")
    decay = {"metric": "mae", "above": 1e-6, "below": None, "periods": 1}
    serve_amounts(path, tmp_path / "artifacts", life={"decay": decay, "watch": "day"})
    served = serve(tmp_path / "artifacts")
    artifact = served.service.in_service.artifact()
    rows = pd.read_parquet(path.parent / "rows.parquet").head(200)
    target = artifact.contract["target"]["from"]
    rows = rows[rows[target].notna()]
    answered = served.client.post("/predict", json=to_json_rows(rows, artifact.features)).json
    served.log._write_queue()
    pairs = [
        {"id": each["id"], "label": truth}
        for each, truth in zip(answered["predictions"], rows[target].tolist(), strict=True)
    ]
    assert served.client.post("/feedback", json=pairs).status_code == 200
    served.now[0] += DAY
    report = judge_now(served)
    scores = [each["score"] for each in answered["predictions"]]
    error = mean_absolute_error(rows[target], scores)
    assert abs(report["periods"][0]["observed"]["value"] - error) < 1e-5
    assert {each["kind"]: each["state"] for each in report["findings"]}["decay"] == "alarm"
    assert served.client.get("/monitor", headers=BROWSER).status_code == 200


def test_labels_that_are_chosen_are_no_sample(tmp_path, serve):
    "Once labels are chosen by the score, only drawn ids speak; before, all of them did."
    _, rows = make_artifact("flights", tmp_path / "artifacts")
    served = serve(tmp_path / "artifacts")
    artifact = served.service.in_service.artifact()
    ids = answer(served, to_json_rows(rows.head(500), artifact.features))
    mine = [id for id in ids if drawn(id)]
    assert 20 < len(mine) < 90
    pairs = [{"id": id, "label": "late"} for id in ids]
    assert served.client.post("/feedback", json=pairs).status_code == 200

    def labelled():
        with closing(open_log(served.log.path, "flights")) as log:
            (day,) = read_watched(log, artifact).days
        return day.sums[:, SUMS.index("rows")].sum()

    assert labelled() == 500
    with closing(open_log(served.log.path, "flights")) as log, log:
        log.execute("update about set chosen = 1")
    assert labelled() == len(mine)


def test_what_is_personal_is_neither_logged_nor_needed(tmp_path):
    "The log lacks the column, the reference too; the others are counted as they were scored."
    folder = tmp_path / "artifacts"
    _, rows = make_artifact("flights", folder)
    artifact = load_artifact(folder / read_pointer(folder))
    columns = artifact.contract["columns"]
    columns = columns | {"origin": columns["origin"] | {"personal": True}}
    contract = artifact.contract | {"columns": columns}
    listed = check_rows(to_json_rows(rows.head(300), artifact.features), artifact.features)
    matrix, _ = encode_rows(listed, artifact.features)
    reference = make_reference(matrix, artifact.score(matrix), contract)
    shy = replace(artifact, contract=contract, reference=reference)
    predictions, scores = shy.predict(listed, first_id(MONDAY))
    with closing(open_log(tmp_path / "log.sqlite", "flights")) as log:
        write_queue(log, [Request(MONDAY, shy, predictions, listed, 0, [])])
        assert "origin" not in log.execute("select row from predictions").fetchone()[0]
        (day,) = read_watched(log, shy).days
    assert "origin" not in [column["name"] for column in reference["columns"]]
    assert (day.counts == count_rows(reference, matrix, pick_scores(scores))).all()


def test_alert_rules_and_dashboard_name_what_the_app_says(tmp_path, serve):
    "Every metric in them is one that /metrics writes, or has in its registry; every verdict too."
    make_artifact("flights", tmp_path / "artifacts")
    served = serve(tmp_path / "artifacts")
    served.client.get("/livez")
    lines = served.client.get("/metrics").text
    known = set(re.findall(r"^# TYPE (\w+)", lines, re.MULTILINE))
    rules = YAML(typ="safe").load((FILES / "alerts.yaml").read_text(encoding="utf-8"))
    board = json.loads((FILES / "grafana.json").read_text(encoding="utf-8"))
    rules = [rule for group in rules["groups"] for rule in group["rules"]]
    panels = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    for text in [*[rule["expr"] for rule in rules], *panels]:
        for name in re.findall(r"app_\w+", text):
            base = re.sub(r"_(bucket|count|sum)$", "", name)
            assert {name, base} & known, f"{name} in {text}"
        assert text.count("(") == text.count(")") and text.count("{") == text.count("}")
    for rule in rules:
        assert rule["labels"]["severity"] in ("page", "ticket") and rule["annotations"]["summary"]
    verdicts = set(re.findall(r'verdict="(\w+)"', " ".join(rule["expr"] for rule in rules)))
    assert verdicts == {"broken", "drift", "decay"}
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
