"""What the schema allows is accepted: it may promise less than the app keeps, and never more."""

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta

DAYS = {28: "(0[1-9]|1[0-9]|2[0-8])", 29: "(0[1-9]|[12][0-9])"}  # by a month's length
DAYS |= {30: "(0[1-9]|[12][0-9]|30)", 31: "(0[1-9]|[12][0-9]|3[01])"}
TIME = r"T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?"
OFFSET = "(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])"


def match_moments(
    low: datetime,
    high: datetime,
    example: str,  # within the range; the pattern matches it in any case
) -> str:  # regular expression
    "Write a pattern for the moments of those months that lie within a range as a whole."
    low, high, years = low + timedelta(hours=14), high - timedelta(hours=14), {}
    for year in range(max(low.year, 1900), min(high.year, 2100) + 1):
        lengths = [(datetime(year, m, 1, tzinfo=UTC), monthrange(year, m)[1]) for m in range(1, 13)]
        months = "|".join(
            f"{first:%m}-{DAYS[length]}" for first, length in lengths
            if low <= first <= high - timedelta(days=length)
        )  # fmt: skip
        years.setdefault(months, []).append(str(year))
    years.pop("", None)  # those without a whole month
    days = "|".join(f"({'|'.join(names)})-({months})" for months, names in years.items())
    pattern = f"({days}){TIME}{OFFSET}" if days else escape(example)
    return pattern if re.fullmatch(pattern, example) else f"{pattern}|{escape(example)}"


def escape(text: str) -> str:
    "Write a pattern that matches this very text."
    return re.sub(r"[.*+?^${}()|\[\]\\]", r"\\\g<0>", text)


def describe_column(
    said: dict,  # what the contract says about it
) -> dict:  # JSON Schema
    "Describe what a column may hold."
    text = said["description"] + (f", in {said['unit']}" if said["unit"] else "")
    if said["kind"] == "number":
        schema = {"type": "number", "minimum": said["range"][0], "maximum": said["range"][1]}
    elif said["kind"] == "category":
        schema = {"type": "string"}
        text += f"; known: {', '.join(said['values'])}; any other is scored with a warning"
    else:
        low, high = (datetime.fromisoformat(end).astimezone(UTC) for end in said["range"])
        schema = {"type": "string", "pattern": f"^({match_moments(low, high, said['example'])})$"}
        text += f"; ISO 8601 with its offset from UTC, from {low:%Y-%m-%d} to {high:%Y-%m-%d}"
    if said["may_be_missing"]:
        schema["type"] = [schema["type"], "null"]
    return schema | {"description": text, "examples": [said["example"]]}


BLANK = {"type": "string", "pattern": r"^\s*$"}
VISIBLE = {"pattern": r"[^\s\x1c-\x1f\x85]"}  # what is left when white space is taken away


def match_cell(said: dict) -> str:  # regular expression
    "Write a pattern for a column's value in CSV; of numbers only the ends and the example."
    if said["kind"] == "number":
        cell = "|".join(escape(str(value)) for value in (*said["range"], said["example"]))
    elif said["kind"] == "category":
        cell = r'[^",\r\n\x00]+'
    else:
        cell = describe_column(said)["pattern"][1:-1]
    return f"({cell})" + "?" * said["may_be_missing"]


def describe_field(said: dict) -> dict:  # JSON Schema
    "Describe what a field of the form may send for a column."
    schema = describe_column(said | {"may_be_missing": False})
    if said["kind"] == "category":
        return schema if said["may_be_missing"] else schema | VISIBLE
    return {"anyOf": [schema, BLANK]} if said["may_be_missing"] else schema


def describe_rows(
    contract: dict,  # as plain data, for instance from contract.json
    names: list[str],  # of the columns that features are read from
) -> dict:  # JSON Schemas by name
    "Describe a row as a program writes it, a table, lines of CSV, and what the form sends."
    said = {name: contract["columns"][name] for name in names}
    others = [name for name in contract["columns"] if name not in names]
    ignored = {name: {"description": "not looked at"} for name in others}
    columns = {name: describe_column(said[name]) for name in names}
    cells = [{"$ref": f"#/components/schemas/Row/properties/{name}"} for name in names]
    line = {"type": "array", "prefixItems": cells, "items": False, "minItems": len(names)}
    table = {"columns": {"const": names}, "data": {"type": "array", "items": line, "minItems": 1}}
    header, match = escape(",".join(names)), ",".join(match_cell(said[name]) for name in names)
    fields = {name: describe_field(said[name]) for name in names}
    needed = [name for name in names if not said[name]["may_be_missing"]]
    closed = {"type": "object", "additionalProperties": False}
    return {
        "Row": closed | {"properties": columns | ignored, "required": names},
        "Table": closed | {"properties": table | {"index": {}}, "required": list(table)},
        "Lines": {"type": "string", "pattern": f"^{header}(\n{match})+\n?$"},
        "Form": {"type": "object", "properties": fields, "required": needed},
    }
