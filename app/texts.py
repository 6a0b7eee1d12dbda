"""In a table of text every value looks alike. The contract knows which of them are numbers."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable
from math import isfinite

from werkzeug.exceptions import abort

from columns import Column, Features, Problem, RowsError, show

NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def read_text(
    text: str,  # as it was typed
    column: Column,
) -> float | str | None:  # None where nothing was typed
    "Read typed text as what JSON would have said; what is no number stays text."
    if column.kind == "number" and NUMBER.fullmatch(text) and isfinite(number := float(text)):
        return number
    return text or None


MOST_ROWS = 100_000  # in one request
TOO_MANY = f"expected at most {MOST_ROWS} rows in one request, got more"


def name_values(
    names: list,  # of the columns
    table: Iterable[object],  # for each row a list with a value for each name
) -> list[dict]:
    "Give the values of each row their names; raises RowsError for rows of another length."
    for place, name in enumerate(names, start=1):
        if not isinstance(name, str) or not name:
            abort(422, f"column {place}: expected a name, got {show(name)}")
    for name, count in Counter(names).items():
        if count > 1:
            abort(422, f"{show(name)}: expected one column, got {count}")
    rows, problems = [], []
    for number, values in enumerate(table, start=1):
        if isinstance(values, list) and len(values) == len(names):
            rows.append(dict(zip(names, values, strict=True)))
        elif len(problems) < 100:
            got = len(values) if isinstance(values, list) else show(values)
            text = f"expected {len(names)} values, one for each column, got {got}"
            problems.append(Problem(number, "", text))
        if number > MOST_ROWS:
            abort(413, TOO_MANY)
    if problems:
        raise RowsError(problems)
    return rows


def read_csv(body: bytes, features: Features) -> list[dict]:
    "Read rows from CSV; raises an HTTP error or RowsError for what is unclear."
    try:
        lines = io.StringIO(body.decode("utf-8-sig"), newline="")
    except UnicodeDecodeError as error:
        abort(400, f"expected CSV in UTF-8, got byte {body[error.start]:#x}")
    if b"\0" in body:
        abort(400, "expected CSV, got a NUL byte; is it UTF-16, or no text at all?")
    reader = csv.reader(lines, strict=True)
    try:
        names = check_header(next(reader, []), features)
        rows = name_values(names, reader)
    except csv.Error as error:
        abort(400, f"line {reader.line_num}: expected CSV with each quote closed, got: {error}")
    for name in features.columns.keys() & set(names):
        for row in rows:
            row[name] = read_text(row[name], features.columns[name])
    return rows


def check_header(names: list[str], features: Features) -> list[str]:
    "Check that CSV begins with names between commas, and return them."
    if not names:
        abort(400, "expected CSV with names in its first line, got nothing there")
    if len(names) == 1 and names[0] not in features.known:
        for mark, word in ((";", "semicolons"), ("\t", "tabs")):
            if mark in names[0]:
                abort(422, f"header: expected commas between names, got {word}")
    return names
