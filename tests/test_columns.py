"""What a value means is defined once: what is read, what is refused, and why."""

import math
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlprod.app.columns import (
    MISSING,
    UNKNOWN,
    Column,
    Problem,
    RowsError,
    ValueRefused,
    examine,
    read_features,
    read_value,
    show,
)

LOW, HIGH = datetime(1990, 1, 1, tzinfo=UTC), datetime(2090, 1, 1, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")
COLUMNS = {
    "price": Column("price", "number", True, -5, 10),
    "shop": Column("shop", "category", True, codes={"harbour": 0.0, "station": 1.0}),
    "at": Column("at", "moment", True, LOW, HIGH, zone=PARIS),
}
STRICT = {
    name: Column(name, column.kind, False, column.low, column.high, column.codes, column.zone)
    for name, column in COLUMNS.items()
}


def reason_of(value, column):
    "Why a value is refused, in one word; empty if it is not."
    try:
        read_value(value, column)
    except ValueRefused as refused:
        text, reason = refused.args
        assert text.startswith("expected ") and "\n" not in text and len(text) < 200
        return reason
    return ""


@pytest.mark.parametrize("value", [3, 3.0, np.float32(3), np.int64(3), Fraction(3)])
def test_a_number_is_a_number_whatever_its_type(value):
    "From JSON, from NumPy, from pandas."
    read = read_value(value, COLUMNS["price"])
    assert read == 3.0 and type(read) is float


@pytest.mark.parametrize(
    "value",
    [True, False, np.True_, "3", "", b"3", [3], {}, 3j, Decimal(3), 10**400, pd.NA, np.ones(2)],
)
def test_what_only_looks_like_a_number_is_refused(value):
    "A truth value, a text, an integer that no float can hold."
    assert reason_of(value, COLUMNS["price"]) == "type"


@pytest.mark.parametrize("value", [-5.0001, 11, 1e300, math.inf, -math.inf])
def test_a_number_outside_the_range_is_refused(value):
    "Infinity too. The ends belong to the range."
    assert reason_of(value, COLUMNS["price"]) == "range"
    assert [read_value(end, COLUMNS["price"]) for end in (-5, 10)] == [-5.0, 10.0]


def test_missing_is_allowed_where_the_contract_says_so():
    "None, and what pandas and NumPy have for it; a category has a code for it."
    for nothing in (None, math.nan, np.float32("nan"), np.float64("nan"), pd.NaT):
        assert read_value(nothing, COLUMNS["price"]) is None
        assert read_value(nothing, COLUMNS["at"]) is None
        assert read_value(nothing, COLUMNS["shop"]) == MISSING
        assert [reason_of(nothing, column) for column in STRICT.values()] == ["missing"] * 3


def test_a_category_is_text_and_an_unknown_one_is_not_refused():
    "Upper and lower case, blanks and look-alikes are other names; nothing is guessed."
    names = ["station", "Station", "station ", "", "nan", "\ud800"]
    read = [read_value(name, COLUMNS["shop"]) for name in names]
    assert read == [1.0, *[UNKNOWN] * 5]
    assert {reason_of(value, COLUMNS["shop"]) for value in (0, True, ["station"], b"")} == {"type"}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("2024-05-31T18:00:00", "form"),
        ("2024-05-31", "form"),
        ("2024-02-30T18:00:00Z", "form"),
        ("18:00Z", "form"),
        ("", "form"),
        ("now", "form"),
        (1717171200, "type"),
        (True, "type"),
        ({"at": 1}, "type"),
        (datetime(2024, 5, 31), "type"),
        (datetime(2024, 5, 31).date(), "type"),
        ("1989-12-31T23:59:59Z", "range"),
        ("2090-01-01T00:00:00.000001Z", "range"),
        ("9999-12-31T23:59:59-14:00", "range"),
        ("0001-01-01T00:00:00+14:00", "range"),
    ],
)
def test_a_moment_without_offset_or_out_of_range_is_refused(value, reason):
    "Also where the calendar ends."
    assert reason_of(value, COLUMNS["at"]) == reason
    assert reason_of(f"{value}\ud800" * 1000, COLUMNS["at"]) == "form"


@settings(max_examples=100, deadline=None)
@given(
    st.datetimes(datetime(1990, 1, 3), datetime(2089, 12, 30)),
    st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
def test_a_moment_is_the_same_however_it_is_written(wall, offset):
    "As text in any offset, as a datetime, as a pandas Timestamp: told by the column's clock."
    moment = wall.replace(tzinfo=offset)
    wanted = moment.astimezone(PARIS)
    for value in (moment.isoformat(), moment, pd.Timestamp(moment), moment.astimezone(PARIS)):
        read = read_value(value, COLUMNS["at"])
        assert (read.replace(tzinfo=None), read.utcoffset()) == (
            wanted.replace(tzinfo=None),
            wanted.utcoffset(),
        )


def test_a_moment_in_the_hour_that_comes_twice_is_held_against_the_range_exactly():
    "Two clocks of one zone are not compared by their hands."
    end = datetime.fromisoformat("2024-10-27T02:30:00+02:00")  # before the clocks are set back
    column = Column("at", "moment", True, LOW, end, zone=PARIS)
    later = datetime(2024, 10, 27, 2, 15, fold=1, tzinfo=PARIS)  # an earlier hand, a later moment
    assert reason_of(later, column) == reason_of(later.isoformat(), column) == "range"
    assert reason_of(later.replace(fold=0), column) == ""


def test_a_range_may_end_with_the_calendar():
    "Who writes 9999-12-31 means `for ever`; a moment that no clock there can show is refused."
    said = {"may_be_missing": True, "values": None, "timezone": "Asia/Tokyo", "kind": "moment"}
    ends = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
    contract = {"features": ["at.hour"], "columns": {"at": said | {"range": ends}}}
    column = read_features(contract).columns["at"]
    assert read_value("2024-05-31T18:00:00Z", column).hour == 3
    assert reason_of("9999-12-31T23:00:00Z", column) == "form"


def test_columns_are_examined_value_by_value():
    "What is wrong or unknown has the number of its row; the rest is read all the same."
    read, problems = examine(["station", 7, "airport", None], COLUMNS["shop"], [4, 7, 9, 12])
    assert read == [1.0, None, UNKNOWN, MISSING]
    assert problems == [
        Problem(7, "shop", "expected text, got 7", "type"),
        Problem(9, "shop", 'unknown category "airport"', "unknown"),
    ]


def nest(depth):
    "A list in a list in a list."
    value = []
    for _ in range(depth):
        value = [value]
    return value


def test_whatever_arrives_can_be_shown():
    "In one short line of ASCII, and without a traceback."
    strange = ["a" * 10**6, "\r\n\x1b[31m", "\ud83d", nest(100_000), 10**5000, {(1, 2): 3}, {1, 2}]
    for text in map(show, strange):
        assert len(text) <= 40 and text.isascii() and text.isprintable()


def test_a_message_of_many_problems_stays_short():
    "Twenty in order, and how many more."
    problems = [Problem(row, "price", "expected a number", "type") for row in range(100, 0, -1)]
    error = RowsError(problems)
    assert str(error).splitlines()[0] == "row 1: price: expected a number"
    assert str(error).splitlines()[20:] == ["and 80 more"] and len(error.problems) == 100
