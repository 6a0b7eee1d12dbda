"""Rows in, decisions out; and a sentence for every mistake."""

import random
import time

import msgspec
from flask import Flask, Response, make_response, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from columns import RowsError
from model import Artifact, ArtifactError
from rows import encode_rows
from watch import ROWS, WARNINGS, count_rejected
from writer import Writer


def new_request_id() -> str:  # 24 hexadecimal digits, later ones sort behind earlier ones
    "Make an id that no other request has."
    return f"{time.time_ns():016x}{random.getrandbits(32):08x}"


class Prediction(msgspec.Struct, gc=False):  # it holds nothing that could hold it
    "What is answered about one row."

    id: str
    score: float
    decision: str
    warnings: tuple[str, ...] = ()


def answer_rows(
    artifact: Artifact,
    rows: list,  # of n dictionaries
    request_id: str,
    writer: Writer | None = None,  # of the log, if one is kept
) -> tuple[list[Prediction], list[list[float]]]:  # of n each; scores for each of the labels
    "Answer rows and log the answers; raises RowsError where they break the contract."
    matrix, warnings = encode_rows(rows, artifact.features)
    scores = artifact.score(matrix)
    decided = enumerate(zip(*artifact.decide(scores), strict=True))
    predictions = [
        Prediction(f"{request_id}-{place}", score, decision)
        for place, (score, decision) in decided
    ]  # fmt: skip
    for warning in warnings:
        predictions[warning.row - 1].warnings += (f"{warning.column}: {warning.text}",)
    ROWS.inc(len(rows))
    if warnings:
        WARNINGS.inc(len(warnings))
    if writer:
        writer.write(artifact, predictions, rows)
    return predictions, scores


def wants_page() -> bool:
    "Say whether the request comes from a browser, which asks for HTML first."
    kinds = ["application/json", "text/html"]
    return request.accept_mimetypes.best_match(kinds) == "text/html"


def give_json(content: object, status: int = 200, kind: str = "application/json") -> Response:
    "Answer a program."
    return Response(msgspec.json.encode(content), status, content_type=kind)


def give_page(template: str, status: int = 200, **values) -> Response:
    "Answer a person; nothing on the page may come from anywhere else."
    response = make_response(render_template(template, **values), status)
    response.headers["Content-Security-Policy"] = "default-src 'self'; frame-ancestors 'none'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def give_problem(status: int, detail: str, **more) -> Response:
    "Answer with a problem (RFC 9457), or with a page for a browser."
    title, request_id = HTTP_STATUS_CODES[status], request.environ.get("request_id", "")
    if wants_page():
        values = {"title": title, "detail": detail, "code": status, "request_id": request_id}
        return give_page("problem.html", status, **values)
    problem = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return give_json(problem | {"request_id": request_id} | more, status, PROBLEM)


PROBLEM = "application/problem+json"
SHOWN = 100  # problems that one answer lists; somebody who sent more has one mistake many times


def explain_http(error: HTTPException) -> Response:
    "Explain what Flask or one of our functions refuses, or that there was a mistake of ours."
    response = give_problem(error.code, error.description)
    response.headers.extend(item for item in error.get_headers() if item[0] != "Content-Type")
    return response


def explain_rows(error: RowsError) -> Response:
    "Explain which rows break the contract, and where."
    count_rejected(error.problems)
    errors = [problem._asdict() for problem in error.problems[:SHOWN]]
    return give_problem(422, str(error), problems=len(error.problems), errors=errors)


def explain_artifact(error: ArtifactError) -> Response:
    "Explain why there is nothing to answer with."
    return give_problem(503, str(error))


def explain_errors(app: Flask) -> None:
    "Let an app explain every error."
    app.register_error_handler(HTTPException, explain_http)
    app.register_error_handler(RowsError, explain_rows)
    app.register_error_handler(ArtifactError, explain_artifact)
