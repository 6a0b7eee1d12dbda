"""The description of the app is true: what it allows is accepted, what is answered is in it."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from jsonschema import Draft202012Validator
from make_artifacts import HOME, fetch, make_artifact, serving

from mlprod.app.app import create_app
from mlprod.app.columns import RowsError, read_features
from mlprod.app.rows import encode_rows
from mlprod.app.schemas import describe_rows, match_moments
from mlprod.contract import read_contract
from mlprod.generate import generate_app

JSON, FORM = "application/json", "application/x-www-form-urlencoded"


@pytest.fixture(scope="module", params=["flights", "penguins"])
def served(request, tmp_path_factory):
    "Each project's app as it is served, with a log; its address and its description."
    folder = tmp_path_factory.mktemp(request.param)
    make_artifact(request.param, folder / "artifacts")
    app = generate_app(folder / "artifacts", folder / "app")
    with serving(app, PREDICTION_LOG=str(folder / "log.sqlite")) as address:
        yield address, json.loads(fetch(f"{address}/openapi.json")[2])


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


def test_the_document_is_valid_openapi(served):
    "By the schema that the OpenAPI initiative publishes."
    validator = pytest.importorskip("openapi_spec_validator")
    validator.OpenAPIV31SpecValidator(served[1]).validate()


def test_every_example_works_as_it_stands(served):
    "Each body of each address is answered with 200, and with what is announced."
    address, api = served
    sent = 0
    for place, method, operation in list_operations(api):
        for kind, content in operation.get("requestBody", {"content": {}})["content"].items():
            for name, example in content["examples"].items():
                value = resolve(api, example)["value"]
                if place == "/feedback":  # its id has to be one that was given
                    rows = json.dumps(api["components"]["examples"]["rows"]["value"]).encode()
                    answer = json.loads(fetch(f"{address}/predict", rows, Content_Type=JSON)[2])
                    value = value | {"id": answer["predictions"][0]["id"]}
                body = urlencode(value) if kind == FORM else value
                body = body if isinstance(body, str) else json.dumps(body)
                status, got, text = fetch(address + place, body.encode(), Content_Type=kind)
                assert status == 200, f"{method} {place} {name}: {text}"
                check_answer(api, operation, status, got, text)
                sent += 1
    assert sent == 2 * 4 + 2


def test_every_address_answers_as_announced(served):
    "Everything that can be asked without a body."
    address, api = served
    for place, method, operation in list_operations(api):
        if method == "GET":
            status, kind, body = fetch(address + place)
            assert status == 200
            check_answer(api, operation, status, kind, body)


def test_every_address_is_described(tmp_path):
    "What the app routes and what it describes are the same, but for its styles and scripts."
    make_artifact("penguins", tmp_path)
    app = create_app(tmp_path, HOME)
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"]
    routed = {(rule.rule, method) for rule in rules for method in rule.methods & {"GET", "POST"}}
    api = app.test_client().get("/openapi.json").json
    assert {(place, method) for place, method, _ in list_operations(api)} == routed


def test_the_answer_of_the_example_is_what_is_answered(served):
    "But for the id, which each request has of its own."
    address, api = served
    examples = api["components"]["examples"]
    body = json.dumps(examples["rows"]["value"]).encode()
    answer = json.loads(fetch(f"{address}/predict", body, Content_Type=JSON)[2])
    (said,), (got,) = examples["answer"]["value"]["predictions"], answer["predictions"]
    assert got["score"] == pytest.approx(said["score"], abs=1e-6)
    assert got | {"id": "", "score": 0} == said | {"id": "", "score": 0}


@pytest.mark.parametrize("days", [0, 27, 31, 45, 365, 366, 800, 3000])
@pytest.mark.parametrize("start", ["2023-12-09", "2024-02-01", "2023-03-01"])
def test_the_pattern_of_moments_never_allows_too_much(start, days):
    "A moment that it matches lies within the range, whatever its offset; the example is matched."
    low = datetime.fromisoformat(start).replace(tzinfo=UTC)
    high, example = low + timedelta(days=days, hours=7), (low + timedelta(hours=1)).isoformat()
    matches = Draft202012Validator({"pattern": f"^({match_moments(low, high, example)})$"}).is_valid
    assert matches(example)
    for day in range(-40, days + 40):
        date = (low + timedelta(days=day)).date()
        for text in (f"{date}T00:00:00+13:59", f"{date}T12:00Z", f"{date}T23:59:59.9-13:59"):
            assert not matches(text) or low <= datetime.fromisoformat(text) <= high
    assert not matches("2024-02-30T12:00Z") and not matches("2023-02-29T12:00Z")


def test_the_schema_allows_no_row_that_is_refused(root):
    "Nor is anything refused that it allows: near each edge, for both projects."
    for project in ("flights", "penguins"):
        contract = read_contract(root / "data" / project / "contract.yaml")
        contract = contract.model_dump(mode="json", by_alias=True)
        features = read_features(contract)
        schema = describe_rows(contract, list(features.columns))["Row"]
        example = {name: contract["columns"][name]["example"] for name in features.columns}
        assert Draft202012Validator(schema).is_valid(example)
        for name in features.columns:
            ends = contract["columns"][name]["range"] or []
            more = [end + step for end in ends if isinstance(end, int) for step in (-1, 1)]
            for value in [None, True, "", "x", 7, 1e300, *ends, *more, [], {}]:
                row = example | {name: value}
                allowed = Draft202012Validator(schema).is_valid(row)
                try:
                    encode_rows([row], features)
                except RowsError:
                    assert not allowed, row
                else:
                    assert allowed or contract["columns"][name]["kind"] == "moment", row


def test_schemathesis_finds_nothing(served):
    "Thousands of requests, right and wrong ones: every answer is as announced, by all its checks."
    program = os.path.join(os.path.dirname(sys.executable), "schemathesis")
    if not os.path.exists(program):
        pytest.skip("schemathesis is not installed")
    address, api = served
    many = "300" if "departs_at" in api["components"]["schemas"]["Row"]["properties"] else "10"
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
