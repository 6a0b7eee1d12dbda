"""A table and a request that holds its rows give the same matrix, bit for bit."""

import datetime as dt

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_rows import FEATURES, GOOD, LENIENT, SPECS, STRICT, moments

from mlprod.app.rows import PARTS, RowsError, check_rows, encode_rows, read_features
from mlprod.frames import encode_frame, read_part, read_series, to_array, to_json_rows

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
MORE = {
    "level": SPECS["shop"] | {"values": ["3", "1", "2"]},
    "smoker": SPECS["shop"] | {"values": ["true", "false"]},
}
WIDE = [
    read_features({"features": [*FEATURES, *MORE], "columns": {
        name: spec | {"may_be_missing": missing} for name, spec in (SPECS | MORE).items()}})
    for missing in (True, False)
]  # fmt: skip
shops = st.sampled_from(SPECS["shop"]["values"])
FIT = {  # for each column values of its kind, mostly right, and the types that tables have for them
    "at": (st.none() | moments, ["datetime64[us, UTC]", "datetime64[ns, America/New_York]",
                                "datetime64[s, Asia/Kolkata]", "datetime64[us]", "object"]),
    "level": (st.none() | st.integers(-2, 3),
              ["int64", "Int64", "Float64", "float32", "category", "object"]),
    "smoker": (st.none() | st.booleans(), ["bool", "boolean", "category", "object"]),
    "shop": (st.none() | shops | words, ["str", "string", "category", "object"]),
    "price": (st.none() | st.floats(-5, 10) | st.floats(-6, 11) | st.floats(),
              ["float64", "float32", "Float64", "object"]),
    "count": (st.none() | st.integers(-(2**60), 2**60) | st.integers(-(2**63), 2**63 - 1),
              ["Int64", "object"]),
}  # fmt: skip
STRANGE = (
    st.none() | st.booleans() | st.floats() | st.integers() | words | shops | moments
    | moments.map(dt.datetime.isoformat)
    | st.sampled_from([pd.NaT, pd.NA, np.nan, np.float32(2), np.int64(3), np.bool_(True), 10**400])
    | st.sampled_from([dt.date(2024, 5, 31), dt.datetime(2024, 5, 31), pd.Timestamp("2024-05-31")])
    | st.sampled_from([pd.Timestamp("2024-05-31", tz="UTC"), b"x", "x" * 201, "\ud800"])
)  # fmt: skip


def make_series(values, dtype):
    "A Series of a type; moments in whole seconds where the type has no more."
    if dtype == "datetime64[us]":  # local time, without its offset
        return pd.Series([value and value.replace(tzinfo=None) for value in values], dtype=dtype)
    if not dtype.startswith("datetime"):
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and refused
            return pd.Series(values, dtype=dtype)
    if dtype.startswith("datetime64[s"):
        values = [value and value.replace(microsecond=0) for value in values]
    return pd.to_datetime(pd.Series(values, dtype=object), utc=True).astype(dtype)


@st.composite
def frames(draw):
    "A table whose columns have types that Parquet, CSV and pandas bring, in any order."
    n_rows, columns = draw(st.integers(1, 8)), {}
    for name, (some, dtypes) in FIT.items():
        dtype = draw(st.sampled_from(dtypes))
        some = STRANGE if dtype == "object" and draw(st.booleans()) else some
        if dtype in ("int64", "bool"):
            some = some.filter(lambda value: value is not None)
        values = draw(st.lists(some, min_size=n_rows, max_size=n_rows))
        columns[name] = make_series(values, dtype)
    order = draw(st.permutations(list(columns)))
    return pd.DataFrame({name: columns[name] for name in order})


def outcome(encode):
    "The bytes and the warnings of a matrix, or the problems in its way."
    try:
        matrix, warnings = encode()
    except RowsError as error:
        return error.problems
    return matrix.dtype, matrix.shape, matrix.tobytes(), sorted(warnings)


def encode_requests(frame, features):
    "Encode a table as the app would, had its rows come in a request."
    return encode_rows(check_rows(to_json_rows(frame, features), features), features)


@settings(max_examples=200, deadline=None)
@given(frames(), st.sampled_from(WIDE))
def test_a_table_and_a_request_give_the_same_matrix_and_the_same_problems(frame, features):
    "Whatever types the columns have, and whatever values: the bytes are equal, and the words."
    frame.index = [7] * len(frame)
    wanted = outcome(lambda: encode_requests(frame, features))
    assert outcome(lambda: encode_frame(frame, features)) == wanted


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from([f.columns[name] for f in WIDE for name in FIT]))
def test_a_column_of_any_type_is_read_as_the_definition_reads_it(data, column):
    "Fit for the column or not: no other exception, and the same problems."
    some, dtype = data.draw(
        st.sampled_from(
            [
                *((some, dtype) for some, dtypes in FIT.values() for dtype in dtypes),
                (st.integers(-(2**63), 2**63 - 1), "int64"),
                (st.integers(0, 2**64 - 1), "uint64"),
                (st.booleans(), "bool"),
                (st.none() | st.booleans(), "boolean"),
                (st.none() | st.integers(0, 3), "category"),
                (STRANGE, "object"),
            ]
        )
    )
    values = data.draw(st.lists(some, max_size=8))
    if dtype in ("int64", "uint64", "bool"):
        values = [value for value in values if value is not None]
    series = make_series(values, dtype)
    by_type, found = read_series(to_array(series), column)
    one_by_one, problems = read_series(to_array(series.astype(object)), column)
    assert found == problems
    wrong = {problem.row for problem in problems if problem.reason != "unknown"}
    pairs = zip(list(by_type), one_by_one, strict=True)
    for row, (short, slow) in enumerate(pairs, start=1):
        if row not in wrong:
            assert short == slow or (pd.isna(short) and pd.isna(slow))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.none() | moments, min_size=1, max_size=8))
def test_parts_are_those_of_the_definition(values):
    "Of every moment, and of missing ones."
    local = np.array([value and value.replace(tzinfo=None) for value in values], "datetime64[us]")
    for part, read in PARTS.items():
        wanted = [np.nan if value is None else read(value) for value in values]
        assert np.array_equal(read_part(local, part), wanted, equal_nan=True)


def test_whole_numbers_are_rounded_once_to_float64_and_then_to_float32():
    "As those of a request are: rounding at once would differ for this one."
    odd = 2**59 + 2**35 + 1
    for dtype in ("int64", "Int64", "object"):
        frame = pd.DataFrame([GOOD]).assign(count=pd.Series([odd], dtype=dtype))
        assert encode_frame(frame, LENIENT)[0][0, 6] == np.float32(float(odd)) == 2.0**59


def test_every_nothing_of_pandas_is_one():
    "Also a NaN of another bit pattern, such as infinity minus infinity gives on some processors."
    negative = np.frombuffer(np.uint64(0xFFF8000000000001).tobytes(), dtype="float64")[0]
    nothing = pd.DataFrame({"price": [np.nan, negative], "count": pd.array([None, 3], "Int64")})
    nothing = nothing.assign(at=pd.Series([pd.NaT, None], dtype="datetime64[us, UTC]"), shop=None)
    matrix, _ = encode_frame(nothing, LENIENT)
    assert matrix.tobytes() == encode_requests(nothing, LENIENT)[0].tobytes()
    with pytest.raises(RowsError) as caught:
        encode_frame(nothing, STRICT)
    assert {problem.reason for problem in caught.value.problems} == {"missing"}
    assert len(caught.value.problems) == 7


def test_columns_are_compared_once_for_the_whole_table():
    "An absent, an unknown and a double name; what no feature needs may come along."
    frame = pd.DataFrame([GOOD] * 3)
    assert encode_frame(frame.assign(later="whatever"), LENIENT)[0].shape == (3, len(FEATURES))
    wrong = frame.drop(columns="price").assign(gate=7)
    wrong[3] = 3
    with pytest.raises(RowsError) as caught:
        encode_frame(wrong, LENIENT)
    assert str(caught.value).splitlines() == [
        "row 1: 3: expected no such column, got one",
        "row 1: gate: expected no such column, got one",
        "row 1: price: expected a value, got no such column",
    ]
    double = pd.concat([frame, frame[["shop"]]], axis=1)
    with pytest.raises(RowsError, match="^row 1: shop: expected one such column, got 2$"):
        encode_frame(double, LENIENT)


def test_problems_come_in_the_order_of_rows():
    "A thousand of them at most, whichever column they are in."
    frame = pd.DataFrame([GOOD] * 2000).assign(price=99.0, count=2.0**62)
    with pytest.raises(RowsError) as caught:
        encode_frame(frame, LENIENT)
    wanted = outcome(lambda: encode_requests(frame, LENIENT))
    assert caught.value.problems == wanted and wanted[-1].row == 500


def test_a_table_without_rows_is_encoded():
    "As long as it has its columns."
    matrix, warnings = encode_frame(pd.DataFrame([GOOD])[:0], STRICT)
    assert matrix.shape == (0, len(FEATURES)) and matrix.dtype == np.float32 and not warnings
    with pytest.raises(RowsError, match="price: expected a value, got no such column"):
        encode_frame(pd.DataFrame(), STRICT)


def test_numbers_are_no_categories_where_the_contract_lists_names():
    "A column of whole numbers or booleans is refused where text is expected, as in a request."
    features = read_features({"features": ["shop"], "columns": SPECS})
    for values in ([0, 1], [True, False], pd.Categorical([0, 1])):
        with pytest.raises(RowsError, match="^row 1: shop: expected text of at most 200"):
            encode_frame(pd.DataFrame({"shop": values}), features)


ZONES = ["America/New_York", "Europe/Dublin", "Africa/Casablanca", "Australia/Lord_Howe",
         "America/Caracas", "Asia/Kathmandu"]  # fmt: skip


@pytest.mark.parametrize("zone", ZONES)
def test_local_time_is_the_same_in_a_table_and_in_a_request(zone):
    "Every half hour of a year, so in hours that clocks show twice or leave out."
    spec = SPECS["at"] | {"timezone": zone}
    features = read_features({"features": ["at.hour", "at.day"], "columns": {"at": spec}})
    for given_zone in (None, "UTC"):
        times = pd.Series(pd.date_range("2016-01-01", "2016-12-31", freq="30min", tz=given_zone))
        texts = pa.array([time.isoformat() for time in times])
        slow, wanted = read_series(to_array(times.astype(object)), features.columns["at"])
        assert {problem.reason for problem in wanted} <= {"type"}
        good = np.ones(len(times), "bool")
        good[[problem.row - 1 for problem in wanted]] = False
        for values in (to_array(times), texts):
            read, problems = read_series(values, features.columns["at"])
            assert problems == wanted and np.array_equal(read[good], slow[good])
