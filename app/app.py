"""The Flask app: from a request's bytes to rows, predictions and the answer."""

import os
import time
from collections.abc import Callable
from functools import partial
from itertools import compress
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
from flask import Blueprint, Flask, Response, current_app, g, request
from werkzeug.exceptions import abort

from errors import HEADERS, error_response, json_response
from log import Log
from metrics import (
    count_failed,
    count_lost,
    count_request,
    count_rows,
    new_request_id,
    write_metrics,
)
from model import (
    Artifact,
    ArtifactError,
    Experiment,
    InService,
    Prediction,
    write_number,
)
from monitor import monitor
from pages import pages
from rows import Features, Problem, RowsError, check_rows, show

JSON = "application/json"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
ANY = msgspec.json.Decoder()


def decode(body: bytes | bytearray, decoder: msgspec.json.Decoder) -> Any:  # body: of a request
    "Decode JSON; raises an HTTP error where it is none, ValidationError for another type."
    try:
        return decoder.decode(body.removeprefix(BYTE_ORDER_MARK))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if isinstance(error, msgspec.ValidationError) and decoder is not ANY:
            raise
        abort(400, f"expected JSON: {error}")
    except RecursionError:
        abort(400, "expected JSON: lists or objects are nested too deeply")


def unwrap_rows(content: Any, features: Features) -> list:  # content: plain data, from JSON
    "Take the rows out of JSON; raises an HTTP error or RowsError where that is unclear."
    if isinstance(content, list):
        return content
    if not isinstance(content, dict):
        abort(422, f"expected a list of rows, or one row, got {show(content)}")
    if features.columns.keys() <= content.keys():
        return [content]
    given = {name for name, value in content.items() if value not in (None, {})}
    if given == {"instances"} and isinstance(content["instances"], list):
        return content["instances"]
    names, data = content.get("columns"), content.get("data")
    is_table = given == {"columns", "data"} and isinstance(names, list) and isinstance(data, list)
    if not (is_table and all(isinstance(name, str) for name in names)):
        return [content]  # a row without some of its columns: the check of the rows lists them
    expected = f"expected {len(names)} values, one for each column"
    problems = [
        Problem(number, "", f"{expected}, got {show(values)}", "type")
        for number, values in enumerate(data, start=1)
        if not isinstance(values, list) or len(values) != len(names)
    ]
    if problems:
        raise RowsError(problems)
    return [dict(zip(names, values, strict=True)) for values in data]


MOST_ROWS = 50_000  # in one request


def decode_rows(
    body: bytes | bytearray,  # JSON of one row, or of a list
    features: Features,
) -> list:  # of features.row, at least one
    "Decode rows and check them; raises HTTP errors, and RowsError with every mistake."
    if len(body) > MOST_ROWS and body.count(b"{") + body.count(b"[") > MOST_ROWS + 3:
        abort(413, f"expected at most {MOST_ROWS} rows, none nested; got more")
    try:
        rows = decode(body, features.decoder)
    except msgspec.ValidationError:  # not a list of rows, or not all of them right
        rows = check_rows(unwrap_rows(decode(body, ANY), features), features)
    if not rows:
        abort(422, "expected a list of rows, or one row, got no row")
    return rows


def try_challenger(
    experiment: Experiment,
    answers: tuple,  # of the artifact in service: predictions and scores
    rows: list,  # n of them, checked
    request_id: str,  # with which the ids of its predictions begin
    n_bytes: int,  # of the request
) -> tuple[tuple, list[tuple]]:  # answers; for each artifact, what the log has to write
    "Score rows with the challenger too; it answers its share of an A/B test, else nothing."
    (predictions, scores), champion = answers, experiment.champion
    is_shadow, challenger = experiment.plan.mode == "shadow", experiment.challenger
    for prediction in () if is_shadow else predictions:
        prediction.version = champion.version
    entry = champion, predictions, rows, n_bytes
    try:
        others, its_scores = challenger.predict(rows, request_id)
        chosen = experiment.choose(rows)
    except Exception as error:  # whatever it is, nobody has to notice
        count_failed(error, request_id)
        return answers, [entry]
    for prediction in others:
        prediction.version = challenger.version
    if is_shadow:
        return answers, [(*entry, others)]
    pairs = zip(predictions, others, chosen, strict=True)
    merged = [its if is_its else own for own, its, is_its in pairs]
    entries = [
        (artifact, list(compress(merged, mine)), list(compress(rows, mine)), n_bytes)
        for artifact, mine in ((champion, ~chosen), (challenger, chosen)) if mine.any()
    ]  # fmt: skip
    return (merged, np.where(chosen[:, None], its_scores, scores)), entries


class Service:
    "What predicts: the artifact in service, and the log of what it predicts."

    def __init__(
        self,
        artifacts: str | Path,  # artifacts/<project>
        log: Log | None = None,  # None: nothing is logged
        clock: Callable[[], float] = time.time,  # seconds since 1970
    ):
        self.in_service, self.log, self.clock = InService(artifacts), log, clock
        if log and not self.in_service.problem:  # open it now, and delete what is too old
            log.write(self.in_service.artifact(), [], [], 0)

    def predict(
        self, artifact: Artifact, rows: list, request_id: str, n_bytes: int
    ) -> tuple[list[Prediction], np.ndarray]:  # n of them; (n, n_labels) scores, or (n, 1) amounts
        "Predict checked rows from a request of n_bytes, count them, log them."
        answers, experiment = artifact.predict(rows, request_id), self.in_service.experiment
        entries = [(artifact, answers[0], rows, n_bytes)]
        if experiment and experiment.champion is artifact:
            answers, entries = try_challenger(experiment, answers, rows, request_id, n_bytes)
        count_rows(answers[0])
        for entry in entries if self.log else ():
            self.log.write(*entry)
        return answers

    def predict_rows(self, body: bytes | bytearray, request_id: str) -> bytes:
        "Answer a body under its request_id; raises HTTP errors, RowsError or ArtifactError."
        artifact = self.in_service.artifact()
        rows = decode_rows(body, artifact.features)
        predictions, _ = self.predict(artifact, rows, request_id, len(body))
        return msgspec.json.encode({"version": artifact.version, "predictions": predictions})


api = Blueprint("api", __name__)


def read_json() -> bytes:
    "Read the body of a request that has to be JSON; raises an HTTP error."
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if request.mimetype != JSON or charset not in ("utf-8", "utf8") or request.content_encoding:
        got = show(request.content_type or "nothing")
        abort(415, f"expected {JSON} in UTF-8, not compressed; got {got}")
    return request.get_data()


@api.post("/predict")
@api.post("/invocations")
def predict():
    "Predict rows."
    answer = current_app.extensions["service"].predict_rows(read_json(), g.request_id)
    return Response(answer, content_type=JSON)


class Label(msgspec.Struct, forbid_unknown_fields=True):
    "What really happened, of one prediction."

    id: Annotated[str, msgspec.Meta(max_length=64)]
    label: Annotated[str, msgspec.Meta(max_length=200)] | float


LABELS = msgspec.json.Decoder(Label | Annotated[list[Label], msgspec.Meta(max_length=10_000)])


def read_label(label: str | float, known: list[str]) -> str:  # known: none where it is an amount
    "Read a label as the log keeps it; raises ValueError."
    if not known and isinstance(label, float):
        return write_number(label)
    if label in known:
        return label
    expected = f"one of {', '.join(known)}" if known else "a number"
    raise ValueError(f"expected {expected}, got {show(label)}")


@api.post("/feedback")
def add_labels():
    "Log what really happened; to report it again changes nothing."
    service = current_app.extensions["service"]
    artifact = service.in_service.artifact()
    try:
        labels = decode(read_json(), LABELS)
    except msgspec.ValidationError as error:
        abort(422, f"expected an id and a label, or a list of them: {error}")
    pairs = []
    for number, each in enumerate(labels if type(labels) is list else [labels], start=1):
        try:
            pairs.append((each.id, read_label(each.label, artifact.labels)))
        except ValueError as error:
            abort(422, f"row {number}: label: {error}")
    if service.log is None:
        abort(404, "this app keeps no log, so it knows no ids: start it with PREDICTION_LOG")
    service.log.label(artifact.project, pairs)
    return json_response({"labelled": len(pairs)})


@api.get("/livez")
def live():
    "Say that the process lives."
    return json_response({"status": "alive"})


@api.get("/readyz")
@api.get("/ping")
def ready():
    "Say whether there is a model to predict with, and what is wrong."
    in_service = current_app.extensions["service"].in_service
    content = {"status": "ready", "version": in_service.artifact().version}
    return json_response(content | ({"problem": in_service.problem} if in_service.problem else {}))


@api.get("/metrics")
def metrics():
    "Write the numbers that Prometheus collects."
    try:
        version = current_app.extensions["service"].in_service.artifact().version
    except ArtifactError:
        version = "none"
    more = "".join([write() for write in current_app.extensions["metrics"]])
    kind = "text/plain; version=0.0.4; charset=utf-8"
    return Response(write_metrics(version, more), content_type=kind)


FORM, LONGEST_FORM = "application/x-www-form-urlencoded", 100_000  # bytes


def begin_request(clock: Callable[[], float]) -> None:  # clock: seconds, ever more
    "Give the request an id, and refuse one that is not whole or whose address is not exact."
    g.began = time.perf_counter()
    g.request_id = request.environ.get("request_id") or new_request_id(clock)
    if request.environ["PATH_INFO"].startswith("//"):
        abort(404)
    length, got = request.content_length or 0, len(request.get_data())
    if got < length:
        abort(400, f"expected {length} bytes, got {got}")
    if got > LONGEST_FORM and request.mimetype == FORM:
        abort(413, f"expected a form of at most {LONGEST_FORM} bytes, got {got}")


def end_request(response: Response) -> Response:
    "Add the headers that every response has, and count the request."
    response.headers.extend({"X-Request-Id": g.request_id, **HEADERS})
    route = request.url_rule.rule if request.url_rule else "other"
    seconds = time.perf_counter() - g.began
    count_request(g.request_id, request.method, route, response.status_code, seconds)
    return response


def create_app(
    artifacts: str | Path | None = None,  # folder with in_service.json; None: artifacts/ at home
    home: str | Path | None = None,  # with templates/ and static/; None: where this file lies
    clock: Callable[[], float] = time.time,  # seconds since 1970, for ids and the log
) -> Flask:
    "Make the app; PREDICTION_LOG names the log's file, MLPROD_LOG_URL its database instead."
    app = Flask(__name__, root_path=home and str(Path(home).resolve()))
    app.config["MAX_CONTENT_LENGTH"] = int(os.environ.get("MAX_BODY_MB") or 4) * 10**6
    app.url_map.merge_slashes = False  # an address that is not exact is not ours
    place, kind = os.environ.get("PREDICTION_LOG"), Log
    if url := os.environ.get("MLPROD_LOG_URL"):
        from postgres import PostgresLog  # which needs more than the app does

        place, kind = url, PostgresLog
    log = kind(place, on_lost=count_lost, clock=clock) if place else None
    artifacts = artifacts or Path(app.root_path) / "artifacts"
    app.extensions |= {"service": Service(artifacts, log, clock), "metrics": []}
    app.before_request(partial(begin_request, clock))
    app.after_request(end_request)
    app.register_blueprint(api)
    app.register_blueprint(pages)  # without this line the app answers programs only
    app.register_blueprint(monitor)  # and without this one nobody sees how it is doing
    app.register_error_handler(Exception, error_response)
    return app
