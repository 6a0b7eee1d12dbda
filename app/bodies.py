"""Many ways to send rows, one list that comes out, and nothing guessed in between."""

import json
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import Any

import msgspec
import numpy as np
from werkzeug.exceptions import abort
from werkzeug.http import parse_options_header

from columns import Features, Problem, RowsError, show
from texts import MOST_ROWS, TOO_MANY, name_values, read_csv


@lru_cache(maxsize=100)
def read_kind(
    content_type: str | None,  # the header, for instance text/csv; charset=utf-8
) -> str:  # application/json or text/csv
    "Read what a body is said to be; raises an HTTP error for anything else."
    kind, options = parse_options_header(content_type)
    charset = options.get("charset", "utf-8").lower()
    if kind.lower() not in ("application/json", "text/csv") or charset not in ("utf-8", "utf8"):
        got = show(content_type or "nothing")
        abort(415, f"expected content type application/json or text/csv in UTF-8, got {got}")
    return kind.lower()


WRAPPINGS = ("dataframe_split", "dataframe_records", "instances", "inputs")
SPLIT, SETTINGS = {"columns", "data", "index"}, {"params", "parameters"}


def unwrap_rows(content: dict) -> list:
    "Take the rows out of an object that is no row; raises an HTTP error where that is unclear."
    if "columns" in content or "data" in content:
        content = {"dataframe_split": content}
    kind = next((name for name in WRAPPINGS if name in content), None)
    if kind is None:
        return [content]  # a row without some of its names: the check of the rows tells which
    for name in content:
        if name != kind and (name not in SETTINGS or content[name]):
            abort(422, f"{show(name)}: expected nothing beside {kind}, got a value")
    value = content[kind]
    if kind == "dataframe_split":
        table = value if isinstance(value, dict) else {}
        names, data = table.get("columns"), table.get("data")
        if not (isinstance(names, list) and isinstance(data, list) and table.keys() <= SPLIT):
            abort(422, f"expected a list of columns and a list of data, got {show(value)}")
        return name_values(names, data)
    if kind == "inputs" and isinstance(value, dict):
        lists = [values for values in value.values() if isinstance(values, list)]
        if len(lists) < len(value) or len(set(map(len, lists))) != 1:
            abort(422, "inputs: expected for each name a list of values, all of one length")
        return name_values(list(value), map(list, zip(*lists, strict=True)))
    if not isinstance(value, list):
        abort(422, f"{kind}: expected a list of rows, got {show(value)}")
    return value


def count_written(body: bytes) -> int:
    "Count the names in JSON, and what looks like one: never less than there are."
    if len(body) < 3000:
        return body.translate(None, b" \t\r\n").count(b'":')
    text = np.frombuffer(body, "uint8")  # for many rows a multiple faster
    before = text[np.flatnonzero(text == ord(":")) - 1]
    return int(np.count_nonzero((before == ord('"')) | (before <= ord(" "))))


def count_names(content: Any) -> int:
    "Count the names that came out; some may be left out, but none is added."
    if isinstance(content, dict):
        return len(content) + sum(
            [count_names(value) for value in content.values() if type(value) in (dict, list)]
        )
    return sum(map(len, content)) if set(map(type, content)) == {dict} else 0


def find_repeated(content: Any, row: int = 0) -> Iterator[Problem]:
    "Find names that an object gives more than once; objects are tuples of pairs here."
    if isinstance(content, list):
        for number, value in enumerate(content, start=1):
            yield from find_repeated(value, row or number)
    elif isinstance(content, tuple):
        for name, count in Counter(name for name, _ in content).items():
            if count > 1:
                said = f"expected one value, got {count}"
                yield Problem(row or 1, show(name)[1:-1], said, "twice")
        for _, value in content:
            yield from find_repeated(value, row)


DECODER = msgspec.json.Decoder()


def decode_json(body: bytes) -> Any:
    "Decode JSON; raises an HTTP error where it is none, and RowsError for a name given twice."
    try:
        content = DECODER.decode(body)
        if type(content) in (dict, list) and count_written(body) != count_names(content):
            pairs = json.loads(body, object_pairs_hook=tuple, parse_int=str)
            if repeated := list(islice(find_repeated(pairs), 100)):
                raise RowsError(repeated)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        abort(400, f"expected JSON: {error}")
    except RecursionError:
        abort(400, "expected JSON: lists or objects are nested too deeply")
    return content


def read_json(body: bytes, features: Features) -> list:
    "Read rows from JSON; raises an HTTP error or RowsError for what is unclear."
    content = decode_json(body)
    if isinstance(content, dict):
        return [content] if features.columns.keys() <= content.keys() else unwrap_rows(content)
    if not isinstance(content, list):
        abort(422, "expected a list of rows, or one row as an object")
    return content


def read_body(
    body: bytes,
    content_type: str | None,  # as the request's header says it
    features: Features,
) -> list:  # at least one row, as dictionaries; encode_rows checks what is in them
    "Read the rows that a program sends; raises an HTTP error or RowsError where they are unclear."
    read = read_csv if read_kind(content_type) == "text/csv" else read_json
    rows = read(body, features)
    if len(rows) > MOST_ROWS:
        abort(413, TOO_MANY)
    if not rows:
        abort(422, "expected a list of rows, or one row as an object; got no row")
    return rows
