"""The app answers an amount as it answers a label: score, unit, interval, decision, feedback."""

import json
import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest
from make_amounts import fit_amounts, put, save_amounts, serve_amounts
from make_artifacts import HOME
from openapi_spec_validator import validate
from projects import write_amounts, write_series

from mlprod.app.app import create_app
from mlprod.app.model import POINTER, ArtifactError, InService, load_artifact, write_number
from mlprod.app.pages import count_digits, write_field
from mlprod.score import score_table


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    "Contracts of two amounts: one decides by a threshold, the other does not decide."
    folder = tmp_path_factory.mktemp("tables")
    return {"sales": write_series(folder), "progression": write_amounts(folder)}


@pytest.fixture(scope="module", params=[110.0, None])
def folder(request, tables, tmp_path_factory):
    "Artifacts of an amount, with and without a threshold."
    folder = tmp_path_factory.mktemp("amounts")
    path = tables["sales" if request.param else "progression"]
    serve_amounts(path, folder, threshold=request.param, interval=8.13)
    return folder


@pytest.fixture
def client(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("PREDICTION_LOG", str(tmp_path / "log.sqlite"))
    app = create_app(folder, HOME)
    yield app.test_client()
    app.extensions["service"].log.close()


def artifact_of(client):
    return client.application.extensions["service"].in_service.artifact()


def test_a_score_is_an_amount(client):
    "Below zero and above one too; it decides where the artifact has a threshold."
    artifact = artifact_of(client)
    (prediction,) = client.post("/predict", json=artifact.example).json["predictions"]
    assert prediction["score"] > 1 and artifact.unit in ("loaves", "points")
    decides = artifact.threshold is not None
    acts = decides and prediction["score"] >= artifact.threshold
    assert prediction["decision"] == ("act" if acts else "leave" if decides else "none")


def test_the_threshold_belongs_to_act(tables, tmp_path):
    "A score that equals it acts; one a little below leaves."
    serve_amounts(tables["sales"], tmp_path, threshold=0.0)
    artifact = InService(tmp_path).artifact()
    scores = np.array([[-1e-3], [0.0], [1e-3]], "float32")
    assert artifact.decide(scores)[1] == ["leave", "act", "act"]


def test_what_happened_is_a_number(client, tmp_path):
    "It is kept as its shortest text, so 12.50 after 12.5 changes nothing; another one conflicts."
    artifact = artifact_of(client)
    rows = [artifact.example] * 2
    first, second = client.post("/predict", json=rows).json["predictions"]

    def report(text, prediction=first):
        body = f'{{"id": "{prediction["id"]}", "label": {text}}}'
        answer = client.post("/feedback", data=body, content_type="application/json")
        return answer.status_code, answer.json.get("detail", "")

    assert [report(text)[0] for text in ("12.50", "12.5", "1.25e1", "12.500000000000000001")] == [
        200
    ] * 4
    assert report("12.51")[0] == 409
    assert report("-0.0", second)[0] == 200 and report("0", second)[0] == 200
    assert report('"12.5"')[1] == 'row 1: label: expected a number, got "12.5"'
    for text in ("null", "true", "[1]", '"late"'):
        assert report(text)[0] == 422
    for text in ("1e999", "NaN", "-Infinity"):
        assert report(text)[0] in (400, 422)
    with closing(sqlite3.connect(tmp_path / "log.sqlite")) as log:
        labels = {label for (label,) in log.execute("select label from predictions")}
    assert labels == {"12.5", "0"}


def test_the_form_shows_amount_unit_and_interval(client):
    "As few digits as the interval deserves, no bar, and which way it decides."
    artifact = artifact_of(client)
    form = {
        name: write_field(value, artifact.features.columns[name])
        for name, value in artifact.example.items()
    }
    page = client.post("/", data=form).text
    score = client.post("/predict", json=artifact.example).json["predictions"][0]["score"]
    assert f"{score:.1f} {artifact.unit}" in page and f"± 8.1 {artifact.unit}" in page
    assert "90% of earlier cases" in page and "<svg" not in page
    assert ("threshold of 110.0 loaves" in page) == (artifact.threshold is not None)


def test_docs_and_description_follow(client):
    "The label is a number, the decision what the artifact can decide, the examples work."
    artifact = artifact_of(client)
    api = client.get("/openapi.json").json
    validate(api)
    parts = api["components"]
    decisions = ["none"] if artifact.threshold is None else ["act", "leave"]
    assert parts["schemas"]["Prediction"]["properties"]["decision"]["enum"] == decisions
    assert parts["schemas"]["Label"]["properties"]["label"] == {"type": "number"}
    assert isinstance(parts["examples"]["label"]["value"]["label"], int | float)
    docs = client.get("/docs").text
    assert f"in {artifact.unit}" in docs and "± 8.13" in docs and "probability" not in docs


@pytest.mark.parametrize("spoil", ["infinite", "two columns"])
def test_a_model_that_gives_no_amount_is_refused(tables, tmp_path, spoil):
    "The example has to get one finite number."
    from onnx import TensorProto, helper

    columns = fit_amounts(tables["progression"])[1].shape[1]
    value = helper.make_tensor("value", TensorProto.FLOAT, [1, 1 if spoil == "infinite" else 2],
                               [np.inf] if spoil == "infinite" else [1, 1])  # fmt: skip
    graph = helper.make_graph(
        [helper.make_node("Constant", [], ["scores"], value=value)], "constant",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, columns])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    version = save_amounts(tables["progression"], tmp_path, model.SerializeToString())
    with pytest.raises(ArtifactError, match="expected one finite number, got"):
        load_artifact(tmp_path / version)


def test_a_table_gets_the_same_amounts(folder, tables, tmp_path):
    "mlprod score writes what the app answers, row by row, also where no row is good."
    artifact = InService(folder).artifact()
    path = tables[artifact.project].parent / "rows.parquet"
    rows = pd.read_parquet(path).head(150)
    rows.to_parquet(tmp_path / "in.parquet")
    outcome = score_table(artifact, str(tmp_path / "in.parquet"), str(tmp_path / "out.csv"))
    scored = pd.read_csv(tmp_path / "out.csv")
    sent = json.loads(
        rows[list(artifact.features.columns)].to_json(
            orient="records", date_format="iso", date_unit="us"
        )
    )
    answers = create_app(folder, HOME).test_client().post("/predict", json=sent).json["predictions"]
    assert outcome.written == len(scored) == 150
    assert np.allclose(scored["score"], [answer["score"] for answer in answers], rtol=1e-6)
    assert scored["decision"].tolist() == [answer["decision"] for answer in answers]
    (tmp_path / "bad.ndjson").write_text('{"nothing": 1}\n')
    outcome = score_table(
        artifact,
        str(tmp_path / "bad.ndjson"),
        str(tmp_path / "none.csv"),
        str(tmp_path / "bad.csv"),
    )
    assert outcome == (1, 0, 1, 0)


def test_a_number_has_one_text():
    "The shortest that reads back as the same number; zero has no sign."
    texts = ["12", "12.5", "0.30000000000000004", "1e+22", "-5e-324", "123456789012"]
    for value, text in [(-0.0, "0"), *[(float(text), text) for text in texts]]:
        assert write_number(value) == text and float(text) == value


def test_digits_show_what_matters():
    "Two of the interval's, more where score and threshold would look alike, at most nine."
    assert [count_digits(1.0, None, step) for step in (612.0, 8.13, 0.0125, 1e-30, 0.0)] == [
        0,
        1,
        3,
        9,
        0,
    ]
    assert count_digits(0.37091, 0.37096, 0.1) == 4
    assert count_digits(110.0, 110.0, 8.13) == 1


def test_a_page_says_why_a_version_serves_without_a_good_verdict(folder, client):
    "One quiet line on form and card, with the reason as text; and none without one."
    (version,) = {client.get("/readyz").json["version"]}
    browser = {"Accept": "text/html"}
    assert "verdict" not in client.get("/").text
    put(folder, POINTER, version=version, previous=None, override="<b>for the fair</b>")
    try:
        fresh = create_app(folder, HOME).test_client()
        for address in ("/", "/card"):
            page = fresh.get(address, headers=browser).text
            assert "verdict was not good enough: &lt;b&gt;for the fair&lt;/b&gt;" in page
        fresh.application.extensions["service"].log.close()
    finally:
        put(folder, POINTER, version=version)
