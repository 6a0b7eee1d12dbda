"""One path from a row to a number: a table and single requests give the same matrix."""

import json
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlprod.app.columns import MISSING, UNKNOWN, RowsError, examine, read_features
from mlprod.app.rows import encode_rows, read_column, read_list, read_part, read_series

NOTHING = {"may_be_missing": True, "range": None, "values": None, "timezone": None}
CONTRACT = {
    "features": [
        "at.hour", "at.weekday", "at.day", "at.month", "shop", "price", "count", "code",
    ],
    "columns": {
        "at": NOTHING | {
            "kind": "moment", "range": ["1971-01-01T00:00:00Z", "2100-01-01T00:00:00Z"],
            "timezone": "America/New_York",
        },
        "shop": NOTHING | {"kind": "category", "values": ["harbour", "station", "été"]},
        "price": NOTHING | {"kind": "number", "range": [-1e30, 1e30]},
        "count": NOTHING | {"kind": "number", "range": [-(2**60), 2**60]},
        "code": NOTHING | {"kind": "category", "values": ["0", "1", "null", "nan"]},
        "later": NOTHING | {"kind": "number"},
    },
}  # fmt: skip
FEATURES = read_features(CONTRACT)
STRICT = read_features(
    CONTRACT
    | {"columns": {k: v | {"may_be_missing": False} for k, v in CONTRACT["columns"].items()}}
)
GOOD = {
    "at": "2024-05-31T18:00:00+02:00",
    "shop": "station",
    "price": 1.5,
    "count": 3,
    "code": "0",
}

offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1971, 1, 2), datetime(2099, 12, 30), timezones=offsets)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
rows = st.fixed_dictionaries(
    {
        "at": st.none() | moments,
        "shop": st.none() | st.sampled_from(["harbour", "station", "été"]) | words,
        "price": st.none() | st.floats(-1e30, 1e30) | st.integers(-(10**20), 10**20),
        "count": st.none() | st.integers(-(2**60), 2**60),
        "code": st.none() | st.sampled_from(["0", "1", "null", "nan", ""]),
    }
)


def as_json(row):
    "A row as it comes out of a request."
    at = row["at"] and row["at"].isoformat()
    return json.loads(json.dumps(row | {"at": at}))


def encode_alone(table):
    "Encode rows one request at a time."
    return np.concatenate([encode_rows([as_json(row)], FEATURES)[0] for row in table])


@settings(max_examples=200, deadline=None)
@given(st.lists(rows, min_size=1, max_size=12))
def test_a_table_and_single_requests_give_the_same_matrix(table):
    "Missing values, whole numbers beyond 2**53, moments with any offset: the bytes are equal."
    alone = encode_alone(table)
    together = encode_rows([as_json(row) for row in table], FEATURES)[0]
    frame = pd.DataFrame(table, dtype=object)
    assert alone.dtype == np.float32 and alone.tobytes() == together.tobytes()
    assert alone.tobytes() == encode_rows(frame, FEATURES)[0].tobytes()


@settings(max_examples=100, deadline=None)
@given(st.lists(rows, min_size=1, max_size=12))
def test_a_typed_table_gives_the_same_matrix_as_requests(table):
    "The column types that Parquet and pandas make of the same values change nothing."
    frame = pd.DataFrame(
        {
            "at": pd.Series([row["at"] for row in table], dtype="object"),
            "shop": pd.Series([row["shop"] for row in table], dtype="str"),
            "price": np.array(
                [np.nan if row["price"] is None else float(row["price"]) for row in table]
            ),
            "count": pd.array([row["count"] for row in table], dtype="Int64"),
            "code": pd.Categorical(
                [row["code"] for row in table],
                categories=sorted({row["code"] for row in table} - {None}),
            ),
        }
    )
    frame["at"] = pd.to_datetime(frame["at"], utc=True).astype("datetime64[us, UTC]")
    assert encode_rows(frame, FEATURES)[0].tobytes() == encode_alone(table).tobytes()


@settings(max_examples=100, deadline=None)
@given(st.lists(rows, min_size=1, max_size=8))
def test_warnings_are_the_same_from_a_table_and_from_requests(table):
    "Each unknown category, by row and column."
    together = encode_rows(pd.DataFrame(table, dtype=object), FEATURES)[1]
    alone = [
        warning._replace(row=number)
        for number, row in enumerate(table, start=1)
        for warning in encode_rows([as_json(row)], FEATURES)[1]
    ]
    assert sorted(together) == sorted(alone)


@settings(max_examples=200, deadline=None)
@given(moments)
def test_the_parts_of_a_moment_are_those_of_the_local_clock(moment):
    "Python's own time zones are the judge, in the hours in which clocks change too."
    local = moment.astimezone(FEATURES.columns["at"].zone)
    matrix, _ = encode_rows([as_json(GOOD | {"at": moment})], FEATURES)
    wanted = [local.hour, local.weekday(), local.timetuple().tm_yday, local.month]
    assert matrix[0, :4].tolist() == wanted


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*GOOD, "later", "gate"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | words,
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
            max_leaves=4,
        ),
    )
)
def test_whatever_comes_is_encoded_or_refused_with_row_and_column(row):
    "There is no third way: no other exception, and no row that is silently misread."
    try:
        matrix, _ = encode_rows([GOOD, row], STRICT)
    except RowsError as error:
        assert all(problem.row == 2 and problem.column for problem in error.problems)
    else:
        assert matrix.shape == (2, 8) and np.isfinite(matrix).all()


plain = {
    "price": st.integers(-(10**20), 10**20) | st.floats(-1e30, 1e30),
    "shop": st.sampled_from(["harbour", "station", "été"]),
    "at": moments.map(datetime.isoformat),
}
strange = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.sampled_from([10**400, -(10**30) * 2, pd.NaT, pd.NA, np.float32(2), np.float32("nan")])
    | st.sampled_from(["7", "nan", "", "\ud800"])
    | st.sampled_from(["2024-05-31", "2024-05-31T18:00", "1969-12-31T23:59:59Z", "9999-12-31T23Z"])
    | st.datetimes(datetime(1960, 1, 1), datetime(2110, 1, 1), timezones=st.none() | offsets)
    | st.lists(st.integers(), max_size=1)
    | words
)
columns = st.sampled_from([f.columns[name] for f in (FEATURES, STRICT) for name in plain])


def tidy(read):
    "What was read, so that two ways to say the same number, or nothing, are equal."
    read = read if isinstance(read, list) else read.tolist()
    read = [float(value) if isinstance(value, int) else value for value in read]
    nothing = [value is None or value != value for value in read]
    return [None if no else value for value, no in zip(read, nothing, strict=True)]


def as_definition(values, column, given):
    "Hold what the shortcut makes of a column against the definition, value by value."
    wanted, problems = examine(values, column, range(1, len(values) + 1))
    read, found = read_column(given, column)
    assert found == problems
    wrong = {problem.row - 1 for problem in problems if problem.reason != "unknown"}
    pairs = enumerate(zip(tidy(read), tidy(wanted), strict=True))
    assert all(got == want for place, (got, want) in pairs if place not in wrong)


@settings(max_examples=300, deadline=None)
@given(st.data(), columns)
def test_a_list_is_read_as_the_definition_says(data, column):
    "Whether all is plain or something strange is in it: same values, same problems."
    values = data.draw(st.lists(plain[column.name], min_size=1, max_size=8))
    assert read_list(values, column) is not None
    as_definition(values, column, values)
    for value in data.draw(st.lists(strange, max_size=3)):
        values.insert(data.draw(st.integers(0, len(values))), value)
    as_definition(values, column, values)


@settings(max_examples=300, deadline=None)
@given(st.data(), columns)
def test_a_column_of_a_table_is_read_as_the_definition_says(data, column):
    "Of objects, whatever they are: what pandas calls missing is None."
    values = data.draw(st.lists(plain[column.name] | strange, min_size=1, max_size=8))
    series = pd.Series(values, dtype=object, index=[7] * len(values))
    values = [None if no else value for value, no in zip(values, series.isna(), strict=True)]
    as_definition(values, column, series)


@settings(max_examples=300, deadline=None)
@given(st.data(), columns)
def test_a_typed_column_of_a_table_is_read_as_the_definition_says(data, column):
    "With the types that Parquet, CSV and pandas bring, fit for the column or not."
    some, dtype = data.draw(
        st.sampled_from(
            [
                (st.floats(), "float64"),
                (st.floats(width=32), "float32"),
                (st.integers(-(2**63), 2**63 - 1), "int64"),
                (st.none() | st.integers(-(2**63), 2**63 - 1), "Int64"),
                (st.booleans(), "bool"),
                (st.none() | st.booleans(), "boolean"),
                (st.none() | plain["shop"] | words, "str"),
                (st.none() | plain["shop"] | words, "string"),
                (st.none() | plain["shop"] | words, "category"),
                (st.none() | st.integers(0, 3), "category"),
                (st.none() | moments, "datetime64[us, UTC]"),
                (st.none() | moments, "datetime64[ns, America/New_York]"),
                (st.none() | moments, "datetime64[s, Asia/Kolkata]"),
                (st.none() | moments.map(lambda at: at.replace(tzinfo=None)), "datetime64[us]"),
            ]
        )
    )
    values = data.draw(st.lists(some, max_size=8))
    if dtype.startswith("datetime64[s"):
        values = [value and value.replace(microsecond=0) for value in values]
    if "," in dtype:
        series = pd.to_datetime(pd.Series(values, dtype=object), utc=True).astype(dtype)
    else:
        series = pd.Series(values, dtype=dtype)
    objects = series.astype(object)
    as_definition(objects.where(series.notna(), None).tolist(), column, series)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.none() | moments, min_size=1, max_size=8), st.sampled_from([FEATURES, STRICT]))
def test_parts_are_the_same_from_a_list_and_from_a_table(values, features):
    "Of every moment, and of missing ones."
    column = features.columns["at"]
    local = [value and value.astimezone(column.zone) for value in values]
    series = pd.to_datetime(pd.Series(values, dtype=object), utc=True)
    told, _ = read_series(series.astype("datetime64[us, UTC]"), column)
    for part in ("hour", "weekday", "day", "month"):
        assert tidy(read_part(local, part)) == tidy(read_part(told, part))


def test_whole_numbers_are_rounded_once_to_float64_and_then_to_float32():
    "As a table's int64 is: rounding at once would differ for this one."
    odd = 2**59 + 2**35 + 1
    for rows in ([GOOD | {"count": odd}], pd.DataFrame([GOOD | {"count": odd}])):
        assert encode_rows(rows, FEATURES)[0][0, 6] == np.float32(float(odd)) == 2.0**59


def test_a_matrix_is_what_the_model_wants():
    "float32, row after row in memory, however many rows and wherever from."
    for number in (0, 1, 2, 100):
        for rows in ([GOOD] * number, pd.DataFrame([GOOD] * number)):
            matrix, _ = encode_rows(rows, FEATURES)
            assert matrix.shape == (number, 8) and matrix.dtype == np.float32
            assert matrix.flags.c_contiguous


def test_unknown_and_missing_have_codes_of_their_own():
    "An unknown shop is warned about, a missing one is not, and neither is one of the known."
    table = [GOOD | {"shop": "airport"}, GOOD | {"shop": None}, GOOD]
    matrix, warnings = encode_rows(table, FEATURES)
    assert matrix[:, 4].tolist() == [UNKNOWN, MISSING, 1.0]
    assert [str(warning) for warning in warnings] == ['row 1: shop: unknown category "airport"']


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("price", "1.5", 'expected a number, got "1.5"'),
        ("price", True, "expected a number, got true"),
        ("price", [1], "expected a number, got [1]"),
        ("price", 1e31, "expected -1e+30 to 1e+30, got 1e+31"),
        ("price", 10**400, "expected a number, got 1000"),
        ("price", float("inf"), "expected -1e+30 to 1e+30, got inf"),
        ("price", None, "expected a number, got nothing"),
        ("price", float("nan"), "expected a number, got nothing"),
        ("shop", 7, "expected text, got 7"),
        ("shop", None, "expected text, got nothing"),
        ("shop", ["station"], 'expected text, got ["station"]'),
        ("at", "2024-05-31 18:00", "expected a moment with its UTC offset"),
        ("at", "yesterday", 'got "yesterday"'),
        ("at", 1717171200, "got 1717171200"),
        ("at", None, "got nothing"),
        ("at", "1969-12-31T23:59:59Z", "expected 1971-01-01T00:00Z to 2100-01-01T00:00Z"),
        ("at", "9999-12-31T23:59:59-14:00", "expected 1971-01-01T00:00Z to 2100-01-01T00:00Z"),
    ],
)
def test_what_is_wrong_is_refused_with_row_and_column(column, value, says):
    "From a request and from a table, in the same words."
    table = [GOOD, GOOD, GOOD | {column: value}]
    for rows in (table, pd.DataFrame(table, dtype=object)):
        with pytest.raises(RowsError) as caught:
            encode_rows(rows, STRICT)
        (problem,) = caught.value.problems
        assert (problem.row, problem.column) == (3, column)
        assert says in problem.text


def test_missing_and_extra_columns_are_refused():
    "Also where only the second row has them; a column that no feature needs may be there."
    lacking = {name: value for name, value in GOOD.items() if name != "price"}
    with pytest.raises(RowsError, match="row 2: price: expected a value, got no such column"):
        encode_rows([GOOD, lacking], FEATURES)
    with pytest.raises(RowsError, match="row 2: gate: expected no such column"):
        encode_rows([GOOD, GOOD | {"gate": 7}], FEATURES)
    with pytest.raises(RowsError, match="price: expected a value, got no such column"):
        encode_rows(pd.DataFrame([lacking]), FEATURES)
    with pytest.raises(RowsError, match="gate: expected no such column"):
        encode_rows(pd.DataFrame([GOOD | {"gate": 7}]), FEATURES)
    assert encode_rows([GOOD | {"later": "whatever"}], FEATURES)[0].shape == (1, 8)


def test_every_mistake_is_reported_at_once():
    "In the order of rows; the message stays short where there are thousands."
    table = [GOOD | {"price": "x", "shop": 1}, GOOD, GOOD | {"at": "x"}]
    with pytest.raises(RowsError) as caught:
        encode_rows(table, FEATURES)
    places = [(problem.row, problem.column) for problem in caught.value.problems]
    assert places == [(1, "price"), (1, "shop"), (3, "at")]
    with pytest.raises(RowsError, match="and 980 more") as caught:
        encode_rows([GOOD | {"price": "x"}] * 1000, FEATURES)
    assert len(caught.value.problems) == 1000 and len(str(caught.value)) < 2000


def test_no_rows_are_an_empty_matrix():
    "Of the right width."
    for nothing in ([], pd.DataFrame()):
        assert encode_rows(nothing, FEATURES)[0].shape == (0, 8)


def test_a_million_rows_and_single_requests_give_the_same_matrix():
    "What a table of a million rows becomes, each of its rows becomes alone too, bit for bit."
    random, size = np.random.default_rng(0), 1_000_000
    start = datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1e6
    frame = pd.DataFrame(
        {
            "at": pd.to_datetime(
                (start + random.integers(0, 10**14, size)).astype("int64"), unit="us", utc=True
            ),
            "shop": random.choice(["harbour", "station", "elsewhere"], size),
            "price": random.normal(size=size),
            "count": random.integers(0, 10**12, size),
            "code": random.choice(["0", "1"], size),
        }
    )
    matrix, _ = encode_rows(frame, FEATURES)
    sample = frame.iloc[random.integers(0, size, 200)]
    requests = sample.assign(at=[at.isoformat() for at in sample["at"]]).to_dict("records")
    alone = np.concatenate([encode_rows([request], FEATURES)[0] for request in requests])
    assert matrix[sample.index].tobytes() == alone.tobytes()
