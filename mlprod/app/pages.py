"""Show the form, the model card and the API to people, and describe the API for programs."""

import json
from datetime import UTC, datetime
from functools import partial
from math import isfinite

import msgspec
from flask import Blueprint, Response, current_app, g, request
from markupsafe import Markup
from werkzeug.exceptions import abort

from .errors import json_response, page_response, wants_page
from .model import Artifact
from .rows import Column, Problem, RowsError, check_rows

MOST_BYTES = 2**18  # of a form

pages = Blueprint("pages", __name__)


def read_field(text: str, column: Column) -> object:  # what JSON would have
    "Read a field of the form; what cannot be read is left for the check of the rows."
    text = text.strip()
    try:
        if column.kind == "number" and isfinite(number := float(text)):
            return number
        if column.kind == "moment" and (moment := datetime.fromisoformat(text)).tzinfo is None:
            moment = moment.replace(tzinfo=column.zone)
            exists = moment.astimezone(UTC).astimezone(column.zone).time() == moment.time()
            return moment.isoformat() if exists else text  # clocks leave an hour out in spring
    except (ValueError, OverflowError):
        pass
    return text or None


def write_field(value: object, column: Column) -> str:
    "Write a value of the contract as a field of the form shows it."
    if column.kind == "moment":
        return datetime.fromisoformat(value).astimezone(column.zone).strftime("%Y-%m-%dT%H:%M")
    return str(value)


def explain_field(text: str, column: Column, problem: Problem) -> str:
    "Say to a person what is wrong with a field."
    if not text.strip():
        return "expected a value, got nothing"
    if column.kind == "moment" and problem.reason != "range":
        return f"expected a date and a time that clocks in {column.zone} show"
    return problem.text


def list_fields(
    artifact: Artifact,
    texts: dict,  # what stands in each field
    problems: tuple | list = (),  # what is wrong, each a Problem of a row
) -> list[dict]:
    "List the form's fields with all that drawing them needs."
    fields = []
    for name, column in artifact.features.columns.items():
        spec, text = artifact.contract["columns"][name], texts.get(name, "")
        wrong = [explain_field(text, column, each) for each in problems if each.column == name]
        ends = [write_field(end, column) for end in spec["range"]] if spec["range"] else None
        known = spec["values"] or []
        choices = known if text in known or not text else [text, *known]
        own = {"name": name, "text": text, "range": ends, "choices": choices, "problems": wrong}
        fields.append(spec | own)
    return fields


def artifact_in_service() -> Artifact:
    "Return the artifact in service; raises ArtifactError while there is none."
    return current_app.extensions["service"].in_service.artifact()


@pages.get("/")
def show_form():
    "Show the form with the contract's example."
    artifact = artifact_in_service()
    columns, example = artifact.features.columns, artifact.example
    texts = {name: write_field(example[name], column) for name, column in columns.items()}
    return page_response("form.html", artifact=artifact, fields=list_fields(artifact, texts))


def refuse_other_sites() -> None:
    "Refuse a form that a browser sends from another site's page."
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    foreign = origin is not None and origin.partition("://")[2] != request.host
    if foreign if site is None else site not in ("same-origin", "none"):
        abort(403, "expected the form of this app, got one from another site")


@pages.post("/")
def answer_form():
    "Answer the form, or show what is wrong beside its fields."
    refuse_other_sites()
    if request.mimetype != "application/x-www-form-urlencoded":
        abort(415, "expected the form; programs ask /predict")
    if (n_bytes := len(request.get_data())) > MOST_BYTES:
        abort(413)
    artifact, texts = artifact_in_service(), request.form.to_dict()
    columns = artifact.features.columns
    row = {name: read_field(texts.get(name, ""), column) for name, column in columns.items()}
    try:
        rows, service = check_rows([row], artifact.features), current_app.extensions["service"]
        (answer,), (scores,) = service.predict(artifact, rows, g.request_id, n_bytes)
    except RowsError as error:
        fields = list_fields(artifact, texts, error.problems)
        return page_response("form.html", 422, artifact=artifact, fields=fields)
    bars = list(zip(artifact.labels, scores, strict=True))
    fields = list_fields(artifact, texts)
    return page_response("form.html", artifact=artifact, answer=answer, bars=bars, fields=fields)


@pages.get("/card")
def show_card():
    "Show the model card."
    artifact = artifact_in_service()
    if wants_page():
        return page_response("card.html", artifact=artifact, card=Markup(artifact.card))
    return Response(artifact.card, content_type="text/markdown; charset=utf-8")


REQUEST_ID = "187a3c9e5f0b2d4c1a2b3c4d"  # in examples


def list_examples(artifact: Artifact) -> dict:  # examples by name
    "List examples of what is sent and of what is answered."
    row = artifact.example
    predictions, _ = artifact.predict(check_rows([row], artifact.features), REQUEST_ID)
    return {
        "rows": [row],
        "one_row": row,
        "columns": {"columns": list(row), "data": [list(row.values())]},
        "answer": {"version": artifact.version, "predictions": msgspec.to_builtins(predictions)},
        "label": {"id": predictions[0].id, "label": artifact.labels[-1]},
        "labelled": {"labelled": 1},
    }


def describe_api(artifact: Artifact) -> dict:  # OpenAPI 3.1
    "Describe the app that serves an artifact, its rows by the types that check them."
    with current_app.open_resource("openapi.json") as file:
        api = json.load(file)
    contract, features, schemas = artifact.contract, artifact.features, api["components"]["schemas"]
    text = f"{contract['question']} A score tells {contract['decision']['owner']} about each row."
    api["info"] |= {"title": contract["title"], "version": artifact.version, "description": text}
    schemas |= msgspec.json.schema_components([features.row])[1]
    types = [{"$ref": f"#/components/schemas/Row/properties/{name}"} for name in features.columns]
    table = schemas["Table"]["properties"]
    table["columns"]["const"] = list(features.columns)
    table["data"]["items"] |= {"prefixItems": types, "minItems": len(types)}
    decisions = artifact.labels if artifact.threshold is None else ["act", "leave"]
    schemas["Prediction"]["properties"]["decision"]["enum"] = decisions
    schemas["Label"]["properties"]["label"]["enum"] = artifact.labels
    examples = list_examples(artifact).items()
    api["components"]["examples"] = {name: {"value": value} for name, value in examples}
    return api


@pages.get("/openapi.json")
def show_description():
    "Describe the app for programs (OpenAPI 3.1)."
    return json_response(describe_api(artifact_in_service()))


@pages.get("/docs")
def show_docs():
    "Show the addresses and the columns as a page, with an example to send."
    artifact = artifact_in_service()
    write = partial(json.dumps, indent=2, ensure_ascii=False)
    return page_response("docs.html", artifact=artifact, api=describe_api(artifact), write=write)
