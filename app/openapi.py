"""One description of the app: programs read it, people try it out, and nobody has typed it."""

import csv
import io
import json
from functools import partial

from flask import current_app

from answers import give_page
from columns import RowsError
from model import Artifact
from pages import pages
from rows import encode_rows
from schemas import describe_rows

REQUEST_ID = "187a3c9e5f0b2d4c1a2b3c4d"  # in examples


def give_examples(artifact: Artifact) -> dict:  # examples by name
    "Give examples of what is sent and of what is answered."
    row, features, written = artifact.example, artifact.features, io.StringIO()
    csv.writer(written, lineterminator="\n").writerows([row.keys(), row.values()])
    (score,), (decision,) = artifact.decide(artifact.score(encode_rows([row], features)[0]))
    answer = {"id": f"{REQUEST_ID}-0", "score": score, "decision": decision, "warnings": []}
    broken = {"type": "about:blank", "title": "Unprocessable Entity", "status": 422}
    try:
        encode_rows([dict(list(row.items())[1:])], features)  # without its first column
    except RowsError as error:
        errors = [problem._asdict() for problem in error.problems]
        broken |= {"detail": str(error), "request_id": REQUEST_ID}
        broken |= {"problems": len(errors), "errors": errors}
    return {
        "rows": [row],
        "one_row": row,
        "columns": {"columns": list(row), "data": [list(row.values())]},
        "csv": written.getvalue(),
        "form": row,
        "answer": {"version": artifact.version, "predictions": [answer]},
        "broken_contract": broken,
        "label": {"id": f"{REQUEST_ID}-0", "label": artifact.labels[-1]},
        "labelled": {"labelled": 1},
    }


def describe_api(artifact: Artifact) -> dict:  # OpenAPI 3.1
    "Describe the running app that serves an artifact."
    with current_app.open_resource("openapi.json") as file:
        api = json.load(file)
    contract, parts = artifact.contract, api["components"]
    text = f"{contract['question']} A score tells {contract['decision']['owner']} about each row."
    api["info"] |= {"title": contract["title"], "version": artifact.version, "description": text}
    decisions = artifact.labels if artifact.threshold is None else ["act", "leave"]
    parts["schemas"] |= describe_rows(contract, list(artifact.features.columns))
    parts["schemas"]["Prediction"]["properties"]["decision"] = {"enum": decisions}
    parts["schemas"]["Label"]["properties"]["label"] = {"enum": artifact.labels}
    parts["examples"] = {name: {"value": value} for name, value in give_examples(artifact).items()}
    return api


@pages.get("/docs")
def show_docs():
    "Show the description as a page, with an example to send."
    artifact = current_app.extensions["service"].artifact()
    write = partial(json.dumps, indent=2, ensure_ascii=False)
    return give_page("docs.html", artifact=artifact, api=describe_api(artifact), write=write)
