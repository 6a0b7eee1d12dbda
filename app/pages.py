"""Show the form, the model card and the API to people, and describe the API for programs."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from math import floor, isfinite, log10

import msgspec
from flask import Blueprint, Response, current_app, g, request
from werkzeug.exceptions import abort

from errors import json_response, page_response, wants_page
from model import Artifact, write_number
from rows import Column, Problem, RowsError, check_rows


def read_field(text: str, column: Column) -> object:  # what JSON would have
    "Read a field of the form; what cannot be read is left for the check of the rows."
    text = text.strip()
    with suppress(ValueError, OverflowError):
        if column.kind == "number" and text.isascii() and "_" not in text:
            return number if isfinite(number := float(text)) else text
        if column.kind == "moment" and (moment := datetime.fromisoformat(text)).tzinfo is None:
            moment = moment.replace(tzinfo=column.zone)
            exists = moment.astimezone(UTC).astimezone(column.zone).time() == moment.time()
            return moment.isoformat() if exists else text  # clocks leave an hour out in spring
    return text or None


def write_field(value: object, column: Column) -> str:
    "Write a value of the contract as a field of the form shows it."
    if column.kind == "number":
        return write_number(value)
    if column.kind == "category":
        return value
    moment = datetime.fromisoformat(value)
    with suppress(OverflowError):  # at the ends of the calendar
        moment = moment.astimezone(column.zone)
    return moment.isoformat()[:16]


def explain_field(text: str, column: Column, problem: Problem) -> str:  # text: that was typed
    "Explain to a person what is wrong with a field."
    if not text.strip():
        return "expected a value, got nothing"
    if column.kind != "moment":
        return problem.text
    first, last = (write_field(end.isoformat(), column).replace("T", " ") for end in column.ends)
    return f"expected a time that clocks in {column.zone} show, from {first} to {last}"


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
        ends = [write_field(end, column) for end in spec["range"] or ()]
        fields.append(spec | {"name": name, "text": text, "range": ends, "problems": wrong})
    return fields


def count_digits(score: float, threshold: float | None, step: float) -> int:
    "Count the digits that a person needs: two of the step, and what tells score from threshold."
    digits = max(0, min(9, 1 - floor(log10(step)))) if step else 0
    while digits < 9 and threshold not in (None, score):
        if f"{score:.{digits}f}" != f"{threshold:.{digits}f}":
            break
        digits += 1
    return digits


def write_figures(artifact: Artifact, score: float) -> dict[str, str]:
    "Write a score, the threshold and the interval for people; an amount with its unit."
    step = 0.1 if artifact.labels else artifact.interval or abs(score) / 10
    digits = count_digits(score, artifact.threshold, step)
    figures = {"score": score, "threshold": artifact.threshold, "interval": artifact.interval}
    unit = "" if artifact.labels else f" {artifact.unit}".rstrip()
    return {
        name: (f"{value:.3g}" if abs(value) >= 1e15 else f"{value:z,.{digits}f}") + unit
        for name, value in figures.items()
        if value is not None
    }


pages = Blueprint("pages", __name__)


def artifact_in_service() -> Artifact:
    "Return the artifact in service; raises ArtifactError while there is none."
    return current_app.extensions["service"].in_service.artifact()


@pages.context_processor
def describe_service() -> dict:  # what every page knows
    "Say why the version serves if its verdict was not good enough, and whether it is watched."
    service = current_app.extensions["service"]
    watched = service.log is not None and "monitor" in current_app.blueprints
    return {"override": service.in_service.override, "watched": watched}


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
    artifact, texts = artifact_in_service(), request.form.to_dict()
    columns, n_bytes = artifact.features.columns, request.content_length or 0
    row = {name: read_field(texts.get(name, ""), column) for name, column in columns.items()}
    try:
        rows, service = check_rows([row], artifact.features), current_app.extensions["service"]
        (answer,), (scores,) = service.predict(artifact, rows, g.request_id, n_bytes)
    except RowsError as error:
        fields = list_fields(artifact, texts, error.problems)
        return page_response("form.html", 422, artifact=artifact, fields=fields)
    answered = service.in_service.find(answer.version) or artifact  # the challenger, or not
    figures = write_figures(answered, answer.score)
    bars = list(zip(artifact.labels, scores.tolist(), strict=False))  # none of an amount
    values = {"answer": answer, "figures": figures, "bars": bars}
    return page_response(
        "form.html", artifact=answered, fields=list_fields(artifact, texts), **values
    )


@pages.get("/card")
def show_card():
    "Show the model card: as a page in a browser, else as Markdown."
    artifact = artifact_in_service()
    if wants_page():
        response = page_response("card.html", artifact=artifact)
    else:
        response = Response(artifact.card["card.md"], content_type="text/markdown; charset=utf-8")
    response.vary.add("Accept")
    return response


def match_years(first: datetime, last: datetime, example: str) -> str:
    "Write a pattern for an example, and for the years from first to last whatever the offset."
    day, time = "(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])", "([01][0-9]|2[0-3])(:[0-5][0-9]){1,2}"
    hours = timedelta(hours=14)  # the farthest offset
    first, last = first.astimezone(UTC) + hours, last.astimezone(UTC) - hours
    years = "|".join(map(str, range(max(1900, first.year + 1), min(2101, last.year))))
    pattern = f"({years})-{day}T{time}(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])"
    example = example.replace("+", "[+]").replace(".", "[.]")
    return f"^({pattern}|{example})$" if years else f"^{example}$"


def list_examples(artifact: Artifact) -> dict:  # examples by name
    "List examples of what is sent and of what is answered."
    row, request_id = artifact.example, "187a3c9e5f0b2d4c1a2b3c4d"
    predictions, _ = artifact.predict(check_rows([row], artifact.features), request_id)
    label = artifact.labels[-1] if artifact.labels else round(predictions[0].score)
    return {
        "rows": [row],
        "one_row": row,
        "columns": {"columns": list(row), "data": [list(row.values())]},
        "answer": {"version": artifact.version, "predictions": msgspec.to_builtins(predictions)},
        "label": {"id": predictions[0].id, "label": label},
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
    for name, column in features.columns.items():
        if column.kind == "moment":
            pattern = match_years(*column.ends, artifact.example[name])
            schemas["Row"]["properties"][name]["pattern"] = pattern
    types = [{"$ref": f"#/components/schemas/Row/properties/{name}"} for name in features.columns]
    table = schemas["Table"]["properties"]
    table["columns"]["const"] = list(features.columns)
    table["data"]["items"] |= {"prefixItems": types, "minItems": len(types)}
    decisions = artifact.labels or ["none"] if artifact.threshold is None else ["act", "leave"]
    schemas["Prediction"]["properties"]["decision"]["enum"] = decisions
    label = {"enum": artifact.labels} if artifact.labels else {"type": "number"}
    schemas["Label"]["properties"]["label"] = label
    examples = list_examples(artifact).items()
    api["components"]["examples"] = {name: {"value": value} for name, value in examples}
    return api


@pages.get("/openapi.json")
def show_description():
    "Describe the app for programs (OpenAPI 3.1)."
    return json_response(describe_api(artifact_in_service()))


@pages.get("/docs")
def show_docs():
    "Show the columns and the addresses as a page, with an example to send."
    artifact = artifact_in_service()
    write = partial(json.dumps, indent=2, ensure_ascii=False)
    return page_response("docs.html", artifact=artifact, api=describe_api(artifact), write=write)
