"""What a column may hold, and how one value of it is read, in training and in service alike."""

import json
from dataclasses import dataclass
from datetime import datetime
from numbers import Real
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

UNKNOWN, MISSING = -1.0, -2.0  # codes of a category that the contract does not list, and of none


@dataclass(frozen=True)
class Column:
    "What the contract allows one column to hold."

    name: str
    kind: str  # number, category or moment
    may_be_missing: bool
    low: float | datetime = 0.0  # lowest and highest allowed, ends included
    high: float | datetime = 0.0
    codes: dict | None = None  # a category's code by its name, in the contract's order
    zone: ZoneInfo | None = None  # where a moment is lived through


@dataclass(frozen=True)
class Features:
    "The features in the model's order, and the columns that they are read from."

    names: tuple[str, ...]
    columns: dict[str, Column]
    known: frozenset  # every column that the contract names


def read_features(
    contract: dict,  # the contract as plain data, for instance from contract.json
) -> Features:
    "Take from a contract what turning rows into numbers needs."
    columns = {}
    for feature in contract["features"]:
        name = feature if feature in contract["columns"] else feature.rpartition(".")[0]
        said = contract["columns"][name]
        low, high = said["range"] or (0, 0)
        if said["kind"] == "moment":
            low, high = datetime.fromisoformat(low), datetime.fromisoformat(high)
        zone = ZoneInfo(said["timezone"]) if said["timezone"] else None
        codes = {value: float(code) for code, value in enumerate(said["values"] or [])}
        columns[name] = Column(name, said["kind"], said["may_be_missing"], low, high, codes, zone)
    return Features(tuple(contract["features"]), columns, frozenset(contract["columns"]))


class Problem(NamedTuple):
    "What is wrong, or odd, and where."

    row: int  # counted from 1
    column: str
    text: str
    reason: str = "form"  # for programs: missing, extra, type, form, range, twice or unknown

    def __str__(self):
        return ": ".join([f"row {self.row}", *([self.column] if self.column else []), self.text])


class RowsError(ValueError):
    "Some rows break the contract; `problems` lists every place."

    def __init__(self, problems: list[Problem]):
        self.problems = sorted(problems)
        more = [f"and {len(problems) - 20} more"] if len(problems) > 20 else []
        super().__init__("\n".join([str(problem) for problem in self.problems[:20]] + more))


write = json.JSONEncoder(default=str).encode


def show(value: Any) -> str:
    "Write a value as JSON would, shortened, so that a message can carry it safely."
    try:
        text = write(value)
    except (RecursionError, TypeError, ValueError):  # nested too deeply, or not for JSON at all
        text = f"a {type(value).__name__}"
    return text if len(text) <= 40 else text[:37] + "..."


KINDS = {"number": Real, "category": str, "moment": datetime}
WORDS = {
    "number": "a number",
    "category": "text",
    "moment": "a moment with its UTC offset, such as 2024-05-31T18:00:00+02:00",
}


class ValueRefused(ValueError):
    "A value breaks the contract; its arguments are the text and the reason of a problem."


def read_value(
    value: Any,  # as it came out of JSON, or out of a table
    column: Column,
) -> float | datetime | None:  # number, code of a category, moment in the column's zone; or missing
    "Read one value; raises ValueRefused where it breaks the contract."
    kind, expected = column.kind, WORDS[column.kind]
    if value is None or (isinstance(value, Real | datetime) and value != value):  # NaN, NaT
        if not column.may_be_missing:
            raise ValueRefused(f"expected {expected}, got nothing", "missing")
        return MISSING if kind == "category" else None
    try:
        is_text = isinstance(value, str)
        taken = datetime.fromisoformat(value) if is_text and kind == "moment" else value
        if isinstance(taken, bool) or not isinstance(taken, KINDS[kind]):
            raise TypeError(kind)
        if kind == "category":
            return column.codes.get(taken, UNKNOWN)
        taken = float(taken) if kind == "number" else taken
        if column.low <= taken <= column.high:  # TypeError where a moment has no offset
            return taken.astimezone(column.zone) if kind == "moment" else taken
    except (TypeError, ValueError, OverflowError):  # the last: a number of hundreds of digits
        reason = "form" if is_text and kind == "moment" else "type"
        raise ValueRefused(f"expected {expected}, got {show(value)}", reason) from None
    low, high, got = spell(column.low), spell(column.high), spell(taken)
    raise ValueRefused(f"expected {low} to {high}, got {got}", "range")


def spell(value: float | datetime) -> str:
    "Write a number or a moment for a person."
    if isinstance(value, datetime):
        return value.isoformat(timespec="minutes").replace("+00:00", "Z")
    return f"{value:.12g}"


def examine(values: list, column: Column, rows: Any) -> tuple[list, list[Problem]]:
    "Read values one by one; list what is wrong or unknown, by the numbers of their rows."
    read, problems = [None] * len(values), []
    for place, row in enumerate(rows):
        try:
            read[place] = read_value(values[place], column)
        except ValueRefused as refused:
            problems.append(Problem(row, column.name, *refused.args))
        if read[place] == UNKNOWN and column.kind == "category":
            text = f"unknown category {show(values[place])}"
            problems.append(Problem(row, column.name, text, "unknown"))
    return read, problems
