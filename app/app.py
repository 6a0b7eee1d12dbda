"""The whole house, and a short way in for the question that comes most."""

import io
import os
import time
from collections.abc import Iterable
from pathlib import Path

from flask import Flask, request

from answers import answer_rows, explain_errors, new_request_id
from api import JSON, MAX_BYTES, api, give_predictions, predict, ready
from bodies import read_body
from pages import pages
from service import InService
from watch import LOST, count_request, log
from writer import Writer


def is_plain(
    environ: dict,  # what a WSGI server knows about a request
) -> bool:
    "Say whether a request is so plain that the short way may answer it."
    length = environ.get("CONTENT_LENGTH", "")
    plain = environ.get("CONTENT_TYPE") == JSON and "HTTP_CONTENT_ENCODING" not in environ
    post = environ["REQUEST_METHOD"] == "POST" and length.isdecimal()
    return plain and post and int(length) <= MAX_BYTES


class App(Flask):
    "Flask, with a short way for the request that comes most, and a count of all of them."

    routes = predict_routes = frozenset()  # create_app fills them in

    def wsgi_app(self, environ: dict, start_response) -> Iterable[bytes]:
        "Answer a request: give it an id, answer it, count it."
        began, request_id = time.perf_counter(), new_request_id()
        environ["request_id"] = request_id
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        route = path if path in self.routes else "other"

        def start(status, headers, exc_info=None):
            count_request(request_id, method, route, status[:3], time.perf_counter() - began)
            return start_response(status, [*headers, ("X-Request-Id", request_id)], exc_info)

        answer = self.answer_plain_rows(environ) if path in self.predict_routes else None
        if answer is None:
            return super().wsgi_app(environ, start)
        start("200 OK", [("Content-Type", JSON), ("Content-Length", str(len(answer)))])
        return [answer]

    def answer_plain_rows(self, environ: dict) -> bytes | None:
        "Answer rows that are JSON, and plainly right; None where Flask has to see to it."
        if not is_plain(environ):
            return None
        length = int(environ["CONTENT_LENGTH"])
        body = environ["wsgi.input"].read(length)
        try:
            if len(body) < length:
                raise EOFError
            artifact = self.extensions["service"].artifact()
            rows = read_body(body, JSON, artifact.features)
            request_id, writer = environ["request_id"], self.extensions["writer"]
            predictions, _ = answer_rows(artifact, rows, request_id, writer)
        except Exception:  # whatever it is, Flask does all of it again and has the sentences
            environ["wsgi.input"] = io.BytesIO(body)
            return None
        return give_predictions(artifact.version, predictions)

    def log_exception(self, exc_info) -> None:
        "Log a mistake of ours, without anything that somebody sent."
        fields = {"request_id": request.environ["request_id"]}
        log.error("mistake of ours", exc_info=exc_info, extra={"fields": fields})


ASKED_AT = {  # environment variable: the function that answers there
    "AIP_PREDICT_ROUTE": predict,
    "AIP_HEALTH_ROUTE": ready,
    "AWS_LWA_READINESS_CHECK_PATH": ready,
}


def create_app(
    artifacts: str | Path | None = None,  # folder with in_service.json; None: artifacts/ at home
    home: str | Path | None = None,  # with templates/ and static/; None: where this file lies
) -> App:
    "Make the app; PREDICTION_LOG names the SQLite file to log to, if any."
    app = App(__name__, root_path=home and str(Path(home).resolve()))
    app.config["MAX_CONTENT_LENGTH"] = MAX_BYTES
    app.url_map.merge_slashes = False  # an address that is not ours is no other one's
    app.extensions["service"] = InService(artifacts or Path(app.root_path) / "artifacts")
    path = os.environ.get("PREDICTION_LOG")
    app.extensions["writer"] = Writer(path, on_lost=LOST.inc) if path else None
    app.register_blueprint(api)
    app.register_blueprint(pages)
    explain_errors(app)
    rules = {(rule.rule, method) for rule in app.url_map.iter_rules() for method in rule.methods}
    for name, view in ASKED_AT.items():
        path, method = os.environ.get(name), "POST" if view is predict else "GET"
        if path and (path, method) not in rules:
            app.add_url_rule(path, name, view, methods=[method])
            rules.add((path, method))
    app.routes = frozenset(path for path, _ in rules)
    asked = os.environ.get("AIP_PREDICT_ROUTE", "/predict")
    app.predict_routes = {"/predict", "/invocations", asked}
    return app
