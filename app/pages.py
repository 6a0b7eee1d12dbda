"""A form drawn from the contract, which keeps what was typed and says what is wrong beside it."""

from datetime import UTC, datetime

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import UnsupportedMediaType

from answers import answer_rows, give_page, wants_page
from columns import Column, Problem, RowsError
from model import Artifact
from texts import read_text


def read_field(
    text: str,  # as it was typed
    column: Column,
) -> object:  # what JSON would have said; None where nothing was typed
    "Read a field of the form; what cannot be read is left for the check of the rows."
    text = text.strip()
    if column.kind != "moment" or not text:
        return read_text(text, column)
    try:
        typed = datetime.fromisoformat(text)
        moment = typed if typed.tzinfo else typed.replace(tzinfo=column.zone)
        there_and_back = moment.astimezone(UTC).astimezone(moment.tzinfo)
    except (ValueError, OverflowError):
        return text
    return moment.isoformat() if moment.time() == there_and_back.time() else text


def write_field(value: object, column: Column) -> str:
    "Write a value of the contract the way that a field of the form shows it."
    if column.kind == "moment":
        return datetime.fromisoformat(value).astimezone(column.zone).strftime("%Y-%m-%dT%H:%M")
    return str(value)


def explain_field(text: str, column: Column, problem: Problem) -> str:
    "Say to a person what is wrong with a field."
    if not text.strip():
        return "expected a value, got nothing"
    if column.kind != "moment" or problem.reason == "range":
        return problem.text
    try:
        datetime.fromisoformat(text.strip())
    except ValueError:
        return "expected a date and a time, such as 2024-05-31T18:00"
    return f"expected a time that clocks in {column.zone} show; this one they leave out"


def list_fields(
    artifact: Artifact,
    texts: dict,  # what stands in each field
    problems: tuple | list,  # what is wrong, each a Problem of a row
) -> list[dict]:
    "List the form's fields with all that drawing them needs."
    fields = []
    for name, column in artifact.features.columns.items():
        said, text = artifact.contract["columns"][name], texts.get(name, "")
        wrong = [explain_field(text, column, item) for item in problems if item.column == name]
        ends = [write_field(end, column) for end in said["range"]] if said["range"] else None
        known = said["values"] or []
        choices = known if text in known or not text else [text, *known]
        own = {"name": name, "text": text, "range": ends, "choices": choices, "problems": wrong}
        fields.append(said | own)
    return fields


def write_score(score: float, threshold: float | None) -> tuple[str, str]:
    "Write a score and its threshold with as many digits as tell them apart."
    for digits in (2, 3, 4, 6, 9):
        texts = f"{score:.{digits}f}", f"{threshold or 0:.{digits}f}"
        if threshold in (None, score) or texts[0] != texts[1]:
            break
    return texts


pages = Blueprint("pages", __name__)


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
    request_id, writer = request.environ["request_id"], current_app.extensions["writer"]
    columns, texts = artifact.features.columns, request.form.to_dict()
    row = {name: read_field(texts.get(name, ""), column) for name, column in columns.items()}
    try:
        (answer,), (scores,) = answer_rows(artifact, [row], request_id, writer)
    except RowsError as error:
        fields = list_fields(artifact, texts, error.problems)
        return give_page("form.html", 422, artifact=artifact, fields=fields)
    said = write_score(answer.score, artifact.threshold)
    bars = list(zip(artifact.labels, scores, strict=True))
    fields = list_fields(artifact, texts, ())
    return give_page(
        "form.html", artifact=artifact, fields=fields, answer=answer, said=said, bars=bars
    )


@pages.get("/card")
def show_card():
    "Show the model card."
    artifact = current_app.extensions["service"].artifact()
    if wants_page():
        return give_page("card.html", artifact=artifact)
    return Response(artifact.card, content_type="text/markdown; charset=utf-8")
