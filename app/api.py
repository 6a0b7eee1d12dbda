"""One for each question that a program may ask, and each with an answer."""

from typing import Annotated

import msgspec
from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import (
    BadRequest,
    Conflict,
    LengthRequired,
    NotFound,
    RequestEntityTooLarge,
    ServiceUnavailable,
    UnprocessableEntity,
    UnsupportedMediaType,
)

from answers import answer_rows, give_json
from bodies import decode_json, read_body, read_kind
from columns import show
from log import LabelConflict, UnknownPrediction
from model import ArtifactError
from openapi import describe_api
from watch import give_metrics
from writer import LogError

JSON = "application/json"
MAX_BYTES = 16 * 2**20  # of a body

api = Blueprint("api", __name__)


def read_request() -> bytes:
    "Read the body of the request, all of it; raises the HTTP error that says why that cannot be."
    if request.content_encoding:
        raise UnsupportedMediaType("expected a body that is not compressed")
    length = request.content_length
    if length is None and request.mimetype == "text/csv":
        raise LengthRequired("expected a Content-Length: half a table looks like a whole one")
    body = request.get_data(cache=False)
    if length is not None and len(body) != length:
        raise BadRequest(f"expected {length} bytes, got {len(body)}")
    if len(body) >= MAX_BYTES:
        raise RequestEntityTooLarge  # without a length, Flask reads that much and stops
    return body


def give_predictions(version: str, predictions: list) -> bytes:
    "Write the answer to a request for predictions."
    return msgspec.json.encode({"version": version, "predictions": predictions})


@api.post("/predict")
@api.post("/invocations")
def predict():
    "Answer rows that a program sends."
    artifact = current_app.extensions["service"].artifact()
    rows = read_body(read_request(), request.content_type, artifact.features)
    request_id, writer = request.environ["request_id"], current_app.extensions["writer"]
    predictions, _ = answer_rows(artifact, rows, request_id, writer)
    return Response(give_predictions(artifact.version, predictions), content_type=JSON)


class Label(msgspec.Struct, forbid_unknown_fields=True):
    "What really happened, of one prediction."

    id: Annotated[str, msgspec.Meta(max_length=64)]
    label: str


Labels = Annotated[list[Label], msgspec.Meta(max_length=10_000)]


def read_labels(body: bytes, known: list[str]) -> list[Label]:
    "Read labels, one or a list; raises BadRequest or UnprocessableEntity."
    try:
        labels = msgspec.convert(decode_json(body), Label | Labels)
    except msgspec.ValidationError as error:
        expected = "expected an id and a label, or a list of them"
        raise UnprocessableEntity(f"{expected}: {error}") from None
    labels = labels if isinstance(labels, list) else [labels]
    for number, said in enumerate(labels, start=1):
        if said.label not in known:
            expected = f"expected one of {', '.join(known)}, got {show(said.label)}"
            raise UnprocessableEntity(f"row {number}: label: {expected}")
    return labels


@api.post("/feedback")
def take_feedback():
    "Take what really happened; telling it again changes nothing."
    if read_kind(request.content_type) != JSON:
        raise UnsupportedMediaType(f"expected content type {JSON}")
    artifact = current_app.extensions["service"].artifact()
    labels = read_labels(read_request(), artifact.labels)
    writer = current_app.extensions["writer"]
    if writer is None:
        raise NotFound("this app keeps no log, so it knows no ids: start it with PREDICTION_LOG")
    try:
        for said in labels:
            writer.label(said.id, said.label)
    except UnknownPrediction as error:
        raise NotFound(str(error)) from None
    except LabelConflict as error:
        raise Conflict(str(error)) from None
    except LogError as error:
        raise ServiceUnavailable(f"{error}; send it again") from None
    return give_json({"labelled": len(labels)})


@api.get("/livez")
def live():
    "Say that the process lives."
    return give_json({"status": "alive"})


@api.get("/readyz")
@api.get("/ping")
def ready():
    "Say whether there is a model to answer with, and what is wrong."
    service = current_app.extensions["service"]
    content = {"status": "ready", "version": service.artifact().version}
    return give_json(content | ({"problem": service.problem} if service.problem else {}))


@api.get("/metrics")
def metrics():
    "Give the numbers that Prometheus collects."
    try:
        version = current_app.extensions["service"].artifact().version
    except ArtifactError:
        version = "none"
    return Response(give_metrics(version), content_type="text/plain; version=0.0.4; charset=utf-8")


@api.get("/openapi.json")
def openapi():
    "Describe all of this for programs (OpenAPI 3.1)."
    return give_json(describe_api(current_app.extensions["service"].artifact()))
