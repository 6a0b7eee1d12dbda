"""Read rows as the contract describes their columns, and turn them into the model's matrix."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, islice
from operator import attrgetter
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

UNKNOWN, MISSING = -1.0, -2.0  # codes of a category that the contract does not list, and of none
LONGEST = 200  # characters of a category: no single value fills the log
MOST_PROBLEMS = 1000  # that are listed: more are one mistake, a thousand times
WHOLE = (  # JSON's numbers that can be a category: 1, and 1.0 where a table has gaps
    Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
    | Annotated[float, msgspec.Meta(multiple_of=1, ge=-(2**53), le=2**53)]
)


@dataclass(frozen=True)
class Column:
    "What the contract allows one column to hold."

    name: str
    kind: str  # number, category or moment
    type: Any  # of its values in JSON, for msgspec
    expected: str  # the same in words
    codes: dict | None = None  # of a category: its place among the sorted values, by its name
    ends: tuple | None = None  # of a number or a moment: the lowest and the highest
    zone: ZoneInfo | None = None  # of a moment: where its hour and its weekday are read


def holds_numbers(values: Iterable[str]) -> bool:  # values: of a category
    "Say whether some categories are whole numbers or booleans, written as text."
    return any(text.lstrip("-").isdecimal() or text in ("true", "false") for text in values)


def make_column(name: str, spec: dict) -> Column:  # spec: what the contract says about the column
    "Make the type of a column, and the words for it, from the contract."
    about = {"description": spec["description"], "examples": [spec["example"]]}
    if spec["kind"] == "number":
        low, high = spec["range"]
        about["description"] += f", in {spec['unit']}" if spec["unit"] else ""
        checked = Annotated[float, msgspec.Meta(ge=low, le=high, **about)]
        expected, more = f"a number from {low:.12g} to {high:.12g}", {"ends": (low, high)}
    elif spec["kind"] == "category":
        codes = {value: float(code) for code, value in enumerate(sorted(spec["values"]))}
        longest, more = max([LONGEST, *map(len, codes)]), {"codes": codes}
        about["description"] += f"; known: {', '.join(codes)}; any other is scored with a warning"
        checked = Annotated[str, msgspec.Meta(max_length=longest, **about)]
        expected = f"text of at most {longest} characters"
        if holds_numbers(codes):
            checked, expected = checked | WHOLE | bool, f"{expected}, a whole number or a boolean"
    else:
        ends = tuple(map(datetime.fromisoformat, spec["range"]))
        low, high = (f"{end.astimezone(UTC):%Y-%m-%dT%H:%MZ}" for end in ends)
        expected = f"a moment with its offset or in {spec['timezone']}, from {low} to {high}"
        about["description"] += f"; ISO 8601, {expected}"
        checked = Annotated[str, msgspec.Meta(**about)]  # the rest is checked in `read_column`
        more = {"ends": ends, "zone": ZoneInfo(spec["timezone"])}
    checked = checked | None if spec["may_be_missing"] else checked
    return Column(name, spec["kind"], checked, expected, **more)


@dataclass(frozen=True)
class Features:
    "The features in the model's order, and the columns that they are read from."

    names: tuple[str, ...]
    columns: dict[str, Column]
    known: frozenset[str]  # every column that the contract names
    row: type  # a msgspec.Struct with a field for each of the known columns
    decoder: msgspec.json.Decoder  # of a list of rows


def split_feature(feature: str, columns: Iterable[str]) -> tuple[str, str]:
    "Find which of the columns a feature is read from, and the part of a moment, or an empty text."
    return (feature, "") if feature in columns else tuple(feature.rsplit(".", 1))


def read_features(contract: dict) -> Features:  # contract: plain data, such as contract.json
    "Read from a contract what turning rows into numbers needs."
    specs, names = contract["columns"], tuple(contract["features"])
    sources = dict.fromkeys(split_feature(name, specs)[0] for name in names)  # each of them once
    columns = {name: make_column(name, specs[name]) for name in sources}
    others = [name for name in specs if name not in columns]  # may come along, and are ignored
    types = [(column.type,) for column in columns.values()] + [(Any, msgspec.UNSET)] * len(others)
    fields = [(f"column_{place}", *each) for place, each in enumerate(types)]
    rename = dict(zip([field[0] for field in fields], [*columns, *others], strict=True))
    row = msgspec.defstruct("Row", fields, rename=rename, forbid_unknown_fields=True, gc=False)
    return Features(names, columns, frozenset(specs), row, msgspec.json.Decoder(list[row]))


class Problem(NamedTuple):
    "What is wrong, or odd, and where."

    row: int  # counted from 1
    column: str
    text: str
    reason: str  # for programs: missing, extra, type, range or unknown

    def __str__(self):
        return ": ".join([f"row {self.row}", *([self.column] if self.column else []), self.text])


class RowsError(ValueError):
    "Some rows break the contract; `problems` lists the places."

    code = 422

    def __init__(self, problems: Iterable[Problem]):
        self.problems = sorted(islice(problems, MOST_PROBLEMS))
        more = [f"and {len(self.problems) - 20} more"] if len(self.problems) > 20 else []
        super().__init__("\n".join([*map(str, self.problems[:20]), *more]))


def show(value: Any) -> str:
    "Write a value as JSON would, shortened, so that a message can carry it safely."
    try:
        text = json.dumps(value[:40] if isinstance(value, str) else value, ensure_ascii=False)
    except (RecursionError, TypeError, ValueError):  # nested too deeply, or nothing of JSON
        text = f"a {type(value).__name__}"
    if not text.isprintable():  # what controls a terminal, or cannot be seen
        text = "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)
    return text if len(text) <= 40 else text[:37] + "..."


def read_moment(text: str, zone: ZoneInfo) -> datetime:
    "Read a text as a moment, in a zone if it has no offset; ValueError where clocks leave it out."
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
        if moment.astimezone(UTC).astimezone(zone) != moment:
            raise ValueError(text)
    return moment


def find_code(value: str | float | None, codes: dict) -> float:  # codes: by category
    "Find the code of a category; whole numbers and booleans are known by their text, as in JSON."
    if isinstance(value, bool | int | float):
        value = str(value).lower() if isinstance(value, bool) else str(int(value))
    return MISSING if value is None else codes.get(value, UNKNOWN)


def read_column(values: list, column: Column) -> list:  # n values of the column's type
    "Read numbers, codes, or moments in the column's zone; raises an error for no such moment."
    if column.kind == "number":
        return values
    if column.kind == "category":
        codes = column.codes
        return [codes[each] if each in codes else find_code(each, codes) for each in values]
    moments = [None if text is None else read_moment(text, column.zone) for text in values]
    utc = [moment.astimezone(UTC) for moment in moments if moment]  # compared faster in one zone
    if utc and not column.ends[0] <= min(utc) <= max(utc) <= column.ends[1]:
        raise OverflowError(column.expected)
    return [moment and moment.astimezone(column.zone) for moment in moments]


class ValueRefused(ValueError):
    "A value breaks the contract; its arguments are the text and the reason of a problem."


def read_value(
    value: Any,  # as it came out of JSON
    column: Column,
) -> float | datetime | None:  # number, code of a category, moment in the column's zone; or missing
    "Read one value; raises ValueRefused where it breaks the contract."
    try:
        return read_column([msgspec.convert(value, column.type)], column)[0]
    except OverflowError:
        reason = "range"
    except (ValueError, TypeError):  # msgspec's ValidationError is a ValueError
        is_right = type(value) in {"number": (int, float), "category": (str,)}.get(column.kind, ())
        reason = "missing" if value is None else "range" if is_right else "type"
    got = "nothing" if value is None else show(value)
    raise ValueRefused(f"expected {column.expected}, got {got}", reason)


def find_problems(rows: Iterable, features: Features) -> Iterator[Problem]:
    "Find what is wrong in rows: value by value, against the same types."
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            yield Problem(number, "", f"expected names and values, got {show(row)}", "type")
            continue
        for name in [name for name in row if name not in features.known]:
            name = show(name).strip('"')
            yield Problem(number, name, "expected no such column, got one", "extra")
        for name, column in features.columns.items():
            try:
                if name in row:
                    read_value(row[name], column)
                else:
                    yield Problem(number, name, "expected a value, got no such column", "missing")
            except ValueRefused as refused:
                yield Problem(number, name, *refused.args)


def check_rows(rows: list, features: Features) -> list:  # rows: dictionaries; of features.row
    "Check rows against the contract; raises RowsError with every mistake, by row and column."
    try:
        return msgspec.convert(rows, list[features.row])
    except ValueError:  # such as msgspec's ValidationError
        raise RowsError(find_problems(rows, features)) from None


PARTS = {  # of a moment, in the zone of its column
    "hour": attrgetter("hour"),  # 0 to 23
    "weekday": datetime.weekday,  # Monday is 0
    "day": lambda moment: moment.timetuple().tm_yday,  # of the year, from 1
    "month": attrgetter("month"),
}


def find_unknown(
    column: Column,
    codes: list,  # n of them
    texts: list,  # n categories, as they came
    rows: Iterable,  # n numbers of rows, for the warnings
) -> Iterator[Problem]:
    "Find the categories that the contract does not know; they are scored with a warning."
    for code, text, row in zip(codes, texts, rows, strict=False):
        if code == UNKNOWN:
            yield Problem(row, column.name, f"unknown category {show(text)}", "unknown")


def encode_rows(
    rows: list,  # n of features.row
    features: Features,
) -> tuple[np.ndarray, list[Problem]]:  # (n, n_features) float32; unknown categories
    "Turn checked rows into the model's matrix; raises RowsError for moments that are none."
    read, unknown = {}, []
    try:
        for place, column in enumerate(features.columns.values()):
            values = list(map(attrgetter(f"column_{place}"), rows))
            read[column.name] = codes = read_column(values, column)
            if column.kind == "category" and UNKNOWN in codes:
                unknown += find_unknown(column, codes, values, count(1))
    except (ValueError, TypeError, OverflowError):
        raise RowsError(find_problems(map(msgspec.to_builtins, rows), features)) from None
    matrix = np.empty((len(rows), len(features.names)), dtype="float32")
    for place, feature in enumerate(features.names):
        name, part = split_feature(feature, read)
        values = read[name]
        matrix[:, place] = [each and PARTS[part](each) for each in values] if part else values
    return matrix, unknown
