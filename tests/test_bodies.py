"""A body becomes rows that mean what the sender said, or a sentence; never anything else."""

import csv
import io
import json
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import HTTPException

from mlprod.app.bodies import MOST_ROWS, count_names, count_written, read_body
from mlprod.app.columns import RowsError, read_features
from mlprod.app.rows import encode_rows
from mlprod.app.texts import read_text

JSON, CSV = "application/json", "text/csv"
KINDS = {"size": "number", "colour": "category", "seen": "moment", "note": "category"}
RANGES = {"number": [-1e30, 1e30], "moment": ["1900-01-01T00:00Z", "2100-01-01T00:00Z"]}
FEATURES = read_features(
    {
        "features": ["size", "colour", "seen.hour", "seen.day"],
        "columns": {
            name: {
                "kind": kind,
                "range": RANGES.get(kind),
                "values": ["red", "green"] if kind == "category" else None,
                "timezone": "UTC" if kind == "moment" else None,
                "may_be_missing": True,
            }
            for name, kind in KINDS.items()
        },
    }
)
HEAD = b"size,colour,seen\n"
ROW = {"size": 1.5, "colour": "red", "seen": "2024-05-31T18:00:00+02:00"}


def refusal(body, kind=JSON, features=FEATURES):
    "Status and sentence with which a body is refused."
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises((HTTPException, RowsError)) as caught:
        encode_rows(read_body(body, kind, features), features)
    error = caught.value
    return (422, str(error)) if isinstance(error, RowsError) else (error.code, error.description)


plain = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
times = st.datetimes(datetime(1950, 1, 1), datetime(2050, 1, 1), timezones=st.just(UTC))
odd = st.sampled_from(["red", "green", '":', '"', "a, b", "x\r\ny", "1e2", " red"])
rows = st.fixed_dictionaries(
    {
        "size": st.none() | st.integers(-(10**30), 10**30) | st.floats(-1e30, 1e30),
        "colour": st.none() | odd | plain,
        "seen": st.none() | times.map(datetime.isoformat),
    }
)
between = st.sampled_from([",", ", ", " ,\n", "\r\n,\t"])
after = st.sampled_from([":", ": ", " :", "\n\n:", "\t: ", "\r:"])
spaces = st.tuples(between, after)


def forms_of(rows):
    "The bodies that say the same rows."
    names = list(rows[0])
    table = [[row[name] for name in names] for row in rows]
    lists = {name: [row[name] for row in rows] for name in names}
    split = {"columns": names, "data": table}
    return [
        rows,
        split,
        {"dataframe_split": split | {"index": list(range(len(rows)))}},
        {"dataframe_records": rows, "params": {}},
        {"instances": rows, "parameters": None},
        {"inputs": rows},
        {"inputs": lists},
        *([rows[0]] if len(rows) == 1 else []),
    ]


@settings(max_examples=100, deadline=None)
@given(st.lists(rows, min_size=1, max_size=4), spaces, st.booleans())
def test_every_form_of_json_says_the_same(rows, separators, ascii_only):
    "Row by row and value by value, however it is spaced and escaped."
    for form in forms_of(rows):
        text = json.dumps(form, separators=separators, ensure_ascii=ascii_only)
        assert read_body(text.encode(), JSON, FEATURES) == rows


ENDS = st.sampled_from(["\n", "\r\n", "\r"])


@settings(max_examples=100, deadline=None)
@given(st.lists(rows, min_size=1, max_size=4), ENDS, st.booleans())
def test_csv_says_the_same_as_json(rows, ends, mark):
    "The model's matrix is the same to the bit."
    names = ["seen", "size", "colour"]
    lines = io.StringIO(newline="")
    writer = csv.writer(lines, lineterminator=ends)
    writer.writerows([names, *([row[name] for name in names] for row in rows)])
    text = lines.getvalue().replace("\0", "")
    rows = [row | {"colour": (row["colour"] or "").replace("\0", "") or None} for row in rows]
    body = text.encode("utf-8-sig" if mark else "utf-8")
    matrix, _ = encode_rows(read_body(body, CSV, FEATURES), FEATURES)
    wanted, _ = encode_rows(rows, FEATURES)
    assert np.array_equal(matrix, wanted, equal_nan=True)


words = st.sampled_from([*KINDS, "columns", "data", "index", "instances", "inputs", "params"])
words |= st.sampled_from(["dataframe_split", "dataframe_records", "parameters"])
words |= st.text(max_size=3)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=4)
anything = st.recursive(
    leaves | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


def check_outcome(body, kind):
    "Rows or one of the errors that are answered; its sentence is short."
    try:
        rows = read_body(body, kind, FEATURES)
        assert isinstance(rows, list) and rows
        encode_rows(rows, FEATURES)
    except RowsError as error:
        assert all(problem.row >= 1 for problem in error.problems)
        assert len(str(error)) < 4000
    except HTTPException as error:
        assert error.code in (400, 413, 415, 422) and 10 < len(error.description) < 300


@settings(max_examples=200, deadline=None)
@given(anything)
def test_any_json_is_rows_or_a_sentence(value):
    "Nothing but the documented errors, for whatever shape."
    check_outcome(json.dumps(value).encode("utf-8", "surrogatepass"), JSON)


scraps = st.text("[]{}\":,\\n\r\t 'eE+-.0129aué\0\ufeff;", max_size=40)
kinds = st.sampled_from([JSON, CSV]) | st.text(max_size=30) | st.none()


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60) | scraps.map(str.encode), kinds)
def test_any_bytes_are_rows_or_a_sentence(body, kind):
    "Whatever they are said to be."
    check_outcome(body, kind)


def write_object(pairs, between, after):
    "An object with these pairs of JSON, one by one."
    return "{" + between.join(name + after + json.dumps(value) for name, value in pairs) + "}"


@settings(max_examples=100, deadline=None)
@given(st.lists(rows, min_size=1, max_size=4), spaces, st.data())
def test_a_name_given_twice_is_never_missed(rows, spaces, data):
    "Not in any row, nor for any text around it; and what was given once is not suspected."
    pairs = [[(json.dumps(name), value) for name, value in row.items()] for row in rows]
    objects = [write_object(row, *spaces) for row in pairs]
    assert read_body(f"[{','.join(objects)}]".encode(), JSON, FEATURES) == rows
    number = data.draw(st.integers(0, len(rows) - 1))
    name, value = data.draw(st.sampled_from(pairs[number]))
    escaped = f'"\\u{ord(name[1]):04x}{name[2:]}'
    objects[number] = write_object([*pairs[number], (escaped, value)], *spaces)
    status, says = refusal(f"[{','.join(objects)}]".encode())
    assert status == 422
    assert f"row {number + 1}: {name[1:-1]}: expected one value, got 2" in says


@pytest.mark.parametrize(
    "text",
    [
        '{"data": [], "data": [], "columns": []}',
        '{"instances": [], "instances": []}',
        '{"inputs": {"size": [1], "size": [2]}}',
        '{"dataframe_split": {"data": [], "data": [1], "columns": []}}',
        '{"instances": [], "params": {"a": 1, "a": 2}}',
    ],
)
def test_a_name_given_twice_around_the_rows_is_refused(text):
    "The outer names count as well."
    status, says = refusal(text.encode())
    assert status == 422 and "expected one value, got 2" in says


def test_names_are_counted_alike_in_small_and_large_bodies():
    "The count is never less than the names there are, and for plain rows it is their number."
    for text in ('{"a": 1, "b" : ":", "c"\n:"x:y\\":"}', '{"a" \t\r\n :1,"b":2}'):
        small, large = f"[{text}]", "[" + ",".join([text] * 1000) + "]"
        assert count_names(json.loads(large)) == 1000 * count_names(json.loads(small))
        assert count_written(large.encode()) == 1000 * count_written(small.encode())
        assert count_written(small.encode()) >= count_names(json.loads(small))
    many = json.dumps([ROW] * 1000).encode()
    assert count_written(many) == count_names(json.loads(many)) == 3000


def test_a_feature_may_have_the_name_of_a_wrapping():
    "An object with all of the features' names is a row."
    said = {"kind": "number", "range": [0, 9], "values": None, "timezone": None}
    said["may_be_missing"] = False
    names = ["columns", "data", "inputs"]
    features = read_features({"features": names, "columns": dict.fromkeys(names, said)})
    row = {"columns": 1, "data": 2, "inputs": 3}
    assert read_body(json.dumps(row).encode(), JSON, features) == [row]
    split = {"columns": names, "data": [[1, 2, 3]]}
    assert read_body(json.dumps(split).encode(), JSON, features) == [row]


@pytest.mark.parametrize(
    ("says", "content"),
    [
        ("expected a list of rows", []),
        ("expected a list of rows", {"instances": []}),
        ("expected a list of rows", {"columns": ["size"], "data": []}),
        ("expected a list of rows", {"inputs": {"size": []}}),
        ("expected a list of rows", True),
        ("instances: expected a list of rows, got {", {"instances": {"size": 1}}),
        ("dataframe_records: expected a list of rows, got null", {"dataframe_records": None}),
        ("expected a list of columns and a list of data, got {", {"columns": ["size"]}),
        ("expected a list of columns and a list of data, got {", {"columns": "a", "data": [1]}),
        ("expected a list of columns and a list of data, got [", {"dataframe_split": [[1]]}),
        ("a list of data, got {", {"columns": [], "data": [], "index_names": []}),
        ("a list of data, got {", {"columns": [], "data": [], "instances": []}),
        ("a list of data, got {", {"size": 1, "data": []}),
        ('"inputs": expected nothing beside instances', {"instances": [ROW], "inputs": [ROW]}),
        ('"parameters": expected nothing', {"instances": [ROW], "parameters": {"threshold": 0.1}}),
        ("inputs: expected for each name a list", {"inputs": {"size": 1}}),
        ("inputs: expected for each name a list", {"inputs": {"size": [1, 2], "colour": ["red"]}}),
        ("inputs: expected for each name a list", {"inputs": {}}),
        ("row 2: expected 1 values, one for", {"columns": ["size"], "data": [[1], [1, 2]]}),
        ('one for each column, got "x"', {"columns": ["size"], "data": ["x"]}),
        ('"size": expected one column, got 2', {"columns": ["size", "size"], "data": [[1, 2]]}),
        ("column 2: expected a name, got 7", {"columns": ["size", 7], "data": [[1, 2]]}),
        ("column 1: expected a name, got [[", {"columns": [[[]]], "data": [[1]]}),
        ("row 1: expected names and values", [[1, 2, 3]]),
        ("row 1: size: expected a value, got no such column", {}),
        ("row 1: gate: expected no such column", ROW | {"gate": 1}),
    ],
)  # fmt: skip
def test_shapes_that_are_unclear_are_refused(says, content):
    "Each is 422 and says what was expected in which place."
    status, sentence = refusal(content)
    assert status == 422 and says in sentence


@pytest.mark.parametrize(
    ("status", "says", "body"),
    [
        (400, "names in its first line", b""),
        (400, "names in its first line", b"\n"),
        (400, "names in its first line", b"\xef\xbb\xbf"),
        (422, "got no row", b"size,colour,seen\n"),
        (422, "commas between names, got semicolons", b"size;colour;seen\n1;red;\n"),
        (422, "commas between names, got tabs", b"size\tcolour\tseen\n1\tred\t\n"),
        (422, "row 2: expected 3 values, one for each column, got 2", HEAD + b"1,red,\n1,red\n"),
        (422, "row 1: expected 3 values, one for each column, got 4", HEAD + b"0,1,red,\n"),
        (422, "row 2: expected 3 values, one for each column, got 0", HEAD + b"1,red,\n\n"),
        (422, '"size": expected one column, got 2', b"size,size\n1,2\n"),
        (422, 'column 1: expected a name, got ""', b",size\n0,1\n"),
        (422, 'row 1: size: expected a number, got "1,5"', b'size,colour,seen\n"1,5",red,\n'),
        (422, 'row 1: size: expected a number, got " 1"', b"size,colour,seen\n 1,red,\n"),
        (422, 'row 1: size: expected a number, got "nan"', b"size,colour,seen\nnan,red,\n"),
        (422, "row 1:  size: expected no such column", b"colour, size,seen\nred,1,\n"),
        (400, "NUL byte", b"size\n1\0\n"),
        (400, "in UTF-8, got byte 0xff", "size\n1".encode("utf-16")),
        (400, "in UTF-8, got byte 0xe9", "colour\nrosé\n".encode("latin-1")),
        (400, "line 2: expected CSV with each quote closed", b'size,colour\n"1,red\n'),
        (400, "line 2: expected CSV with each quote closed", b'size,colour\n"1"2,red\n'),
        (400, "field larger than field limit", b"size\n" + b"1" * 200_000),
    ],
)  # fmt: skip
def test_csv_that_is_unclear_is_refused(status, says, body):
    "Nothing is shifted, filled up, split elsewhere or decoded by a guess."
    assert refusal(body, CSV)[0] == status
    assert says in refusal(body, CSV)[1]


@pytest.mark.parametrize(
    "kind",
    [
        *(None, "", "json", "<script>", "\xff;=;;charset", "application/json" * 100),
        *("text/plain", "text/json", "application/jsonl", "application/x-parquet"),
        *("application/json; charset=utf-16", 'text/csv; charset="latin-1"'),
        *("multipart/form-data; boundary=x", "application/json, text/csv"),
    ],
)
def test_other_content_types_are_refused(kind):
    "With what is accepted, and with no more of the header than fits in a line."
    status, says = refusal(ROW, kind)
    assert status == 415 and len(says) < 130
    assert says.startswith("expected content type application/json or text/csv in UTF-8")


@pytest.mark.parametrize(
    "kind",
    ["Application/JSON", "application/json;charset=UTF8", ' application/json ; charset="utf-8"'],
)
def test_a_content_type_may_be_written_in_any_way(kind):
    "Case, quotes and spaces do not matter."
    assert read_body(json.dumps(ROW).encode(), kind, FEATURES) == [ROW]


@pytest.mark.parametrize(
    ("kind", "start", "row", "end"),
    [
        (JSON, b"[", b"{},", b"{}]"),
        (JSON, b'{"columns": ["size"], "data": [', b"[],", b"[]]}"),
        (JSON, b'{"inputs": {"size": [', b"1,", b"1]}}"),
        (CSV, b"size\n", b"1\n", b"1\n"),
        (CSV, b"size\n", b"\n" * 50, b"\n"),
    ],
)
def test_too_many_rows_are_refused_while_they_are_read(kind, start, row, end):
    "A small body can hold millions of them."
    body = start + row * MOST_ROWS + end
    with pytest.raises(HTTPException) as caught:
        read_body(body, kind, FEATURES)
    assert caught.value.code == 413 and "at most 100000 rows" in caught.value.description


def test_typed_numbers_are_those_of_json_and_no_others():
    "A hundred thousand digits are looked at once, not once for each digit."
    size = FEATURES.columns["size"]
    for text in ("0", "-1", "+1", "1.", ".5", "1e2", "1E-2", "007", "9007199254740993"):
        assert read_text(text, size) == float(text)
    for text in ("nan", "inf", "1_0", "٣", "1e", "e1", "--1", ".", "1e999", "0x1", " 1", "1 "):
        assert read_text(text, size) == text
    assert read_text("", size) is None and read_text("", FEATURES.columns["colour"]) is None
    assert read_text("1" * 100_000 + "x", size) == "1" * 100_000 + "x"
    assert read_text("1", FEATURES.columns["colour"]) == "1"


def test_digits_beyond_what_a_float_holds_round_as_in_json():
    "The nearest float, whichever way the number came."
    for text in ("9007199254740993", "0.1", "1e-320", "123456789012345678901234567890"):
        (said,), (typed,) = (
            read_body(f'{{"size":{text},"colour":null,"seen":null}}'.encode(), JSON, FEATURES),
            read_body(f"size,colour,seen\n{text},,\n".encode(), CSV, FEATURES),
        )
        assert float(said["size"]) == typed["size"]
