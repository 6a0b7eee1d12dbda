"""Read rows as the contract describes their columns, and turn them into the model's matrix."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, repeat
from operator import attrgetter
from typing import Annotated, Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

UNKNOWN, MISSING = -1.0, -2.0  # codes of a category that the contract does not list, and of none
LONGEST = 200  # characters of a category: no single value fills the log
MOST_PROBLEMS = 1000  # that are listed: more are one mistake, a thousand times


@dataclass(frozen=True)
class Column:
    "What the contract allows one column to hold."

    name: str
    kind: str  # number, category or moment
    type: Any  # of its values in JSON, for msgspec
    expected: str  # the same in words
    codes: dict | None = None  # of a category: its code by its name, in the contract's order
    ends: tuple[datetime, datetime] | None = None  # of moments: the earliest and the latest
    zone: ZoneInfo | None = None  # of a moment: where its hour and its weekday are read


def make_column(name: str, spec: dict) -> Column:  # spec: what the contract says about the column
    "Make the type of a column, and the words for it, from the contract."
    about = {"description": spec["description"], "examples": [spec["example"]]}
    if spec["kind"] == "number":
        low, high = spec["range"]
        about["description"] += f", in {spec['unit']}" if spec["unit"] else ""
        checked, more = Annotated[float, msgspec.Meta(ge=low, le=high, **about)], {}
        expected = f"a number from {low:.12g} to {high:.12g}"
    elif spec["kind"] == "category":
        codes = {value: float(code) for code, value in enumerate(spec["values"])}
        longest, more = max([LONGEST, *map(len, codes)]), {"codes": codes}
        about["description"] += f"; known: {', '.join(codes)}; any other is scored with a warning"
        checked = Annotated[str, msgspec.Meta(max_length=longest, **about)]
        expected = f"text of at most {longest} characters"
    else:
        ends = tuple(map(datetime.fromisoformat, spec["range"]))
        expected = "a moment with its offset from UTC, from "
        expected += " to ".join(f"{end.astimezone(UTC):%Y-%m-%dT%H:%MZ}" for end in ends)
        about["description"] += f"; ISO 8601, {expected}"
        pattern = {"pattern": match_years(*ends, spec["example"])}
        checked = Annotated[str, msgspec.Meta(extra_json_schema=pattern, **about)]
        more = {"ends": ends, "zone": ZoneInfo(spec["timezone"])}
    checked = checked | None if spec["may_be_missing"] else checked
    return Column(name, spec["kind"], checked, expected, **more)


def match_years(first: datetime, last: datetime, example: str) -> str:
    "Write a pattern for an example, and for the years that a range holds whatever the offset."
    day, time = "(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])", "([01][0-9]|2[0-3])(:[0-5][0-9]){1,2}"
    first, last = first + timedelta(hours=14), last - timedelta(hours=14)
    starts = [datetime(year, 1, 1, tzinfo=UTC) for year in range(1900, 2101)]
    years = [f"{start:%Y}" for start in starts if first <= start <= last - timedelta(days=366)]
    pattern = f"({'|'.join(years)})-{day}T{time}(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])"
    example = example.replace("+", "[+]").replace(".", "[.]")
    return f"^({pattern}|{example})$" if years else f"^{example}$"


@dataclass(frozen=True)
class Features:
    "The features in the model's order, and the columns that they are read from."

    names: tuple[str, ...]
    columns: dict[str, Column]
    known: frozenset[str]  # every column that the contract names
    row: type  # a msgspec.Struct with a field for each of the known columns
    decoder: msgspec.json.Decoder  # of a list of rows


def read_features(contract: dict) -> Features:  # contract: plain data, such as contract.json
    "Read from a contract what turning rows into numbers needs."
    specs, names = contract["columns"], tuple(contract["features"])
    sources = [name if name in specs else name.rpartition(".")[0] for name in names]
    columns = {name: make_column(name, specs[name]) for name in dict.fromkeys(sources)}
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
        text = json.dumps(value[:40] if isinstance(value, str) else value, default=str)
    except (RecursionError, TypeError, ValueError):
        text = f"a {type(value).__name__}"
    return text if len(text) <= 40 else text[:37] + "..."


class ValueRefused(ValueError):
    "A value breaks the contract; its arguments are the text and the reason of a problem."


def read_value(
    value: Any,  # as it came out of JSON, or out of a table
    column: Column,
) -> float | datetime | None:  # number, code of a category, moment in the column's zone; or missing
    "Read one value; raises ValueRefused where it breaks the contract."
    moment, reason = value if isinstance(value, datetime) else None, "type"
    try:
        if not (moment and column.kind == "moment"):
            value = msgspec.convert(value, column.type)
        if column.kind == "category":
            return MISSING if value is None else column.codes.get(value, UNKNOWN)
        if column.kind == "number" or value is None:
            return value
        moment = moment or datetime.fromisoformat(value)
        reason = "range" if moment.tzinfo else "type"
        if moment.tzinfo and column.ends[0] <= moment <= column.ends[1]:
            return moment.astimezone(column.zone)
    except (ValueError, OverflowError):  # msgspec's ValidationError is a ValueError
        is_right = type(value) in {"number": (int, float), "category": (str,)}.get(column.kind, ())
        reason = "missing" if value is None else "range" if is_right else reason
    got = "nothing" if value is None else show(value)
    raise ValueRefused(f"expected {column.expected}, got {got}", reason)


def find_problems(rows: Iterable, features: Features) -> Iterator[Problem]:
    "Find what is wrong in rows: value by value, against the same types."
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, dict):
            yield Problem(number, "", f"expected names and values, got {show(row)}", "type")
            continue
        for name in row:
            if name not in features.known:
                text = "expected no such column, got one"
                yield Problem(number, show(name)[1:-1], text, "extra")
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
    except msgspec.ValidationError:
        raise RowsError(find_problems(rows, features)) from None


def read_column(values: tuple, column: Column) -> tuple | list:  # of n values that were checked
    "Read numbers, codes, or moments in the column's zone; raises an error for no such moment."
    if column.kind == "number":
        return values
    if column.kind == "category":
        return [MISSING if text is None else column.codes.get(text, UNKNOWN) for text in values]
    moments = [None if text is None else datetime.fromisoformat(text) for text in values]
    present = [moment for moment in moments if moment]
    if present and not column.ends[0] <= min(present) <= max(present) <= column.ends[1]:
        raise ValueError(column.expected)
    return [moment and moment.astimezone(column.zone) for moment in moments]


PARTS = {  # of a moment, in the zone of its column
    "hour": attrgetter("hour"),  # 0 to 23
    "weekday": datetime.weekday,  # Monday is 0
    "day": lambda moment: moment.timetuple().tm_yday,  # of the year, from 1
    "month": attrgetter("month"),
}


def encode_rows(
    rows: list,  # n of features.row
    features: Features,
) -> tuple[np.ndarray, list[Problem]]:  # (n, n_features) float32; unknown categories
    "Turn checked rows into the model's matrix; raises RowsError for moments that are none."
    read, unknown = {}, []
    try:
        table = zip(*map(msgspec.structs.astuple, rows), strict=True) if rows else repeat(())
        for column, values in zip(features.columns.values(), table, strict=False):
            read[column.name] = codes = read_column(values, column)
            if column.kind == "category" and UNKNOWN in codes:
                for row, (code, text) in enumerate(zip(codes, values, strict=True), start=1):
                    if code == UNKNOWN:
                        text = f"unknown category {show(text)}"
                        unknown.append(Problem(row, column.name, text, "unknown"))
    except (ValueError, TypeError, OverflowError):
        raise RowsError(find_problems(map(msgspec.to_builtins, rows), features)) from None
    matrix = np.empty((len(rows), len(features.names)), dtype="float32")
    for place, feature in enumerate(features.names):
        name, _, part = (feature, "", "") if feature in read else feature.rpartition(".")
        values = [moment and PARTS[part](moment) for moment in read[name]] if part else read[name]
        matrix[:, place] = values
    return matrix, unknown
