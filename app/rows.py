"""One path from a row to a number, for a million rows in training and for one row in service."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from numbers import Real
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

PARTS = ("hour", "weekday", "day", "month")
UNKNOWN, MISSING = -1.0, -2.0  # codes of a category that the contract does not list, and of none


@dataclass(frozen=True)
class Column:
    "What the contract allows one column to hold."

    name: str
    kind: str  # number, category or moment
    may_be_missing: bool
    low: float = 0.0  # lowest and highest allowed; a moment's in microseconds since 1970, UTC
    high: float = 0.0
    codes: dict | None = None  # a category's code by its name, in the contract's order
    zone: ZoneInfo | None = None  # where a moment is lived through


@dataclass(frozen=True)
class Features:
    "The features in the model's order, and the columns that they are read from."

    names: tuple[str, ...]
    columns: dict[str, Column]
    known: frozenset  # every column that the contract names


def microseconds(
    moment: str | datetime,  # ISO 8601 with its UTC offset
) -> int:  # microseconds since 1970, UTC
    "Turn a moment into one whole number; raises ValueError where the UTC offset is missing."
    moment = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    if moment.tzinfo is None:
        raise ValueError("no UTC offset")
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def read_features(
    contract: dict,  # the contract as plain data, for instance from contract.json
) -> Features:
    "Take from a contract what turning rows into numbers needs."
    columns = {}
    for feature in contract["features"]:
        name = feature if feature in contract["columns"] else feature.rpartition(".")[0]
        said = contract["columns"][name]
        kind, ends, zone = said["kind"], said["range"] or (0, 0), said["timezone"]
        low, high = [microseconds(end) for end in ends] if kind == "moment" else ends
        codes = {value: float(code) for code, value in enumerate(said["values"] or [])}
        columns[name] = Column(
            name, kind, said["may_be_missing"], low, high, codes, ZoneInfo(zone) if zone else None
        )
    return Features(tuple(contract["features"]), columns, frozenset(contract["columns"]))


class Problem(NamedTuple):
    "What is wrong, or odd, and where."

    row: int  # counted from 1
    column: str
    text: str

    def __str__(self):
        return ": ".join([f"row {self.row}", *([self.column] if self.column else []), self.text])


class RowsError(ValueError):
    "Some rows break the contract; `problems` lists every place."

    def __init__(self, problems: list[Problem]):
        self.problems = sorted(problems)
        more = [f"and {len(problems) - 20} more"] if len(problems) > 20 else []
        super().__init__("\n".join([str(problem) for problem in self.problems[:20]] + more))


def show(value: Any) -> str:
    "Write a value as JSON would, shortened, so that a message can carry it safely."
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else text[:37] + "..."


def take_columns(
    rows: Any,  # DataFrame of n rows, or a list of n dictionaries
    features: Features,
) -> tuple[dict[str, Any], list[Problem]]:  # for each column n values, a Series or a list; problems
    "Lay rows out by columns; list the columns that are missing or not in the contract."
    if not isinstance(rows, list):
        problems = compare_names(1, rows.columns, features) if len(rows) else []
        return {name: rows[name] for name in features.columns if name in rows}, problems
    problems = []
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            problems.append(Problem(number, "", f"expected names and values, got {show(row)}"))
        elif not features.columns.keys() <= row.keys() <= features.known:
            problems += compare_names(number, row, features)
    if problems:
        rows = [row if isinstance(row, dict) else {} for row in rows]
        return {name: [row.get(name) for row in rows] for name in features.columns}, problems
    return {name: [row[name] for row in rows] for name in features.columns}, []


def compare_names(number: int, names: Any, features: Features) -> list[Problem]:
    "List the columns that are missing, and those that the contract does not know."
    missing = [name for name in features.columns if name not in names]
    extra = [name for name in names if name not in features.known]
    return [Problem(number, name, "expected a value, got no such column") for name in missing] + [
        Problem(number, show(name)[1:-1], "expected no such column, for the contract has none")
        for name in extra
    ]


def read_numbers(values: Any, column: Column) -> tuple[np.ndarray, list[Problem]]:
    "Read a column as float64 with NaN where nothing is; list what is not a number."
    if not isinstance(values, list):
        if values.dtype.kind in "iuf":
            return values.to_numpy(dtype="float64", na_value=np.nan), []
        values = list_values(values)
    problems = []
    if not set(map(type, values)) <= {int, float, type(None)}:
        values, problems = keep(values, column, is_number)
    try:
        return np.array(values, dtype="float64"), problems
    except OverflowError:  # an integer of hundreds of digits
        values, huge = keep(values, column, lambda value: abs(value) < 1e300)
        return np.array(values, dtype="float64"), problems + huge


def is_number(value: Any) -> bool:
    "Say whether a value is a number; a truth value is none."
    return isinstance(value, Real) and not isinstance(value, bool)


def keep(values: list, column: Column, allowed: Any) -> tuple[list, list[Problem]]:
    "Replace what is not allowed by None, and list it."
    problems = [
        Problem(number, column.name, f"expected {WORDS[column.kind]}, got {show(value)}")
        for number, value in enumerate(values, start=1)
        if value is not None and not allowed(value)
    ]
    wrong = {problem.row for problem in problems}
    kept = [None if number in wrong else value for number, value in enumerate(values, start=1)]
    return kept, problems


WORDS = {
    "number": "a number",
    "category": "text",
    "moment": "a moment with its UTC offset, such as 2024-05-31T18:00:00+02:00",
}


def list_values(series: Any) -> list:
    "List a Series' values, with None for each kind of nothing that pandas knows."
    return series.astype(object).where(series.notna(), None).tolist()


def read_categories(values: Any, column: Column) -> tuple[np.ndarray, list[Problem], list[Problem]]:
    "Read a column as codes; list what is not text, and what is text but unknown."
    values, problems = values if isinstance(values, list) else list_values(values), []
    if not set(map(type, values)) <= {str, type(None)}:
        values, problems = keep(values, column, lambda value: isinstance(value, str))
    codes = {**column.codes, None: MISSING}
    coded = np.array([codes.get(value, UNKNOWN) for value in values], dtype="float64")
    unknown = [
        Problem(place + 1, column.name, f"unknown category {show(values[place])}")
        for place in np.flatnonzero(coded == UNKNOWN).tolist()
    ]
    return coded, problems, unknown


NOT_A_TIME = np.iinfo("int64").min  # what NumPy and pandas use for a missing moment


def read_moments(values: Any, column: Column) -> tuple[np.ndarray, list[Problem]]:
    "Read a column as microseconds since 1970, UTC; list what is not a moment."
    if not isinstance(values, list):
        if getattr(values.dtype, "tz", None) is not None:
            utc = values.dt.tz_convert("UTC").dt.tz_localize(None)
            return utc.to_numpy("datetime64[us]").astype("int64"), []
        values = list_values(values)
    moments, problems = np.full(len(values), NOT_A_TIME), []
    for place, value in enumerate(values):
        try:
            if value is not None:
                moments[place] = microseconds(value)
        except (ValueError, TypeError, AttributeError):
            text = f"expected {WORDS['moment']}, got {show(value)}"
            problems.append(Problem(place + 1, column.name, text))
    return moments, problems


def check_rows(
    rows: Any,  # DataFrame of n rows, or a list of n dictionaries
    features: Features,
) -> tuple[dict[str, np.ndarray], list[Problem]]:  # n numbers for each column; unknown categories
    "Check rows against the contract; raises RowsError with every mistake, by row and column."
    columns, problems = take_columns(rows, features)
    checked, warnings = {}, []
    for name, values in columns.items():
        column = features.columns[name]
        if column.kind == "category":
            checked[name], wrong, unknown = read_categories(values, column)
            warnings += unknown
        else:
            read = read_numbers if column.kind == "number" else read_moments
            checked[name], wrong = read(values, column)
        problems += wrong
        told = {problem.row for problem in problems if problem.column in (name, "")}
        problems += check_limits(checked[name], column, told)
    if problems:
        raise RowsError(problems)
    return checked, warnings


def check_limits(values: np.ndarray, column: Column, told: set) -> list[Problem]:
    "List what is missing and may not be, and what lies outside the range."
    nothing = {"category": MISSING, "moment": NOT_A_TIME}
    missing = np.isnan(values) if column.kind == "number" else values == nothing[column.kind]
    problems = []
    if not column.may_be_missing:
        text = f"expected {WORDS[column.kind]}, got nothing"
        problems = [(place, text) for place in np.flatnonzero(missing).tolist()]
    if column.kind != "category":
        outside = ~missing & ~((values >= column.low) & (values <= column.high))
        low, high = (spell(end, column) for end in (column.low, column.high))
        problems += [
            (place, f"expected {low} to {high}, got {spell(values[place], column)}")
            for place in np.flatnonzero(outside).tolist()
        ]
    return [Problem(at + 1, column.name, text) for at, text in problems if at + 1 not in told]


def spell(value: float, column: Column) -> str:
    "Write a number or a moment for a person."
    if column.kind == "moment":
        return str(np.datetime64(int(value), "us").astype("datetime64[m]")) + "Z"
    return f"{value:.12g}"


@lru_cache(maxsize=100_000)
def utc_offset(quarter: int, zone: ZoneInfo) -> int:
    "Look up a zone's offset from UTC in microseconds, for a quarter of an hour since 1970."
    return datetime.fromtimestamp(quarter * 900, zone).utcoffset() // timedelta(microseconds=1)


def read_part(
    moments: np.ndarray,  # (n,) int64, microseconds since 1970, UTC
    part: str,  # hour (0 to 23), weekday (Monday is 0), day (of the year, from 1), month
    zone: ZoneInfo,
) -> np.ndarray:  # (n,) float64, NaN where the moment is missing
    "Read the hour, the weekday, the day or the month off moments, in local time."
    missing = moments == NOT_A_TIME
    quarters, back = np.unique(np.where(missing, 0, moments) // 900_000_000, return_inverse=True)
    offsets = np.array([utc_offset(quarter, zone) for quarter in quarters.tolist()], dtype="int64")
    local = (np.where(missing, 0, moments) + offsets[back]).astype("datetime64[us]")
    days, months = local.astype("datetime64[D]"), local.astype("datetime64[M]")
    if part == "hour":
        values = (local - days) // np.timedelta64(1, "h")
    elif part == "weekday":
        values = (days.astype("int64") + 3) % 7  # 1970 began on a Thursday
    elif part == "day":
        values = (days - local.astype("datetime64[Y]")).astype("int64") + 1
    else:
        values = months.astype("int64") % 12 + 1
    return np.where(missing, np.nan, values.astype("float64"))


def encode_rows(
    rows: Any,  # DataFrame of n rows, or a list of n dictionaries
    features: Features,
) -> tuple[np.ndarray, list[Problem]]:  # (n, n_features) float32; unknown categories
    "Turn rows into the model's matrix; raises RowsError with every mistake, by row and column."
    checked, warnings = check_rows(rows, features)
    matrix = np.empty((len(rows), len(features.names)), dtype="float32")
    for place, feature in enumerate(features.names if len(rows) else ()):
        name, _, part = (feature, "", "") if feature in checked else feature.rpartition(".")
        values = checked[name]
        matrix[:, place] = read_part(values, part, features.columns[name].zone) if part else values
    return matrix, warnings
