"""A form for people, one address for programs, and a sentence for every mistake."""

import json
import os
import re
import secrets
from collections import Counter
from datetime import datetime
from pathlib import Path

import msgspec
from flask import Blueprint, Flask, Response, current_app, make_response, render_template, request
from werkzeug.exceptions import BadRequest, HTTPException, UnprocessableEntity, UnsupportedMediaType
from werkzeug.http import HTTP_STATUS_CODES

from log import Entry, Log
from model import Artifact, ArtifactError, InService
from rows import Column, Problem, RowsError, encode_rows, show


def answer_rows(
    artifact: Artifact,
    rows: list,  # dictionaries, one a row
) -> tuple[list[dict], list]:  # an answer for each row; its scores, one for each label
    "Answer rows and log the answers; raises RowsError where they break the contract."
    matrix, warnings = encode_rows(rows, artifact.features)
    scores = artifact.score(matrix)
    request_id = secrets.token_hex(8)
    answers = [
        {"id": f"{request_id}-{place}", "score": score, "decision": decision, "warnings": []}
        for place, (score, decision) in enumerate(zip(*artifact.decide(scores), strict=True))
    ]
    for warning in warnings:
        answers[warning.row - 1]["warnings"].append(f"{warning.column}: {warning.text}")
    if log := current_app.extensions["log"]:
        used = [{name: row[name] for name in artifact.features.columns} for row in rows]
        pairs = zip(answers, used, strict=True)
        entries = [Entry(said["id"], row, said["score"], said["decision"]) for said, row in pairs]
        log.write(artifact.version, entries)
    return answers, scores.tolist()


pages = Blueprint("pages", __name__)


def read_json_rows() -> list:
    "Read the rows of the request; raises the HTTP error that says what is wrong with them."
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype != "application/json" or charset != "utf-8" or request.content_encoding:
        raise UnsupportedMediaType("expected content type application/json in UTF-8, uncompressed")
    body = request.get_data(cache=False)
    try:
        rows = msgspec.json.decode(body)
        rows = [rows] if isinstance(rows, dict) else rows
        if not isinstance(rows, list) or not rows:
            raise UnprocessableEntity("expected a list of rows, or one row as an object")
        repeated = find_repeated_names(body, rows)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(f"expected JSON: {error}") from None
    if repeated:
        raise RowsError(repeated)
    return rows


def find_repeated_names(
    body: bytes,  # JSON that could be decoded
    rows: list,  # what came out
) -> list[Problem]:
    "Find the names that a row gives more than once."
    outside_text = b"".join(re.sub(rb"\\.", b"", body).split(b'"')[::2])
    if outside_text.count(b":") == sum(len(row) for row in rows if isinstance(row, dict)):
        return []
    objects = json.loads(body, object_pairs_hook=tuple, parse_int=str)  # now with every pair
    objects = objects if isinstance(objects, list) else [objects]
    return [
        Problem(number, show(name)[1:-1], f"expected one value, got {count}")
        for number, pairs in enumerate(objects, start=1) if isinstance(pairs, tuple)
        for name, count in Counter(name for name, _ in pairs).items() if count > 1
    ]  # fmt: skip


@pages.post("/predict")
def predict():
    "Answer rows that a program sends."
    artifact = current_app.extensions["service"].artifact()
    answers, _ = answer_rows(artifact, read_json_rows())
    return give_json({"version": artifact.version, "predictions": answers})


def give_json(content: dict, status: int = 200, kind: str = "application/json") -> Response:
    "Answer a program."
    return Response(msgspec.json.encode(content), status, content_type=kind)


@pages.get("/livez")
def live():
    "Say that the process lives."
    return give_json({"status": "alive"})


@pages.get("/readyz")
def ready():
    "Say whether there is a model to answer with, and what is wrong."
    service = current_app.extensions["service"]
    content = {"status": "ready", "version": service.artifact().version}
    return give_json(content | ({"problem": service.problem} if service.problem else {}))


def read_field(
    text: str,  # as it was typed
    column: Column,
) -> object:  # what JSON would have said; None where nothing was typed
    "Read a field of the form; what cannot be read is left for the check of the rows."
    text = text.strip()
    try:
        if column.kind == "number" and set(text) <= set("0123456789+-.eE"):
            return float(text) if text else None
        if column.kind == "moment" and text:
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=column.zone)).isoformat()
    except ValueError:
        return text
    return text or None


def write_field(value: object, column: Column) -> str:
    "Write a value of the contract the way that a field of the form shows it."
    if column.kind == "moment":
        return datetime.fromisoformat(value).astimezone(column.zone).strftime("%Y-%m-%dT%H:%M")
    return str(value)


def list_fields(
    artifact: Artifact,
    texts: dict,  # what stands in each field
    problems: tuple | list,  # what is wrong, each a Problem of a row
) -> list[dict]:
    "List the form's fields with all that drawing them needs."
    fields = []
    for name, column in artifact.features.columns.items():
        said, text = artifact.contract["columns"][name], texts.get(name, "")
        ends = [write_field(end, column) for end in said["range"]] if said["range"] else None
        known = said["values"] or []
        choices = known if text in known or not text else [text, *known]
        wrong = [problem.text for problem in problems if problem.column == name]
        wrong = ["expected a value, got nothing"] if wrong and not text.strip() else wrong
        own = {"name": name, "text": text, "range": ends, "choices": choices, "problems": wrong}
        fields.append(said | own)
    return fields


def give_page(template: str, status: int = 200, **values) -> Response:
    "Answer a person."
    response = make_response(render_template(template, **values), status)
    response.headers["Content-Security-Policy"] = "default-src 'self'; frame-ancestors 'none'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@pages.get("/")
def show_form():
    "Show the form with the contract's example."
    artifact = current_app.extensions["service"].artifact()
    columns, example = artifact.features.columns, artifact.example
    texts = {name: write_field(example[name], column) for name, column in columns.items()}
    return give_page("form.html", artifact=artifact, fields=list_fields(artifact, texts, ()))


@pages.post("/")
def answer_form():
    "Answer the form, or show what is wrong beside its fields."
    artifact = current_app.extensions["service"].artifact()
    if request.mimetype != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType("expected the form; programs ask /predict")
    columns, texts = artifact.features.columns, request.form.to_dict()
    row = {name: read_field(texts.get(name, ""), column) for name, column in columns.items()}
    try:
        (answer,), (scores,) = answer_rows(artifact, [row])
    except RowsError as error:
        fields = list_fields(artifact, texts, error.problems)
        return give_page("form.html", 422, artifact=artifact, fields=fields)
    digits = 2 if f"{answer['score']:.2f}" != f"{artifact.threshold or 2:.2f}" else 4
    answer["scores"] = list(zip(artifact.labels, scores, strict=True))
    answer["score"] = f"{answer['score']:.{digits}f}"
    answer["threshold"] = f"{artifact.threshold or 0:.{digits}f}"
    fields = list_fields(artifact, texts, ())
    return give_page("form.html", artifact=artifact, fields=fields, answer=answer)


def wants_page() -> bool:
    "Say whether the request comes from a browser, which asks for HTML first."
    kinds = ["application/json", "text/html"]
    return request.accept_mimetypes.best_match(kinds) == "text/html"


@pages.get("/card")
def show_card():
    "Show the model card."
    artifact = current_app.extensions["service"].artifact()
    if wants_page():
        return give_page("card.html", artifact=artifact)
    return Response(artifact.card, content_type="text/markdown; charset=utf-8")


def give_problem(status: int, detail: str, **more) -> Response:
    "Answer with a problem (RFC 9457), or with a page for a browser."
    title = HTTP_STATUS_CODES[status]
    if wants_page():
        return give_page("problem.html", status, title=title, detail=detail, code=status)
    problem = {"type": "about:blank", "title": title, "status": status, "detail": detail} | more
    return give_json(problem, status, "application/problem+json")


@pages.app_errorhandler(HTTPException)
def explain_http(error):
    "Explain what Flask or a function above refuses, or an unexpected mistake of ours."
    response = give_problem(error.code, error.description)
    response.headers.extend(item for item in error.get_headers() if item[0] != "Content-Type")
    return response


@pages.app_errorhandler(RowsError)
def explain_rows(error):
    "Explain which rows break the contract, and where."
    return give_problem(422, str(error), errors=[problem._asdict() for problem in error.problems])


@pages.app_errorhandler(ArtifactError)
def explain_artifact(error):
    "Explain why there is nothing to answer with."
    return give_problem(503, str(error))


def create_app(
    artifacts: str | Path | None = None,  # folder with in_service.json; None: artifacts/ at home
    home: str | Path | None = None,  # with templates/ and static/; None: where this file lies
) -> Flask:
    "Make the app; PREDICTION_LOG names the SQLite file to log to, if any."
    app = Flask(__name__, root_path=home and str(Path(home).resolve()))
    app.config["MAX_CONTENT_LENGTH"] = 16 * 2**20  # bytes
    app.extensions["service"] = InService(artifacts or Path(app.root_path) / "artifacts")
    path = os.environ.get("PREDICTION_LOG")
    app.extensions["log"] = Log(path) if path else None
    app.register_blueprint(pages)
    return app
