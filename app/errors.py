"""Answer a mistake: with a problem for a program (RFC 9457), with a page for a person."""

import msgspec
from flask import Response, g, make_response, render_template, request
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from log import LogError
from metrics import count_rejected, log
from model import ArtifactError
from rows import RowsError

SHOWN = 100  # problems that one answer lists
PROBLEM = "application/problem+json"
HEADERS = {"X-Content-Type-Options": "nosniff"}  # of every answer
POLICY = "default-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


def wants_page() -> bool:
    "Say whether the request comes from a browser, which asks for HTML first."
    kinds = ["application/json", "text/html"]
    return request.accept_mimetypes.best_match(kinds) == "text/html"


def json_response(content: object, status: int = 200, kind: str = "application/json") -> Response:
    "Make a response for a program: content as JSON, a status of HTTP, a kind (media type)."
    return Response(msgspec.json.encode(content), status, content_type=kind)


def page_response(template: str, status: int = 200, **values) -> Response:  # values: the template's
    "Make a response for a person; nothing on the page may come from anywhere else."
    response = make_response(render_template(template, **values), status)
    response.headers["Content-Security-Policy"] = POLICY
    return response


def describe_error(error: Exception, request_id: str) -> tuple[int, dict]:  # status; the problem
    "Describe an error as a problem; one that is not a client's mistake is logged, not shown."
    if isinstance(error, HTTPException):
        status, detail = error.code, error.description
    elif isinstance(error, RowsError | ArtifactError | LogError):
        status, detail = error.code, str(error)
    else:
        log.error("mistake of ours", exc_info=error, extra={"fields": {"request_id": request_id}})
        status, detail = 500, "the app made a mistake; its log has it under this request's id"
    problem = {"type": "about:blank", "title": HTTP_STATUS_CODES[status], "status": status}
    problem |= {"detail": detail, "request_id": request_id}
    if isinstance(error, RowsError):
        count_rejected(error.problems)
        errors = [problem._asdict() for problem in error.problems[:SHOWN]]
        problem |= {"problems": len(error.problems), "errors": errors}
    return status, problem


def error_response(error: Exception) -> Response:
    "Answer an error, as the client wants it: with a problem or with a page."
    status, problem = describe_error(error, g.request_id)
    if wants_page():
        response = page_response("problem.html", status, problem=problem)
    else:
        response = json_response(problem, status, PROBLEM)
    response.vary.add("Accept")
    headers = error.get_headers() if isinstance(error, HTTPException) else ()  # such as Allow
    response.headers.extend(item for item in headers if item[0] != "Content-Type")
    return response
