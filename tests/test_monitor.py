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
    Part,
    Watched,
    estimate,
    find_broken,
    judge,
    judge_data,
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
    assert "Not judged yet" in page.text and "mlprod monitor" in page.text
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
    assert "Not judged yet" in served.client.get("/monitor", headers=BROWSER).text


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


def reference_of(values, part="", known=None):
    "A reference with one column of numbers, counted in bins of equal size, and a score."
    edges = np.unique(np.quantile(values, np.linspace(0, 1, 50)))
    edges = np.append(edges, np.nextafter(edges[-1], np.inf))
    column = {"name": "x", "place": 0, "part": part, "ordered": True, "edges": edges.tolist()}
    column["counts"] = count(edges, values).tolist()
    score = {"name": "score", "place": -1, "part": "", "ordered": True, "edges": [0.0, 1.0]}
    return {"rows": len(values), "columns": [column, score | {"counts": [0, 0, len(values), 0]}]}


def count(edges, values):
    "Count values in bins, missing ones first."
    places = np.where(np.isnan(values), 0, np.searchsorted(edges, values, side="right") + 1)
    return np.bincount(places, minlength=len(edges) + 2)


def broken(reference, values):
    "What is said to be broken about live values."
    counts = count(np.array(reference["columns"][0]["edges"]), values)
    return [each.text for each in find_broken(reference, np.append(counts, [0, 0, len(values), 0]))]


def test_honest_days_are_not_broken_and_breaks_are():
    "2,000 honest days of twenty to a thousand rows; another unit, missing and unseen values."
    random = np.random.default_rng(5)
    reference = reference_of(random.lognormal(6, 0.6, 20_000))
    cries = sum(
        len(broken(reference, random.lognormal(6, 0.6, random.integers(20, 1000)))) > 0
        for _ in range(2000)
    )
    assert cries == 0
    found = sum(
        "another unit" in " ".join(broken(reference, 1.609 * random.lognormal(6, 0.6, 300)))
        for _ in range(100)
    )
    assert found >= 95
    missing = np.where(random.random(100) < 0.5, np.nan, random.lognormal(6, 0.6, 100))
    assert "are missing, 0% in training" in broken(reference, missing)[0]


def test_an_hour_never_seen_is_found_with_twenty_rows():
    "Rows of a wrong time zone; but the next month of the calendar is no break."
    hours = np.random.default_rng(0).integers(5, 24, 20_000).astype(float)
    edges = np.append(np.arange(24.0), np.nextafter(23.0, 24))
    reference = reference_of(hours, part="hour")
    reference["columns"][0] |= {"edges": edges.tolist(), "counts": count(edges, hours).tolist()}
    shifted = np.array([*range(6, 23), 2, 3, 1], float)
    assert "training never saw" in broken(reference, shifted)[0]
    assert broken(reference, hours[:20]) == []
    reference["columns"][0]["part"] = "month"
    assert broken(reference, shifted) == []


def test_a_finding_names_few_columns_and_says_how_many_there_are():
    "Where all 800 columns are missing, the document still fits and can be read."
    random = np.random.default_rng(0)
    reference = reference_of(random.random(9000))
    column, score = reference["columns"]
    reference["columns"] = [column | {"name": f"x{place}"} for place in range(800)] + [score]
    gone = [600, *[0] * (len(column["counts"]) - 1)]
    counts = np.array([*gone * 800, 0, 0, 600, 0])
    day = Part("2024-01-01", "2024-01-01", True, 600, 0, counts, np.zeros((1, len(SUMS))), None)
    found = judge_data(Watched(reference, [], None, False, [day]))
    assert found.state == "alarm" and found.text.endswith("; and 788 more")
    assert len(found.columns) == 12 and len(found.next) < 200


def scored(random, n, bins=50):
    "A version with calibrated scores, counted for one period; scores and labels too."
    scores = random.beta(2, 6, n)
    labels = random.random(n) < scores
    edges = np.quantile(random.beta(2, 6, 20_000), np.linspace(0, 1, bins))
    counts = count(edges, scores)
    column = {"name": "score", "place": -1, "part": "", "ordered": True, "edges": edges.tolist()}
    reference = {"rows": 20_000, "columns": [column | {"counts": counts.tolist()}]}
    return Watched(reference, ["no", "yes"], 0.4, False, []), counts, scores, labels


def test_what_is_estimated_is_right_when_labels_are_drawn_from_the_scores():
    "At 5,000 rows AUC and Brier within 0.03; precision within 0.05, in 95 of 100 periods."
    random, near = np.random.default_rng(8), 0
    for _ in range(100):
        watched, counts, scores, labels = scored(random, 5000)
        auc, brier = roc_auc_score(labels, scores), brier_score_loss(labels, scores)
        assert abs(estimate("auc", watched, counts) - auc) < 0.03
        assert abs(estimate("brier", watched, counts) - brier) < 0.03
        precision = labels[scores >= 0.4].mean()
        near += abs(estimate("precision_at_capacity", watched, counts) - precision) < 0.05
    assert near >= 95


def test_what_is_estimated_does_not_see_a_change_of_the_world():
    "The same rows with labels that no longer follow the scores: the estimate does not move."
    watched, counts, scores, labels = scored(np.random.default_rng(9), 5000)
    other = np.random.default_rng(10).permutation(labels)
    assert estimate("auc", watched, counts) > 0.6 and abs(roc_auc_score(other, scores) - 0.5) < 0.03


def make_weeks(values, rows=700):
    "Seven days for each AUC, from misses and hits of two bins; labels of all rows."
    days, none = [], np.zeros((0, len(SUMS)))
    for number, auc in enumerate(np.repeat(values, 7)):
        day = (pd.Timestamp("2024-01-01") + pd.Timedelta(days=number)).date().isoformat()
        half = rows // 14
        right = round(half * np.nan_to_num(auc))
        bins = np.array([[[0, 0], [right, half - right], [half - right, right], [0, 0]]])
        sums = np.array([[2 * half, 2 * right, half, right, 10.0, 20.0, 0.0]])
        counts = np.array([0, half, half, 0])
        known = not np.isnan(auc)
        of = (sums, bins) if known else (none, np.zeros((0, 4, 2)))
        days.append(Part(day, day, True, 2 * half, half, counts, *of))
    column = {"name": "score", "place": -1, "part": "", "ordered": True, "edges": [0.5, 1.0]}
    reference = {"rows": 9000, "columns": [column | {"counts": [0, 4500, 4500, 0]}]}
    return Watched(reference, ["no", "yes"], 0.5, False, days)


LIFE = {"watch": "week", "decay": {"metric": "auc", "below": 0.6, "above": None, "periods": 2}}


@pytest.mark.parametrize(
    "values, state, since",
    [
        ([0.7, 0.7, 0.5], "well", ""),
        ([0.7, 0.5, 0.5], "alarm", "2024-01-08"),
        ([0.5, 0.5, 0.7], "well", ""),
        ([0.5, 0.5, 0.5], "alarm", "2024-01-01"),
        ([0.5], "unknown", ""),
        ([0.7, 0.7, float("nan")], "well", ""),
        ([float("nan")] * 3, "unknown", ""),
    ],
)
def test_decay_is_the_contracts_rule(values, state, since):
    "So many periods in a row, the last of them among them; periods without labels do not count."
    watched = make_weeks(values)
    today = (pd.Timestamp("2024-01-01") + pd.Timedelta(weeks=len(values))).date().isoformat()
    decay = judge(watched, merge_days(watched.days, "week", today), LIFE)[2]
    assert (decay.state, decay.since) == (state, since)


def test_a_period_that_has_begun_is_not_judged():
    "Neither the one that runs, nor the one in whose middle the log began."
    watched = make_weeks([0.7, 0.7, 0.7])
    periods = merge_days(watched.days[3:], "week", "2024-01-20")
    assert [part.whole for part in periods] == [False, True, False]


def test_an_interval_is_by_days():
    "Days that differ make it wide, however many rows each has."
    same, mixed = make_weeks([0.65], rows=7000), make_weeks([0.65], rows=7000)
    for place, day in enumerate(mixed.days):
        day.bins[:] = make_weeks([0.5 if place % 2 else 0.8], rows=7000).days[0].bins
    (a,), (b,) = (merge_days(each.days, "week", "2024-02-01") for each in (same, mixed))
    one, other = observe("auc", a), observe("auc", b)
    assert one.high - one.low < 0.001 and other.high - other.low > 0.1


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
