"""What a value means is defined once: what is accepted, what is refused, and why."""

import json
import math
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlprod.app.rows import (
    MISSING,
    MOST_PROBLEMS,
    UNKNOWN,
    Problem,
    RowsError,
    ValueRefused,
    check_rows,
    encode_rows,
    make_column,
    read_features,
    read_value,
    show,
)

PLAIN = {"description": "a toy", "unit": None, "values": None, "timezone": None, "example": None}
PLAIN |= {"may_be_missing": True, "range": None}
CENTURY = ["1971-01-01T00:00:00Z", "2100-01-01T00:00:00Z"]
SPECS = {
    "at": PLAIN | {"kind": "moment", "range": CENTURY, "timezone": "America/New_York"},
    "shop": PLAIN | {"kind": "category", "values": ["harbour", "station", "été"]},
    "price": PLAIN | {"kind": "number", "range": [-5, 10]},
    "count": PLAIN | {"kind": "number", "range": [-(2**60), 2**60]},
    "later": PLAIN | {"kind": "number"},
}
FEATURES = ["at.hour", "at.weekday", "at.day", "at.month", "shop", "price", "count"]
LENIENT = read_features({"features": FEATURES, "columns": SPECS})
STRICT_SPECS = {name: spec | {"may_be_missing": False} for name, spec in SPECS.items()}
STRICT = read_features({"features": FEATURES, "columns": STRICT_SPECS})
GOOD = {"at": "2024-05-31T18:00:00+02:00", "shop": "station", "price": 1.5, "count": 3}


def encode(rows, features=LENIENT):
    "The matrix and the warnings of rows as they come out of JSON."
    return encode_rows(check_rows(rows, features), features)


def find_refusal(value, name, features=STRICT):
    "Text and reason of a value's refusal; the same as that of a row that has it."
    with pytest.raises(ValueRefused) as caught:
        read_value(value, features.columns[name])
    with pytest.raises(RowsError) as in_row:
        encode([GOOD, GOOD | {name: value}], features)
    text, reason = caught.value.args
    assert in_row.value.problems == [Problem(2, name, text, reason)]
    assert text.startswith("expected ") and text.isprintable() and len(text) < 200
    return text, reason


@pytest.mark.parametrize("value", [True, "3", "", b"3", [3], {}, 3j, np.float64(3), np.bool_(1)])
def test_what_only_looks_like_a_number_is_refused(value):
    "A truth value, a text, a number of another library."
    assert find_refusal(value, "price")[1] == "type"


@pytest.mark.parametrize("value", [-5.0001, 11, 1e300, math.inf, -math.inf, math.nan, 10**400])
def test_a_number_outside_the_range_is_refused(value):
    "Infinity too, NaN, and an integer that no float can hold. The ends belong to the range."
    text, reason = find_refusal(value, "price")
    assert reason == "range" and text.startswith("expected a number from -5 to 10, got ")
    assert [read_value(end, STRICT.columns["price"]) for end in (-5, 10)] == [-5.0, 10.0]


def test_missing_is_allowed_where_the_contract_allows_it():
    "A number or a moment that is missing is NaN in the matrix, a category has a code for it."
    nothing = dict.fromkeys(GOOD)
    matrix, warnings = encode([nothing])
    assert warnings == [] and np.isnan(np.delete(matrix[0], 4)).all() and matrix[0, 4] == MISSING
    for name in GOOD:
        text, reason = find_refusal(None, name)
        assert text.endswith(", got nothing") and reason == "missing"


def test_a_category_is_text_and_an_unknown_one_is_scored_with_a_warning():
    "Upper and lower case, blanks and look-alikes are other names; nothing is guessed."
    names = ["station", "Station", "station ", "", "nan", "x" * 200]
    matrix, warnings = encode([GOOD | {"shop": name} for name in names])
    assert matrix[:, 4].tolist() == [1.0, *[UNKNOWN] * 5]
    assert [(warning.row, warning.reason) for warning in warnings] == [
        (row, "unknown") for row in range(2, 7)
    ]
    assert str(warnings[0]) == 'row 2: shop: unknown category "Station"'
    for value in (0, True, ["station"], b"", {}):
        assert find_refusal(value, "shop")[1] == "type"


def test_no_category_fills_the_log():
    "One of more than 200 characters is refused, unless the contract lists a longer one."
    text, reason = find_refusal("x" * 201, "shop")
    assert reason == "range" and text.startswith("expected text of at most 200 characters, got ")
    longer = make_column("shop", SPECS["shop"] | {"values": ["x" * 300]})
    assert read_value("x" * 300, longer) == 0 and read_value("y" * 300, longer) == UNKNOWN


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("2024-03-10T02:30:00", "type"),
        ("31.05.2024", "type"),
        ("2024-02-30T18:00:00Z", "type"),
        ("18:00Z", "type"),
        ("", "type"),
        ("now", "type"),
        ("2024-05-31T18:00:00Z\ud800" * 1000, "type"),
        (1717171200, "type"),
        (True, "type"),
        ({"at": 1}, "type"),
        ("1970-12-31T23:59:59Z", "range"),
        ("2100-01-01T00:00:00.000001Z", "range"),
        ("9999-12-31T23:59:59-14:00", "range"),
        ("0001-01-01T00:00:00+14:00", "range"),
    ],
)
def test_a_moment_that_no_clock_showed_or_out_of_range_is_refused(value, reason):
    "Also where the calendar ends, and in the hour that clocks leave out in spring."
    text, found = find_refusal(value, "at")
    assert found == reason
    assert "from 1971-01-01T00:00Z to 2100-01-01T00:00Z, got " in text


offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1971, 1, 2), datetime(2099, 12, 30), timezones=offsets)


@settings(max_examples=200, deadline=None)
@given(moments, st.sampled_from(["seconds", "minutes", "microseconds"]))
def test_a_moment_is_read_on_the_clock_of_its_zone(moment, precision):
    "However it is written. Python's own time zones are the judge, when clocks change too."
    text = moment.isoformat(timespec=precision)
    local = datetime.fromisoformat(text).astimezone(ZoneInfo("America/New_York"))
    matrix, _ = encode([GOOD | {"at": text}])
    wanted = [local.hour, local.weekday(), local.timetuple().tm_yday, local.month]
    assert matrix[0, :4].tolist() == wanted
    in_utc = moment.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")
    if not moment.utcoffset() % timedelta(minutes=1):
        assert encode([GOOD | {"at": in_utc}])[0].tobytes() == matrix.tobytes()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2024-05-31", "2024-05-31T00:00-04:00"),
        ("2024-05-31 18:00", "2024-05-31T18:00-04:00"),
        ("2024-12-31T18:00:00.5", "2024-12-31T18:00:00.5-05:00"),
        ("2024-11-03T01:30", "2024-11-03T01:30-04:00"),  # shown twice; the second is -05:00
    ],
)
def test_a_moment_without_offset_is_local_time(text, meant):
    "A plain date is its midnight; of an hour that clocks show twice, the first is meant."
    zone = ZoneInfo("America/New_York")
    column = make_column("at", SPECS["at"])
    assert read_value(text, column).astimezone(UTC) == datetime.fromisoformat(meant).astimezone(UTC)
    assert read_value(text, column).tzinfo == zone


def test_whole_numbers_and_booleans_are_categories_where_the_contract_lists_some():
    "They are known by their text, and 1.0 is 1; a column of names refuses them."
    column = make_column("class", PLAIN | {"kind": "category", "values": ["1", "true", "10", "2"]})
    for value, code in [(1, 0), ("1", 0), (1.0, 0), (10, 1), (2, 2), ("true", 3), (True, 3)]:
        assert read_value(value, column) == code
    assert [read_value(value, column) for value in ("1.0", 7, False)] == [UNKNOWN] * 3
    for value in (1.5, math.nan, math.inf, 2**64, [1], b"1"):
        with pytest.raises(ValueRefused):
            read_value(value, column)
    spec = PLAIN | {"kind": "category", "values": ["1", "true"]}
    features = read_features({"features": ["c"], "columns": {"c": spec}})
    sent = b'[{"c": 1}, {"c": 1.0}, {"c": true}, {"c": false}]'
    matrix, unknown = encode_rows(features.decoder.decode(sent), features)
    assert matrix[:, 0].tolist() == [0, 0, 1, UNKNOWN]
    assert [str(problem) for problem in unknown] == ["row 4: c: unknown category false"]


def test_the_order_in_the_contract_does_not_change_a_code():
    "A list in the order of a file may hold the answer; codes are places among the sorted values."
    listed = [make_column("shop", SPECS["shop"] | {"values": values}) for values in ("cab", "abc")]
    assert listed[0].codes == listed[1].codes == {"a": 0, "b": 1, "c": 2}


def test_a_moment_in_the_hour_that_comes_twice_is_compared_exactly():
    "An earlier time on the clock may be a later moment."
    ends = ["2024-01-01T00:00:00Z", "2024-10-27T02:30:00+02:00"]  # before the clocks go back
    column = make_column("at", SPECS["at"] | {"range": ends, "timezone": "Europe/Paris"})
    assert read_value("2024-10-27T02:15:00+02:00", column).hour == 2
    with pytest.raises(ValueRefused):
        read_value("2024-10-27T02:15:00+01:00", column)


def test_a_range_may_end_with_the_calendar():
    "9999-12-31 means `for ever`; a moment that no clock there can show is refused."
    ends = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
    column = make_column("at", SPECS["at"] | {"range": ends, "timezone": "Asia/Tokyo"})
    assert read_value("2024-05-31T18:00:00Z", column).hour == 3
    with pytest.raises(ValueRefused) as caught:
        read_value("9999-12-31T23:00:00Z", column)
    assert caught.value.args[1] == "range"


def test_missing_and_extra_columns_are_refused():
    "Also where only the second row has them; a column that no feature needs may come along."
    lacking = {name: value for name, value in GOOD.items() if name != "price"}
    with pytest.raises(RowsError, match="^row 2: price: expected a value, got no such column$"):
        encode([GOOD, lacking])
    with pytest.raises(RowsError, match="^row 2: gate: expected no such column, got one$"):
        encode([GOOD, GOOD | {"gate": 7}])
    with pytest.raises(RowsError, match=r"^row 1: ga\\nte: expected no such column, got one$"):
        encode([GOOD | {"ga\nte": 7}])
    assert encode([GOOD | {"later": ["whatever"]}])[0].shape == (1, 7)


@pytest.mark.parametrize("row", ["row", 7, None, [1, 2], True])
def test_what_is_no_row_is_refused(row):
    "With its place, and without an end to the search."
    with pytest.raises(RowsError) as caught:
        encode([row, GOOD | {"price": "far"}])
    first, second = caught.value.problems
    assert str(first).startswith("row 1: expected names and values, got ")
    assert (second.row, second.column) == (2, "price")


def test_every_mistake_is_reported_at_once():
    "In the order of rows, whether the types find it or only the reading of moments."
    for rows in (
        [GOOD | {"price": "x", "shop": 1}, GOOD, GOOD | {"at": "x"}],
        [GOOD | {"at": "x"}, GOOD, GOOD | {"at": "1900-01-01T00:00Z", "shop": "airport"}],
    ):
        with pytest.raises(RowsError) as caught:
            encode(rows)
        places = [(problem.row, problem.column) for problem in caught.value.problems]
        assert places in ([(1, "price"), (1, "shop"), (3, "at")], [(1, "at"), (3, "at")])


def test_a_message_of_many_problems_stays_short():
    "Twenty in order, and how many more; of a thousand mistakes and more only a thousand."
    problems = [Problem(row, "price", "expected a number", "type") for row in range(100, 0, -1)]
    error = RowsError(problems)
    assert str(error).splitlines()[0] == "row 1: price: expected a number"
    assert str(error).splitlines()[20:] == ["and 80 more"] and len(error.problems) == 100
    row = {f"name {number}": 1 for number in range(3 * MOST_PROBLEMS)}
    for rows in ([row], [{}] * 3 * MOST_PROBLEMS, [1] * 3 * MOST_PROBLEMS):
        with pytest.raises(RowsError) as caught:
            encode(rows)
        assert len(caught.value.problems) == MOST_PROBLEMS


words = st.text(max_size=8)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words | st.just(10**400),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)
right = {
    "at": moments.map(datetime.isoformat),
    "shop": st.sampled_from(SPECS["shop"]["values"]) | words,
    "price": st.floats(-5, 10) | st.integers(-5, 10),
    "count": st.integers(-(2**60), 2**60),
}
right_rows = st.fixed_dictionaries(right)
odd_rows = st.dictionaries(st.sampled_from([*GOOD, "later", "gate"]), anything)
nearly_rows = st.builds(lambda row, odd: row | odd, right_rows, odd_rows)


@settings(max_examples=200, deadline=None)
@given(st.lists(right_rows | nearly_rows | odd_rows | anything, min_size=1, max_size=4))
def test_whatever_comes_is_encoded_or_refused_with_row_and_column(rows):
    "There is no third way: no other exception, no empty refusal, no row that is misread."
    for features in (LENIENT, STRICT):
        try:
            matrix, warnings = encode(rows, features)
        except RowsError as error:
            assert error.problems and str(error)
            assert all(0 < problem.row <= len(rows) for problem in error.problems)
            assert all(problem.text.startswith("expected ") for problem in error.problems)
        else:
            assert matrix.shape == (len(rows), 7) and matrix.dtype == np.float32
            assert {warning.reason for warning in warnings} <= {"unknown"}


@settings(max_examples=200, deadline=None)
@given(st.lists(right_rows | nearly_rows, min_size=1, max_size=6))
def test_rows_are_encoded_alone_as_they_are_among_others(rows):
    "The same bytes, the same warnings and the same problems, whatever the other rows are."
    alone, problems = [], []
    for number, row in enumerate(rows, start=1):
        try:
            matrix, warnings = encode([row])
            alone.append(matrix)
        except RowsError as error:
            problems += [problem._replace(row=number) for problem in error.problems]
        else:
            problems += [warning._replace(row=number) for warning in warnings]
    try:
        together, found = encode(rows)
        assert together.tobytes() == np.concatenate(alone).tobytes()
        assert sorted(found) == sorted(problems)
    except RowsError as error:
        assert error.problems == sorted(p for p in problems if p.reason != "unknown")


@settings(max_examples=200, deadline=None)
@given(st.lists(right_rows | nearly_rows, min_size=1, max_size=4))
def test_bytes_are_decoded_as_the_rows_that_they_hold(rows):
    "The decoder of a request accepts what the check of its rows accepts, and gives the same."
    try:
        body = json.dumps(rows, allow_nan=False).encode()
        decoded = msgspec.json.decode(body)
    except (ValueError, msgspec.MsgspecError):  # NaN, half a character or a number of 400 digits
        return
    try:
        checked = check_rows(decoded, LENIENT)
    except RowsError:
        with pytest.raises(msgspec.ValidationError):
            LENIENT.decoder.decode(body)
    else:
        assert LENIENT.decoder.decode(body) == checked


def test_of_a_name_given_twice_the_last_value_counts():
    "As everywhere in JSON."
    text = json.dumps(GOOD)[:-1] + ', "price": 2}'
    (row,) = LENIENT.decoder.decode(f"[{text}]")
    assert encode_rows([row], LENIENT)[0][0, 5] == 2


def test_whole_numbers_are_rounded_once_to_float64_and_then_to_float32():
    "As those of a table are: rounding at once would differ for this one."
    odd = 2**59 + 2**35 + 1
    assert encode([GOOD | {"count": odd}])[0][0, 6] == np.float32(float(odd)) == 2.0**59


@pytest.mark.parametrize("number", [0, 1, 2, 100])
def test_a_matrix_is_what_the_model_wants(number):
    "float32, row after row in memory, however many rows."
    matrix, _ = encode([GOOD] * number)
    assert matrix.shape == (number, 7) and matrix.dtype == np.float32
    assert matrix.flags.c_contiguous


def test_a_column_may_have_any_name():
    "Of Python's words, of our own, with dots and blanks."
    names = ["class", "__init__", "a.hour", "a b's", "column_0", "", "été"]
    spec = PLAIN | {"kind": "number", "range": [0, 9]}
    contract = {"features": names, "columns": dict.fromkeys(names, spec)}
    row = {name: place for place, name in enumerate(names)}
    features = read_features(contract)
    assert encode([row], features)[0].tolist() == [list(range(7))]
    with pytest.raises(RowsError) as caught:
        encode([row | {"a.hour": "x"}], features)
    assert caught.value.problems[0].column == "a.hour"


def nest(depth):
    "A list in a list in a list."
    value = []
    for _ in range(depth):
        value = [value]
    return value


def test_whatever_arrives_can_be_shown():
    "In one short line of ASCII, and without a traceback."
    itself = []
    itself.append(itself)
    strange = ["a" * 10**6, "\r\n\x1b[31m", "\ud83d", nest(100_000), itself, 10**5000]
    strange += [{(1, 2): 3}, {1, 2}, Decimal(1), datetime(2024, 1, 1), b"x"]
    for text in map(show, strange):
        assert len(text) <= 40 and text.isascii() and text.isprintable()
    assert [show(value) for value in ("7", 7, None, True)] == ['"7"', "7", "null", "true"]
