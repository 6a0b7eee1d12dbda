"""The app answers programs, logs what it answers, and says of everything else what is wrong."""

import json
import shutil
import sqlite3
import time
from contextlib import closing
from itertools import count

import numpy as np
import pytest
from make_artifacts import BROWSER, HOME, make_artifact, to_json_rows

from mlprod.app.app import create_app
from mlprod.app.model import LOOK_AGAIN
from mlprod.frames import encode_frame

JSON = "application/json"
FLIGHT = {
    "departs_at": "2013-07-05T18:30:00-04:00",
    "origin": "EWR",
    "carrier": "EV",
    "distance": 719,
}
BODY = json.dumps(FLIGHT).encode()


@pytest.fixture(scope="module", params=["flights", "penguins"])
def project(request, tmp_path_factory):
    "Each project: folder of artifacts, trained model, test rows."
    folder = tmp_path_factory.mktemp(request.param)
    return folder, *make_artifact(request.param, folder)


@pytest.fixture(scope="module")
def flights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flights")
    make_artifact("flights", folder)
    return folder


@pytest.fixture
def client(flights):
    "A client of the flights' app. Not in testing mode: a mistake of ours has to come as an answer."
    return create_app(flights, HOME).test_client()


def test_scores_are_those_of_the_trained_model(project):
    "Row by row, within what the contract allows: from JSON to the score nothing is lost."
    folder, model, rows = project
    rows = rows.head(200)
    client = create_app(folder, HOME).test_client()
    answer = client.post("/predict", json=to_json_rows(rows, model.features)).json
    wanted = model.score(encode_frame(rows, model.features)[0])
    wanted = wanted[:, -1] if wanted.shape[1] == 2 else wanted.max(axis=1)
    scores = [prediction["score"] for prediction in answer["predictions"]]
    assert np.abs(np.array(scores) - wanted).max() < 1e-6
    assert len({prediction["id"] for prediction in answer["predictions"]}) == len(rows)


def test_a_row_has_one_score(project):
    "Alone, in any form, and among others."
    folder, model, rows = project
    client, rows = create_app(folder, HOME).test_client(), to_json_rows(rows[:150], model.features)
    table = {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}
    answers = [
        client.post("/predict", json=form).json for form in (rows, {"instances": rows}, table)
    ]
    alone = [client.post("/invocations", json=row).json["predictions"][0] for row in rows]
    for predictions in (alone, *(answer["predictions"] for answer in answers[1:])):
        for got, wanted in zip(predictions, answers[0]["predictions"], strict=True):
            assert got["score"] == pytest.approx(wanted["score"], abs=1e-6)


def test_one_object_is_one_row(client):
    "A list of one and the object alone get the same score."
    alone, listed = client.post("/predict", json=FLIGHT), client.post("/predict", json=[FLIGHT])
    assert alone.json["predictions"][0]["score"] == listed.json["predictions"][0]["score"]
    assert set(alone.json) == {"version", "predictions"}
    assert set(alone.json["predictions"][0]) == {"id", "score", "decision", "warnings"}


def test_an_unknown_category_is_scored_with_a_warning(client):
    "The world may have new carriers; the answer says of which row it had to guess."
    answer = client.post("/predict", json=[FLIGHT, FLIGHT | {"carrier": "NK"}]).json
    warnings = [prediction["warnings"] for prediction in answer["predictions"]]
    assert warnings == [[], ['carrier: unknown category "NK"']]


def test_every_mistake_is_named_with_row_and_column(client):
    "All of them at once, for a program as data and for a person as text."
    rows = [FLIGHT, FLIGHT | {"distance": "far", "origin": None}, FLIGHT | {"distance": 5}]
    problem = client.post("/predict", json=rows).json
    places = [(error["row"], error["column"]) for error in problem["errors"]]
    assert places == [(2, "distance"), (2, "origin"), (3, "distance")]
    assert len(problem["detail"].splitlines()) == 3


def test_a_body_is_bounded(client, flights, monkeypatch):
    "At 4 MB, or at what MAX_BODY_MB says."
    assert client.post("/predict", data=b" " * 4_000_001, content_type=JSON).status_code == 413
    monkeypatch.setenv("MAX_BODY_MB", "1")
    client = create_app(flights, HOME).test_client()
    for size, status in ((1_000_000, 200), (1_000_001, 413)):
        answer = client.post("/predict", data=BODY.ljust(size), content_type=JSON)
        assert answer.status_code == status


def test_unknown_addresses_and_methods_are_problems(client):
    "404 and 405 too, with the methods that are allowed; a browser gets a page."
    assert client.get("/nowhere").json["status"] == 404
    answer = client.get("/predict")
    assert answer.json["status"] == 405 and "POST" in answer.headers["Allow"]
    page = client.get("/<script>", headers=BROWSER)
    assert page.status_code == 404 and page.mimetype == "text/html" and "<script>" not in page.text


def test_a_mistake_of_ours_shows_nothing(flights):
    "A 500 is a problem as well, without a traceback or a path; the traceback is in our log."
    app = create_app(flights, HOME)
    app.extensions["service"] = None
    answer = app.test_client().post("/predict", json=FLIGHT)
    assert answer.status_code == 500 and answer.content_type == "application/problem+json"
    assert "Traceback" not in answer.text and "NoneType" not in answer.text
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]


def test_no_artifact_is_alive_and_not_ready(tmp_path):
    "Restarting would not help, so it is alive; ready says why not, and so does a prediction."
    client = create_app(tmp_path, HOME).test_client()
    assert client.get("/livez").status_code == 200
    for answer in (client.get("/readyz"), client.get("/"), client.post("/predict", json=FLIGHT)):
        assert answer.status_code == 503 and "no artifact" in answer.json["detail"]
        assert str(tmp_path) not in answer.text
    page = client.get("/", headers=BROWSER)
    assert page.status_code == 503 and page.mimetype == "text/html"


@pytest.mark.parametrize("spoil", ["truncate", "remove", "flip"])
@pytest.mark.parametrize(
    "name", ["model.onnx", "contract.json", "report.json", "card.md", "manifest.json"]
)
def test_a_damaged_artifact_is_refused(flights, tmp_path, name, spoil):
    "Whichever file it is: not ready, and the file is named."
    folder = shutil.copytree(flights, tmp_path / "artifacts")
    (path,) = folder.glob(f"*/{name}")
    content = bytearray(path.read_bytes())
    if spoil == "remove":
        path.unlink()
    else:
        content[len(content) // 2] ^= 1
        path.write_bytes(content if spoil == "flip" else content[: len(content) // 2])
    answer = create_app(folder, HOME).test_client().get("/readyz")
    assert answer.status_code == 503 and path.parent.name in answer.json["detail"]
    assert str(tmp_path) not in answer.text


def test_a_broken_new_version_leaves_the_old_one_in_service(flights, tmp_path):
    "Still ready, with the problem named; and as soon as the pointer is right again, no problem."
    folder = shutil.copytree(flights, tmp_path / "artifacts")
    client = create_app(folder, HOME).test_client()
    version = client.get("/readyz").json["version"]
    pointer = folder / "in_service.json"
    good = pointer.read_text()
    for bad in ('{"version": "nowhere"}', "{", "[]", '{"version": "../../x"}', '{"version": 7}'):
        pointer.write_text(bad)
        time.sleep(2 * LOOK_AGAIN)
        ready = client.get("/readyz")
        assert ready.status_code == 200 and ready.json["version"] == version
        assert ready.json["problem"]
        assert client.post("/predict", json=FLIGHT).status_code == 200
    pointer.write_text(good)
    time.sleep(2 * LOOK_AGAIN)
    assert "problem" not in client.get("/readyz").json


def read_lines(path):
    "The lines of a log, in order."
    with closing(sqlite3.connect(path)) as log:
        return log.execute("select id, row, score, label from predictions order by id").fetchall()


def test_predictions_are_logged(flights, tmp_path, monkeypatch):
    "Each row has a line with the id of its answer, and with the columns of features only."
    monkeypatch.setenv("PREDICTION_LOG", str(tmp_path / "log.sqlite"))
    app = create_app(flights, HOME)
    rows = [FLIGHT, FLIGHT | {"tail": "N12345", "carrier": "NK"}]
    predictions = app.test_client().post("/predict", json=rows).json["predictions"]
    app.extensions["service"].log.close()
    lines = read_lines(tmp_path / "log.sqlite")
    assert [line[0] for line in lines] == [prediction["id"] for prediction in predictions]
    assert [line[2] for line in lines] == [prediction["score"] for prediction in predictions]
    assert json.loads(lines[1][1]) == FLIGHT | {"carrier": "NK"} and lines[0][3] is None


def test_a_row_that_is_refused_is_not_logged(flights, tmp_path, monkeypatch):
    "Neither are the right rows beside it: nobody got their scores."
    monkeypatch.setenv("PREDICTION_LOG", str(tmp_path / "log.sqlite"))
    app = create_app(flights, HOME)
    client = app.test_client()
    assert client.post("/predict", json=[FLIGHT, FLIGHT | {"distance": 1}]).status_code == 422
    assert client.post("/predict", json=FLIGHT).status_code == 200
    app.extensions["service"].log.close()
    assert len(read_lines(tmp_path / "log.sqlite")) == 1


def test_labels_are_logged_all_or_none(flights, tmp_path, monkeypatch):
    "One id that nobody knows, or one label that is another one, and nothing is written."
    monkeypatch.setenv("PREDICTION_LOG", str(tmp_path / "log.sqlite"))
    app = create_app(flights, HOME)
    client = app.test_client()
    predictions = client.post("/predict", json=[FLIGHT] * 3).json["predictions"]
    late = [{"id": prediction["id"], "label": "late"} for prediction in predictions]
    assert client.post("/feedback", json=late[0]).json == {"labelled": 1}
    for wrong, status in (
        ({"id": "nobody", "label": "late"}, 404),
        (late[0] | {"label": "on time"}, 409),
        (late[0] | {"label": "early"}, 422),
    ):
        answer = client.post("/feedback", json=[*late[1:], wrong])
        assert answer.status_code == status and answer.json["detail"]
        labels = [line[3] for line in read_lines(tmp_path / "log.sqlite")]
        assert labels == ["late", None, None]
    assert client.post("/feedback", json=late).json == {"labelled": 3}
    app.extensions["service"].log.close()


def test_without_a_log_feedback_says_so(client):
    "No id can be known, and the way out is named."
    answer = client.post("/feedback", json={"id": "a", "label": "late"})
    assert answer.status_code == 404 and "PREDICTION_LOG" in answer.json["detail"]


def test_every_answer_carries_the_id_of_its_request(client):
    "Predictions begin with it, problems name it, and it is in the header of both."
    answer = client.post("/predict", json=[FLIGHT, FLIGHT])
    request_id = answer.headers["X-Request-Id"]
    ids = [prediction["id"] for prediction in answer.json["predictions"]]
    assert ids == [f"{request_id}-0", f"{request_id}-1"]
    answer = client.post("/predict", json=[FLIGHT | {"distance": "far"}])
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]


@pytest.mark.parametrize("name", ["AIP_PREDICT_ROUTE", "AIP_HEALTH_ROUTE"])
def test_the_environment_adds_no_address(flights, monkeypatch, name):
    "Platforms can be asked to use the app's own."
    monkeypatch.setenv(name, "/v1/endpoints/7")
    client = create_app(flights, HOME).test_client()
    assert client.get("/v1/endpoints/7").status_code == 404


def test_the_clock_is_an_argument(flights, tmp_path, monkeypatch):
    "Ids, predictions and labels have its time, so a year can be replayed through the app."
    monkeypatch.setenv("PREDICTION_LOG", str(tmp_path / "log.sqlite"))
    hours = count(1_700_000_000, 3600)
    app = create_app(flights, HOME, clock=lambda: float(next(hours)))
    client = app.test_client()
    (prediction,) = client.post("/predict", json=FLIGHT).json["predictions"]
    label = {"id": prediction["id"], "label": "late"}
    assert client.post("/feedback", json=label).status_code == 200
    app.extensions["service"].log.close()
    with closing(sqlite3.connect(tmp_path / "log.sqlite")) as log:
        ((id, at, labelled_at),) = log.execute("select id, at, labelled_at from predictions")
    began = int(id[:16], 16) / 1e9
    assert 1_700_000_000 <= began < at < labelled_at < 1_700_000_000 + 30 * 3600


def test_a_part_of_the_app_can_add_metrics(client):
    "What it writes stands behind the app's own numbers."
    client.application.extensions["metrics"].append(lambda: "app_tides_total 7\n")
    assert client.get("/metrics").text.endswith("\napp_tides_total 7\n")
