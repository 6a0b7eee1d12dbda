"""One path from a row to a number, for a million rows in training and for one row in service."""

from datetime import UTC, datetime, timedelta
from math import isnan
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np

from columns import MISSING, UNKNOWN, Column, Features, Problem, RowsError, examine, show

ENOUGH = 1000  # problems: whoever sent them has made one mistake a thousand times


def take_columns(
    rows: Any,  # DataFrame of n rows, or a list of n dictionaries
    features: Features,
) -> tuple[dict[str, Any], list[Problem]]:  # for each column n values, a Series or a list; problems
    "Lay rows out by columns; list the columns that are missing or not in the contract."
    names = features.columns
    if not isinstance(rows, list):
        present = {name: rows[name] for name in names if name in rows}
        return present, compare_names(1, dict.fromkeys(rows.columns), features)
    if set(map(type, rows)) == {dict}:
        try:
            columns = {name: list(map(itemgetter(name), rows)) for name in names}
            if set(map(len, rows)) == {len(names)} or all(map(features.known.issuperset, rows)):
                return columns, []
        except KeyError:  # a row lacks a column, and below we see which
            pass
    problems = []
    for number, row in enumerate(rows, start=1):
        problems += compare_names(number, row, features)
        if len(problems) > ENOUGH:
            raise RowsError(problems)
    rows = [row if isinstance(row, dict) else {} for row in rows]
    return {name: [row.get(name) for row in rows] for name in names}, problems


def compare_names(number: int, row: Any, features: Features) -> list[Problem]:
    "List the columns that a row lacks, and those that the contract does not know."
    if not isinstance(row, dict):
        return [Problem(number, "", f"expected names and values, got {show(row)}", "type")]
    lacking, extra = features.columns.keys() - row.keys(), row.keys() - features.known
    text = "expected a value, got no such column"
    problems = [Problem(number, name, text, "missing") for name in lacking]
    text = "expected no such column, for the contract has none"
    return problems + [Problem(number, show(name)[1:-1], text, "extra") for name in extra]


DAY = timedelta(days=1)


def read_list(values: list, column: Column) -> list | None:
    "Read a list in one go; None where it is not plain that all is there, known and right."
    try:
        if column.kind == "category":
            codes = list(map(column.codes.get, values))
            return codes if set(map(type, values)) == {str} and None not in codes else None
        if column.kind == "moment":
            moments = list(map(datetime.fromisoformat, values))
            if None in map(attrgetter("tzinfo"), moments):
                return None
            moments = [moment.astimezone(column.zone) for moment in moments]
            first, last = min(moments), max(moments)
            if not (column.low + DAY <= first and last <= column.high - DAY):
                utc = [moment.astimezone(UTC) for moment in moments]
                first, last = min(utc), max(utc)
            return moments if column.low <= first and last <= column.high else None
        if set(map(type, values)) <= {int, float} and not any(map(isnan, values)):
            return values if column.low <= min(values) and max(values) <= column.high else None
        return None
    except (TypeError, ValueError, OverflowError):
        return None


def read_series(values: Any, column: Column) -> tuple[Any, np.ndarray]:
    "Read a Series in one go, as far as its type says what it holds; list the places in doubt."
    if column.kind == "number" and values.dtype.kind in "iuf":
        read = values.to_numpy(dtype="float64", na_value=np.nan)
        plain, missing = (read >= column.low) & (read <= column.high), np.isnan(read)
    elif column.kind == "category" and values.dtype != object:
        places, names = values.factorize()
        codes = [column.codes.get(name, UNKNOWN) for name in names]
        read = np.array([*codes, MISSING])[places]  # a missing one's place is -1, the last
        plain, missing = read >= 0, places < 0
    elif column.kind == "moment" and getattr(values.dtype, "tz", None):
        read = values.dt.tz_convert(column.zone)
        plain = ((values >= column.low) & (values <= column.high)).to_numpy()
        missing = values.isna().to_numpy()
    else:
        return None, np.arange(len(values))
    return read, np.flatnonzero(~(plain | missing) if column.may_be_missing else ~plain)


def read_column(values: Any, column: Column) -> tuple[Any, list[Problem]]:
    "Read a Series or a list by a shortcut, and by the definition where that does not plainly hold."
    if isinstance(values, list):
        read = read_list(values, column)
        if read is not None:
            return read, []
        return examine(values, column, range(1, len(values) + 1))
    read, places = read_series(values, column)
    doubtful = values.iloc[places].astype(object)
    doubtful = doubtful.where(doubtful.notna(), None).tolist()  # pandas knows many kinds of nothing
    one_by_one, problems = examine(doubtful, column, (places + 1).tolist())
    return (one_by_one if read is None else read), problems


def read_part(
    moments: Any,  # list of n moments or None, or Series; told by the clock that is meant
    part: str,  # hour (0 to 23), weekday (Monday is 0), day (of the year, from 1), month
) -> Any:  # n numbers, with None or NaN for missing ones
    "Read the hour, the weekday, the day or the month off moments."
    if not isinstance(moments, list):
        name = {"weekday": "day_of_week", "day": "day_of_year"}.get(part, part)
        return getattr(moments.dt, name).to_numpy(dtype="float64")
    if part == "day":
        return [moment and moment.timetuple().tm_yday for moment in moments]
    read = datetime.weekday if part == "weekday" else attrgetter(part)
    return [moment and read(moment) for moment in moments]


def encode_rows(
    rows: Any,  # DataFrame of n rows, or a list of n dictionaries
    features: Features,
) -> tuple[np.ndarray, list[Problem]]:  # (n, n_features) float32; unknown categories
    "Turn rows into the model's matrix; raises RowsError with every mistake, by row and column."
    if not len(rows):
        return np.empty((0, len(features.names)), dtype="float32"), []
    columns, wrong = take_columns(rows, features)
    read, found = {}, []
    for name, values in columns.items():
        read[name], problems = read_column(values, features.columns[name])
        found += problems
    told = {(problem.row, problem.column) for problem in wrong}
    for problem in found:
        row, name, _, reason = problem
        if reason != "unknown" and (row, name) not in told and (row, "") not in told:
            wrong.append(problem)
    if wrong:
        raise RowsError(wrong)
    numbers = []
    for feature in features.names:
        name, _, part = (feature, "", "") if feature in read else feature.rpartition(".")
        numbers.append(read_part(read[name], part) if part else read[name])
    return np.ascontiguousarray(np.array(numbers, dtype="float32").T), found
