"""The app answers people and programs, and says of everything else what is wrong with it."""

import json
import re
import shutil
import time
from contextlib import closing

import numpy as np
import pytest
from make_artifacts import BROWSER, HOME, make_artifact, to_json_rows

from mlprod.app.app import create_app
from mlprod.app.log import open_log, read_log
from mlprod.app.pages import write_field
from mlprod.app.service import LOOK_AGAIN
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


@pytest.mark.parametrize(
    ("status", "says", "body"),
    [
        (400, "expected JSON", b""),
        (400, "expected JSON", b"   "),
        (400, "expected JSON", b"{"),
        (400, "expected JSON", b"[1,]"),
        (400, "expected JSON", b"{'origin': 'EWR'}"),
        (400, "expected JSON", BODY + b"x"),
        (400, "expected JSON", b"\xef\xbb\xbf" + BODY),
        (400, "expected JSON", BODY.replace(b"EWR", b"\xff\xfe")),
        (400, "expected JSON", BODY.replace(b"EWR", b"\\ud800")),
        (400, "expected JSON", BODY.replace(b"719", b"NaN")),
        (400, "expected JSON", BODY.replace(b"719", b"Infinity")),
        (400, "expected JSON", BODY.replace(b"719", b"1e400")),
        (400, "expected JSON", BODY.replace(b"719", b"0719")),
        (400, "expected JSON", b"[" * 100_000),
        (422, "expected a list of rows", b"null"),
        (422, "expected a list of rows", b"[]"),
        (422, "expected a list of rows", b"7"),
        (422, "expected a list of rows", b'"EWR"'),
        (422, "row 1: expected names and values", b"[null]"),
        (422, "row 2: expected names and values", b"[" + BODY + b", [1, 2]]"),
        (422, "row 1: distance: expected a number", BODY.replace(b"719", b'"719"')),
        (422, "row 1: distance: expected a number", BODY.replace(b"719", b"true")),
        (422, "row 1: distance: expected a number", BODY.replace(b"719", b"9" * 400)),
        (422, "row 1: distance: expected a number", BODY.replace(b"719", b'{"a": [1]}')),
        (422, "row 1: distance: expected a number", BODY.replace(b"719", b"null")),
        (422, "row 1: distance: expected 10 to 6000", BODY.replace(b"719", b"-1")),
        (422, "row 1: carrier: expected text", BODY.replace(b'"EV"', b"7")),
        (422, "row 1: departs_at: expected a moment", BODY.replace(b"-04:00", b"")),
        (422, "row 1: departs_at: expected a moment", BODY.replace(b"2013-07-05", b"2013-02-30")),
        (422, "row 1: departs_at: expected", BODY.replace(b"2013-07", b"0001-01")),
        (422, "row 1: carrier: expected a value, got no such column", b'{"origin": "EWR"}'),
        (422, "row 1: carrier: expected one value, got 2", BODY.replace(b"origin", b"carrier")),
        (422, "row 2: gate: expected one", b"[" + BODY + b', {"gate": 1, "g\\u0061te": 1}]'),
        (422, "row 2: gate: expected no such", b"[" + BODY + b"," + BODY[:-1] + b',"gate": 7}]'),
    ],
)  # fmt: skip
def test_bad_rows_are_refused_by_name(client, status, says, body):
    "Never a 5xx, and never misread: each mistake is named, as a problem (RFC 9457)."
    answer = client.post("/predict", data=body, content_type=JSON)
    problem = answer.json
    assert answer.status_code == status, problem
    assert answer.content_type == "application/problem+json"
    assert says in problem["detail"]
    assert problem["status"] == status and problem["type"] == "about:blank" and problem["title"]
    assert "Traceback" not in answer.text and "/mlprod" not in answer.text


def test_absurd_depth_and_size_within_a_value_are_refused(client):
    "What is refused is shown shortened, however long or deep it is."
    deep, digits = b"[" * 900 + b"]" * 900, b"9" * 100_000
    for value in (deep, digits, b'"' + b"x" * 100_000 + b'"'):
        answer = client.post("/predict", data=BODY.replace(b"719", value), content_type=JSON)
        assert answer.status_code in (400, 422), answer.status_code
        assert len(answer.text) < 1000


def test_every_mistake_is_named_with_row_and_column(client):
    "All of them at once, for a program as data and for a person as text."
    rows = [FLIGHT, FLIGHT | {"distance": "far", "origin": None}, FLIGHT | {"distance": 5}]
    problem = client.post("/predict", json=rows).json
    places = [(error["row"], error["column"]) for error in problem["errors"]]
    assert places == [(2, "distance"), (2, "origin"), (3, "distance")]
    assert len(problem["detail"].splitlines()) == 3


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/xml"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": JSON, "Content-Encoding": "gzip"},
        {},
    ],
)
def test_other_content_is_415(client, headers):
    "Nothing is guessed about a body that does not say what it is."
    answer = client.post("/predict", data=BODY, headers=headers)
    assert answer.status_code == 415 and answer.content_type == "application/problem+json"


def test_too_large_is_413(client):
    "A body over the limit is not read at all."
    answer = client.post("/predict", data=b" " * (16 * 2**20 + 1), content_type=JSON)
    assert answer.status_code == 413 and answer.content_type == "application/problem+json"


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


def test_the_form_is_drawn_from_the_contract(project):
    "Each feature's column has a field with label, unit and limits, filled with the example."
    app = create_app(project[0], HOME)
    page, artifact = app.test_client().get("/").text, app.extensions["service"].artifact()
    for name, column in artifact.features.columns.items():
        said = artifact.contract["columns"][name]
        assert f'<label for="{name}">' in page and f'id="{name}"' in page
        assert said["unit"] is None or f"in {said['unit']}" in page
        field = re.search(rf'<(input|select) id="{name}".*?>', page)[0]
        assert ("required" in field) == (not said["may_be_missing"])
        if column.kind == "number":
            assert f'min="{said["range"][0]}" max="{said["range"][1]}"' in field
        if column.kind == "category":
            assert all(f">{value}</option>" in page for value in said["values"])
        if column.kind == "moment":
            assert 'type="datetime-local"' in field and said["timezone"] in page
        if column.kind != "category":
            assert f'value="{write_field(artifact.example[name], column)}"' in field
    assert artifact.version in page and "/card" in page and "curl" in page
    assert "<script" not in page, "works without JavaScript"


def test_the_form_answers_like_the_address_for_programs(project):
    "The same example, the same score, in words and number."
    app = create_app(project[0], HOME)
    client, artifact = app.test_client(), app.extensions["service"].artifact()
    columns, example = artifact.features.columns, artifact.example
    form = {name: write_field(value, columns[name]) for name, value in example.items()}
    page = client.post("/", data=form)
    (prediction,) = client.post("/predict", json=example).json["predictions"]
    assert page.status_code == 200 and f"{prediction['score']:.2f}" in page.text
    if artifact.threshold is None:
        assert f'<p class="headline">{prediction["decision"]}</p>' in page.text
        assert all(label in page.text for label in artifact.labels)
    else:
        assert ("Act</p>" in page.text) == (prediction["decision"] == "act")


def test_optional_fields_may_stay_empty(tmp_path):
    "What may be missing in the contract may be left out by a person."
    make_artifact("penguins", tmp_path)
    client = create_app(tmp_path, HOME).test_client()
    assert client.post("/", data={"island": "Dream"}).status_code == 200
    refused = client.post("/", data={"bill_length": "40"})
    assert refused.status_code == 422 and "island-problem" in refused.text


def test_the_form_keeps_what_was_typed(client):
    "The mistake stands beside its field, and nothing has to be typed again; nothing is unescaped."
    evil = '"><script>alert(1)</script>'
    form = {"departs_at": "2013-07-05T07:15", "origin": evil, "carrier": "AA", "distance": evil}
    page = client.post("/", data=form)
    assert page.status_code == 422 and "distance-problem" in page.text
    assert 'value="2013-07-05T07:15"' in page.text and "<option selected>AA</option>" in page.text
    assert "<script" not in page.text and "&lt;script&gt;" in page.text


@pytest.mark.parametrize("text", ["nan", "inf", "1e999", "1_000", "٣", "7l9", "--", "9" * 500])
def test_the_form_does_not_guess_numbers(client, text):
    "Python reads some of these as numbers; a person did not mean them."
    form = {"departs_at": "2013-07-05T07:15", "origin": "EWR", "carrier": "AA", "distance": text}
    assert client.post("/", data=form).status_code == 422


def test_a_browsers_moment_is_local_time(client):
    "What is typed as half past six is half past six in New York, summer and winter."
    for day, offset in [("2013-07-05", "-04:00"), ("2013-12-05", "-05:00")]:
        form = {"origin": "EWR", "carrier": "EV", "distance": "719"}
        page = client.post("/", data=form | {"departs_at": f"{day}T18:30"}).text
        row = FLIGHT | {"departs_at": f"{day}T18:30:00{offset}"}
        score = client.post("/predict", json=row).json["predictions"][0]["score"]
        assert f"Score {score:.2f}" in page


def test_the_card_is_text_or_a_page(client):
    "Markdown for programs; for a browser a page."
    assert client.get("/card").mimetype == "text/markdown"
    page = client.get("/card", headers=BROWSER)
    assert page.mimetype == "text/html" and "Late departures" in page.text


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
    "Still ready, with the problem told; and as soon as the pointer is right again, no problem."
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


def test_predictions_are_logged(flights, tmp_path, monkeypatch):
    "Each row has a line with the id of its answer, and with the columns of features only."
    monkeypatch.setenv("PREDICTION_LOG", str(tmp_path / "log.sqlite"))
    app = create_app(flights, HOME)
    rows = [FLIGHT, FLIGHT | {"tail": "N12345", "carrier": "NK"}]
    predictions = app.test_client().post("/predict", json=rows).json["predictions"]
    app.extensions["writer"].close()
    with closing(open_log(tmp_path / "log.sqlite")) as log:
        lines = read_log(log)
    assert [line["id"] for line in lines] == [prediction["id"] for prediction in predictions]
    assert [line["score"] for line in lines] == [prediction["score"] for prediction in predictions]
    assert lines[1]["row"] == FLIGHT | {"carrier": "NK"} and lines[0]["label"] is None


def test_the_short_way_and_flask_answer_alike(project):
    "Plain JSON is answered before Flask; a longer content type takes the long way."
    folder, model, rows = project
    client = create_app(folder, HOME).test_client()
    body, answers = json.dumps(to_json_rows(rows.head(100), model.features)), []
    for kind in (JSON, JSON + "; charset=utf-8"):
        answer = client.post("/predict", data=body, content_type=kind)
        assert answer.status_code == 200 and answer.content_type == JSON
        assert len(answer.headers["X-Request-Id"]) == 24
        answers.append([prediction | {"id": ""} for prediction in answer.json["predictions"]])
    assert answers[0] == answers[1]


def test_every_answer_carries_the_id_of_its_request(client):
    "Predictions begin with it, problems name it, and it is in the header of both."
    answer = client.post("/predict", json=[FLIGHT, FLIGHT])
    request_id = answer.headers["X-Request-Id"]
    ids = [prediction["id"] for prediction in answer.json["predictions"]]
    assert ids == [f"{request_id}-0", f"{request_id}-1"]
    answer = client.post("/predict", json=[FLIGHT | {"distance": "far"}])
    assert answer.json["request_id"] == answer.headers["X-Request-Id"]


def test_platforms_are_answered_where_they_ask(flights, monkeypatch):
    "At the addresses that the environment names, besides the app's own."
    monkeypatch.setenv("AIP_PREDICT_ROUTE", "/v1/endpoints/7/deployedModels/8:predict")
    monkeypatch.setenv("AIP_HEALTH_ROUTE", "/v1/endpoints/7/deployedModels/8")
    monkeypatch.setenv("AWS_LWA_READINESS_CHECK_PATH", "/readyz")
    client = create_app(flights, HOME).test_client()
    assert client.get("/v1/endpoints/7/deployedModels/8").json["status"] == "ready"
    for kind in (JSON, JSON + "; charset=utf-8"):
        body = json.dumps({"instances": [FLIGHT]})
        path = "/v1/endpoints/7/deployedModels/8:predict"
        answer = client.post(path, data=body, content_type=kind)
        assert len(answer.json["predictions"]) == 1
    assert client.get("/readyz").status_code == 200


def test_one_address_may_be_asked_for_health_and_predictions(flights, monkeypatch):
    "As on Vertex AI, where both are the same unless somebody says otherwise."
    for name in ("AIP_PREDICT_ROUTE", "AIP_HEALTH_ROUTE"):
        monkeypatch.setenv(name, "/v1/endpoints/7")
    client = create_app(flights, HOME).test_client()
    assert client.get("/v1/endpoints/7").status_code == 200
    assert client.post("/v1/endpoints/7", json={"instances": [FLIGHT]}).status_code == 200
