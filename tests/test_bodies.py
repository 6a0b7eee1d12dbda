"""A body becomes rows that mean what was sent, or a sentence; never anything else."""

import json
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import HTTPException

from mlprod.app.app import MOST_ROWS, decode_rows
from mlprod.app.rows import RowsError, encode_rows, read_features

SPECS = {
    "size": {"kind": "number", "range": [-1e30, 1e30], "unit": None, "example": 1.5},
    "colour": {"kind": "category", "values": ["red", "green"], "example": "red"},
    "seen": {
        "kind": "moment",
        "range": ["1900-01-01T00:00+00:00", "2100-01-01T00:00+00:00"],
        "timezone": "UTC",
        "example": "2024-05-31T18:00:00+02:00",
    },
    "note": {"kind": "category", "values": [], "example": ""},  # known, and no feature
}
COMMON = {"description": "", "may_be_missing": True}
COLUMNS = {name: COMMON | spec for name, spec in SPECS.items()}
FEATURES = read_features(
    {"features": ["size", "colour", "seen.hour", "seen.day"], "columns": COLUMNS}
)
ROW = {"size": 1.5, "colour": "red", "seen": "2024-05-31T18:00:00+02:00"}


def read(body):
    "The rows in a body, as dictionaries."
    rows = decode_rows(body, FEATURES)
    return [msgspec.to_builtins(row) for row in rows]


def refusal(content, features=FEATURES):
    "Status and sentence with which content is refused."
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises((HTTPException, RowsError)) as caught:
        encode_rows(decode_rows(body, features), features)
    error = caught.value
    return error.code, error.description if isinstance(error, HTTPException) else str(error)


plain = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
times = st.datetimes(datetime(1950, 1, 1), datetime(2050, 1, 1), timezones=st.just(UTC))
odd = st.sampled_from(["red", "green", '":', '"', "a, b", "x\r\ny", "1e2", " red"])
rows = st.fixed_dictionaries(
    {
        "size": st.none() | st.integers(-(2**53), 2**53) | st.floats(-1e30, 1e30),
        "colour": st.none() | odd | plain,
        "seen": st.none() | times.map(datetime.isoformat),
    }
)
between = st.sampled_from([",", ", ", " ,\n", "\r\n,\t"])
after = st.sampled_from([":", ": ", " :", "\n\n:", "\t: ", "\r:"])
marks = st.sampled_from([b"", b"\xef\xbb\xbf"])


def forms_of(rows):
    "The bodies that mean the same rows."
    names = list(rows[0])
    return [
        rows,
        {"columns": names, "data": [[row[name] for name in names] for row in rows]},
        {"instances": rows},
        {"instances": rows, "parameters": {}, "signature_name": None},
        *([rows[0]] if len(rows) == 1 else []),
    ]


@settings(max_examples=100, deadline=None)
@given(st.lists(rows, min_size=1, max_size=4), between, after, st.booleans(), marks)
def test_every_form_means_the_same(rows, between, after, ascii_only, mark):
    "Row by row and value by value, however it is spaced and escaped."
    for form in forms_of(rows):
        text = json.dumps(form, separators=(between, after), ensure_ascii=ascii_only)
        assert read(mark + text.encode()) == rows


words = st.sampled_from([*COLUMNS, "columns", "data", "instances", "parameters"])
words |= st.text(max_size=3)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=4)
anything = st.recursive(
    leaves | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


def check_outcome(body):
    "Rows, or one of the errors that are answered; its sentence is short."
    try:
        rows = decode_rows(body, FEATURES)
        assert rows and all(isinstance(row, FEATURES.row) for row in rows)
        encode_rows(rows, FEATURES)
    except RowsError as error:
        assert all(problem.row >= 1 for problem in error.problems)
        assert len(str(error)) < 4000
    except HTTPException as error:
        assert error.code in (400, 413, 422) and 10 < len(error.description) < 300


@settings(max_examples=200, deadline=None)
@given(anything)
def test_any_json_is_rows_or_a_sentence(value):
    "Nothing but the documented errors, for whatever shape."
    check_outcome(json.dumps(value).encode("utf-8", "surrogatepass"))


scraps = st.text("[]{}\":,\\n\r\t 'eE+-.0129aué\0\ufeff;", max_size=40)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60) | scraps.map(str.encode))
def test_any_bytes_are_rows_or_a_sentence(body):
    "Whatever they are."
    check_outcome(body)


def test_the_last_of_two_values_counts():
    "As JSON's readers have it; wherever the name stands, and however it is written."
    body = json.dumps(ROW)[:-1].encode() + b', "siz\\u0065": 7}'
    assert read(body) == read(b"[" + body + b"]") == [ROW | {"size": 7.0}]
    assert read(b'{"instances": 1, "instances": [' + body + b"]}") == [ROW | {"size": 7.0}]
    table = b'{"columns": ["size", "colour", "seen", "size"], "data": [[1, null, null, 7]]}'
    assert read(table) == [{"size": 7.0, "colour": None, "seen": None}]


def test_a_feature_may_have_the_name_of_a_form():
    "An object with all of the features' names is a row."
    names = ["columns", "data", "instances"]
    column = COLUMNS["size"] | {"may_be_missing": False}
    features = read_features({"features": names, "columns": dict.fromkeys(names, column)})
    row = {"columns": 1.0, "data": 2.0, "instances": 3.0}
    for content in (row, {"columns": names, "data": [[1, 2, 3]]}):
        (got,) = decode_rows(json.dumps(content).encode(), features)
        assert msgspec.to_builtins(got) == row


def test_columns_that_are_no_features_may_come_along():
    "Whatever they hold: the contract knows them, and the model does not look."
    for value in (None, 7, "x", [{}], {"a": [1]}):
        (row,) = read(json.dumps(ROW | {"note": value}).encode())
        assert {name: row[name] for name in ROW} == ROW


@pytest.mark.parametrize(
    ("says", "content"),
    [
        ("got no row", []),
        ("got no row", {"instances": []}),
        ("got no row", {"columns": ["size"], "data": []}),
        ("expected a list of rows, or one row, got true", True),
        ("row 1: instances: expected no such column", {"instances": {"size": 1}}),
        ("row 1: instances: expected no such column", {"instances": None}),
        ("row 1: columns: expected no such column", {"columns": ["size"]}),
        ("row 1: columns: expected no such column", {"columns": "a", "data": [1]}),
        ("row 1: columns: expected no such column", {"columns": [[]], "data": [[1]]}),
        ("row 1: index: expected no such column", {"columns": [], "data": [], "index": [0]}),
        ("row 1: data: expected no such column", {"size": 1, "data": []}),
        ("row 1: parameters: expected no such", {"instances": [ROW], "parameters": {"t": 0.1}}),
        ("row 1: inputs: expected no such column", {"inputs": [ROW]}),
        ("row 1: dataframe_records: expected no such", {"dataframe_records": [ROW]}),
        ("row 2: expected 1 values, one for", {"columns": ["size"], "data": [[1], [1, 2]]}),
        ('one for each column, got "x"', {"columns": ["size"], "data": ["x"]}),
        ('one for each column, got {"size"', {"columns": ["size"], "data": [{"size": 1}]}),
        ("row 1: expected names and values", [[1, 2, 3]]),
        ("row 1: size: expected a value, got no such column", {}),
        ("row 1: gate: expected no such column", ROW | {"gate": 1}),
    ],
)
def test_what_is_unclear_is_refused(says, content):
    "Each is 422 and says what was expected in which place."
    status, sentence = refusal(content)
    assert status == 422 and says in sentence


@pytest.mark.parametrize(
    ("start", "row", "end"),
    [
        (b"[", b"{},", b"{}]"),
        (b'{"instances": [', b"{},", b"{}]}"),
        (b'{"columns": ["size"], "data": [', b"[],", b"[]]}"),
        (b'[{"size": [', b"{},", b"{}]}]"),
    ],
)
def test_too_many_rows_are_refused_before_they_are_read(start, row, end):
    "A small body can hold millions of them; brackets are counted first."
    assert refusal(start + row * (MOST_ROWS + 3) + end)[0] == 413
    assert refusal(start + row * (MOST_ROWS // 2) + end)[0] == 422


def test_as_many_rows_as_allowed_are_read_in_every_form():
    "The limit belongs to what is allowed."
    row = {"size": None, "colour": None, "seen": None}
    for form in forms_of([row] * MOST_ROWS):
        assert len(decode_rows(json.dumps(form).encode(), FEATURES)) == MOST_ROWS


def number_row(text):
    "A row with a number written like this."
    return f'{{"size":{text},"colour":null,"seen":null}}'.encode()


def test_numbers_round_as_python_reads_them():
    "To the nearest float, and beyond what a float holds to a refusal."
    for text in ("9007199254740993", "0.1", "1e-320", "1e-400", "123456789012345678901234567890"):
        ((size, *_),) = map(msgspec.structs.astuple, decode_rows(number_row(text), FEATURES))
        assert size == float(text)
    for text in ("1e400", "-1e400", "9" * 400, "9" * 5000):
        status, sentence = refusal(number_row(text))
        assert (status, "expected JSON" in sentence) in ((400, True), (422, False))
