"""The description of the app is true: what it allows is accepted, what is answered is in it."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from make_artifacts import HOME, fetch, make_artifact, serving

from mlprod.app.app import create_app
from mlprod.app.pages import match_years
from mlprod.app.rows import RowsError, check_rows, encode_rows
from mlprod.generate import generate_app

JSON = "application/json"


@pytest.fixture(scope="module", params=["flights", "penguins"])
def served(request, tmp_path_factory):
    "Each project's app as it is served, with a log; its address and its description."
    folder = tmp_path_factory.mktemp(request.param)
    make_artifact(request.param, folder / "artifacts")
    app = generate_app(folder / "artifacts", folder / "app")
    with serving(app, PREDICTION_LOG=str(folder / "log.sqlite")) as address:
        yield address, json.loads(fetch(f"{address}/openapi.json")[2])


@pytest.fixture(scope="module", params=["flights", "penguins"])
def described(request, tmp_path_factory):
    "Each project's artifact, and its description."
    folder = tmp_path_factory.mktemp(request.param)
    make_artifact(request.param, folder)
    app = create_app(folder, HOME)
    api = app.test_client().get("/openapi.json").json
    return app.extensions["service"].in_service.artifact(), api


def list_operations(api):
    "Address, method and description of everything that can be asked."
    for address, methods in api["paths"].items():
        for method, operation in methods.items():
            yield address, method.upper(), operation


def resolve(api, part):
    "What a part of the description refers to, or the part itself."
    while "$ref" in part:
        found = api
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def check_answer(api, operation, status, kind, body):
    "The status is announced, and so are its content type and the shape of its body."
    assert str(status) in operation["responses"], f"{status}: {body[:200]}"
    content = resolve(api, operation["responses"][str(status)])["content"]
    assert kind in content, f"{kind} is not among {list(content)}"
    if kind.endswith("json"):
        schema = content[kind]["schema"] | {"components": api["components"]}
        Draft202012Validator(schema).validate(json.loads(body))


def test_the_document_is_valid_openapi(described):
    "By the schema that the OpenAPI initiative publishes, and nothing refers to what is not there."
    validator = pytest.importorskip("openapi_spec_validator")
    validator.OpenAPIV31SpecValidator(described[1]).validate()
    for reference in re.findall(r'"\$ref": "([^"]*)"', json.dumps(described[1])):
        resolve(described[1], {"$ref": reference})


def test_every_example_works_as_it_stands(served):
    "Each body of each address is answered with 200, and with what is announced."
    address, api = served
    sent = 0
    for place, method, operation in list_operations(api):
        for kind, content in operation.get("requestBody", {"content": {}})["content"].items():
            for name, example in content["examples"].items():
                value = resolve(api, example)["value"]
                schema = content["schema"] | {"components": api["components"]}
                Draft202012Validator(schema).validate(value)
                if place == "/feedback":  # its id has to be that of a prediction
                    rows = json.dumps(api["components"]["examples"]["rows"]["value"]).encode()
                    answer = json.loads(fetch(f"{address}/predict", rows, Content_Type=JSON)[2])
                    value = value | {"id": answer["predictions"][0]["id"]}
                body = json.dumps(value).encode()
                status, got, text = fetch(address + place, body, Content_Type=kind)
                assert status == 200, f"{method} {place} {name}: {text}"
                check_answer(api, operation, status, got, text)
                sent += 1
    assert sent == 2 * 3 + 1


def test_every_address_answers_as_announced(served):
    "Everything that can be asked without a body."
    address, api = served
    for place, method, operation in list_operations(api):
        if method == "GET":
            status, kind, body = fetch(address + place)
            assert status == 200
            check_answer(api, operation, status, kind, body)


def test_every_mistake_is_answered_as_announced(served):
    "A body that is no JSON, rows that break the contract, another content type, an id unknown."
    address, api = served
    operation = api["paths"]["/predict"]["post"]
    for body, kind, status in [
        (b"[{", JSON, 400),
        (b"[{}]", JSON, 422),
        (b"[]", JSON, 422),
        (b"7", JSON, 422),
        (b'[{"a": 1e400}]', JSON, 400),
        (b"[{}]", "text/csv", 415),
        (b"[" + b"[]," * 60_000 + b"[]]", JSON, 413),
    ]:
        got, content, text = fetch(f"{address}/predict", body, Content_Type=kind)
        assert got == status and content == "application/problem+json"
        check_answer(api, operation, got, content, text)
    label = json.dumps(api["components"]["examples"]["label"]["value"]).encode()
    got, content, text = fetch(f"{address}/feedback", label, Content_Type=JSON)
    assert got == 404
    check_answer(api, api["paths"]["/feedback"]["post"], got, content, text)


def test_every_address_is_described(tmp_path):
    "What the app routes for programs and what it describes are the same."
    make_artifact("penguins", tmp_path)
    app = create_app(tmp_path, HOME)
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"]
    routed = {(rule.rule, method) for rule in rules for method in rule.methods & {"GET", "POST"}}
    api = app.test_client().get("/openapi.json").json
    people = {("/", "GET"), ("/", "POST"), ("/docs", "GET")}
    assert {(place, method) for place, method, _ in list_operations(api)} == routed - people


def test_the_answer_of_the_example_is_what_is_answered(served):
    "But for the id, which each request has of its own."
    address, api = served
    examples = api["components"]["examples"]
    body = json.dumps(examples["rows"]["value"]).encode()
    answer = json.loads(fetch(f"{address}/predict", body, Content_Type=JSON)[2])
    (shown,), (got,) = examples["answer"]["value"]["predictions"], answer["predictions"]
    assert got["score"] == pytest.approx(shown["score"], abs=1e-6)
    assert got | {"id": "", "score": 0} == shown | {"id": "", "score": 0}


@pytest.mark.parametrize("days", [0, 27, 365, 366, 367, 394, 731, 800, 3000])
@pytest.mark.parametrize("start", ["2022-12-31", "2023-01-01", "2024-01-02", "2023-12-09"])
def test_the_pattern_of_moments_never_allows_too_much(start, days):
    "A moment that it matches lies within the range, whatever its offset; the example is matched."
    low = datetime.fromisoformat(start).replace(tzinfo=UTC)
    high, example = low + timedelta(days=days, hours=7), (low + timedelta(hours=1)).isoformat()
    matches = Draft202012Validator({"pattern": match_years(low, high, example)}).is_valid
    assert matches(example)
    for day in range(-40, days + 40):
        date = (low + timedelta(days=day)).date()
        for text in (f"{date}T00:00:00+13:59", f"{date}T12:00Z", f"{date}T23:59:59-13:59"):
            assert not matches(text) or low <= datetime.fromisoformat(text) <= high
    for text in ("2024-02-30T12:00Z", "2024-02-20T12:00", "2024-02-20", "2024-02-20T12:00Zx"):
        assert not matches(text)


@cache
def column_schema(text):
    return Draft202012Validator(json.loads(text))


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_what_the_schema_allows_is_accepted(described, data):
    "Rows near every edge of what msgspec wrote: it may allow less than the app, and never more."
    artifact, api = described
    schema, example = api["components"]["schemas"]["Row"], artifact.example
    edges = [None, True, "", "x", "x" * 200, "x" * 201, 7, 1e300, -1, [], {}]
    for name in artifact.features.columns:
        ends = artifact.contract["columns"][name]["range"] or []
        edges += [*ends, *(e + step for e in ends if not isinstance(e, str) for step in (-1, 1))]
    moments = st.datetimes(datetime(2011, 1, 1), datetime(2036, 1, 1))
    formats = st.sampled_from(["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M+05:30", "%Y-%m-%d %H:%MZ"])
    texts = st.builds(lambda moment, form: moment.strftime(form), moments, formats)
    values = st.sampled_from(edges) | st.floats(-1e4, 1e4) | st.text(max_size=3) | texts
    changes = st.dictionaries(st.sampled_from([*artifact.contract["columns"], "gate"]), values)
    row = example | data.draw(changes)
    for name in data.draw(st.sets(st.sampled_from(list(example)), max_size=1)):
        row = {key: value for key, value in row.items() if key != name}
    allowed = column_schema(json.dumps(schema)).is_valid(row)
    try:
        encode_rows(check_rows([row], artifact.features), artifact.features)
    except RowsError:
        assert not allowed, row
    else:
        moment = any(c.kind == "moment" for c in artifact.features.columns.values())
        assert allowed or moment, row


def test_schemathesis_finds_nothing(served):
    "Thousands of requests, right and wrong ones: every answer is as announced, by all its checks."
    program = os.path.join(os.path.dirname(sys.executable), "schemathesis")
    if not os.path.exists(program):
        pytest.skip("schemathesis is not installed")
    address, api = served
    many = "100" if "departs_at" in api["components"]["schemas"]["Row"]["properties"] else "10"
    options = ["--checks", "all", "--max-examples", many, "--continue-on-failure", "--seed", "1"]
    # Without a database the requests are those of a fresh clone, and as many. With one, half of the
    # time goes into simplifying requests that were answered well.
    options += ["--no-color", "--generation-database", "none"]
    done = subprocess.run(
        [program, "run", f"{address}/openapi.json", *options],
        stdout=subprocess.PIPE, encoding="utf-8", timeout=170,
    )  # fmt: skip
    print("\n".join(done.stdout.splitlines()[-12:]))
    assert done.returncode == 0 and "No issues found" in done.stdout, done.stdout[-6000:]
