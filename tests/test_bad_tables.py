"""Tables as they come: what cannot be taken is refused in one line, what can has a good contract.

Each case is a file of its own, read by what `mlprod new` does, in this process.
"""

import argparse
import datetime as dt
import gzip
import io
import sqlite3
import zipfile
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlprod.cli import describe_error
from mlprod.contract import read_contract
from mlprod.new import start_project
from postgres import need_server

UNSET = dict.fromkeys([
    "table", "project", "sql", "query", "positive", "rare", "task", "after", "timezone",
    "date_order", "decimal", "blank", "separator", "encoding", "sheet", "odcs",
])  # fmt: skip
OTHERS = (  # words that only other libraries use
    "arrow", "pandas", "codec", "traceback", "openpyxl", "csv parse", "literal", "invalid", "dtype",
    "object at", "errno", "exception", "nonetype",
)  # fmt: skip


def new(root, table=None, target="y", **options):
    "Do what `mlprod new TABLE --target y --yes …` does."
    words = UNSET | {"table": table and str(table), "target": target, "yes": True} | options
    return start_project(argparse.Namespace(**words), root)


def lines(*texts, rows=40, header="a,y"):
    "A good table of text, with some lines of another kind below."
    good = [f"{n % 7}.5,{'yes' if n % 3 else 'no'}" for n in range(rows)]
    return "\n".join([header, *good, *texts]) + "\n"


def column(values, name="a", mark=","):
    "A table of one column and labels."
    labelled = [f"{value}{mark}{'yes' if n % 3 else 'no'}" for n, value in enumerate(values)]
    return "\n".join([f"{name}{mark}y", *labelled]) + "\n"


def parquet(**columns):
    "Parquet with labels, as bytes."
    n = len(next(iter(columns.values())))
    labels = {"y": ["yes" if each % 3 else "no" for each in range(n)]}
    file = io.BytesIO()
    pq.write_table(pa.table(labels | columns), file)
    return file.getvalue()


def workbook(*sheets):
    "A workbook of Excel, as bytes."
    book = openpyxl.Workbook()
    book.remove(book.active)
    for number, rows in enumerate(sheets):
        sheet = book.create_sheet(f"sheet {number + 1}")
        for row in rows:
            sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def archive():
    "A zip archive, as bytes."
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        written.writestr("a.csv", lines())
    return file.getvalue()


def cells(n=40):
    "Rows of a workbook: a number, a day, a boolean and a label."
    day = dt.datetime(2024, 1, 31)
    return [["a", "day", "ok", "y"]] + [
        [each / 4, day + dt.timedelta(days=each), each % 2 == 0, "yes" if each % 3 else "no"]
        for each in range(n)
    ]


DAYS = [f"{n % 12 + 1:02}/{n % 11 + 1:02}/2024" for n in range(40)]
ISO = [f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}" for n in range(40)]
NUMBERS = [n * 31 % 97 / 4 for n in range(40)]
TWICE = pa.table([pa.array(NUMBERS), pa.array(NUMBERS), pa.array(["u", "v"] * 20)], ["a", "a", "y"])


def twice():
    "Parquet with two columns of one name, as bytes."
    file = io.BytesIO()
    pq.write_table(TWICE, file)
    return file.getvalue()


# name → file, content, options, words of the message
REFUSED = {
    "an empty file": ("t.csv", "", {}, "empty file"),
    "a header alone": ("t.csv", "a,y\n", {}, "expected rows"),
    "a header and blank lines": ("t.csv", "a,y\n\n\n", {}, "expected rows"),
    "blank lines alone": ("t.csv", "\n\n\n", {}, "got none"),
    "no such target": ("t.csv", lines(), {"target": "churned"}, 'expected a column "churned"'),
    "a misspelt target": ("t.csv", lines(header="a,late"), {"target": "lte"}, "--target \"late\"?"),
    "the target twice": ("t.csv", "y,a,y\n1,2,3\n", {}, "expected one column"),
    "a header that comes too late": ("t.csv", "#\n" * 30 + lines(), {}, "expected a column"),
    "a line too short": ("t.csv", lines("5"), {}, "row 41: expected 2 values; got 1"),
    "lines too short between spaces": (
        "t.txt", "1.5  2  yes\n3.5  4  no\n" * 20 + "5\n", {"target": "column_3"},
        "row 41: expected 3 values; got 1",
    ),
    "mistakes in several columns": (
        "t.csv", "a,b,y\n" + "1.5,2.5,no\n2,3,yes\n" * 20 + "s,bar,no\n", {},
        'as in other rows; got "s" (--blank "s" reads it as missing); and in 1 more column',
    ),
    "a time among times": ("t.csv", column(["9:30"] * 30 + ["9.75"]), {}, "a time such as 1:30"),
    "lines too long": ("t.csv", lines("5,no,6", "5,no,6"), {}, "got 3 (and 1 more such rows)"),
    "a quote that does not close": ("t.csv", lines('"5,no') + lines(), {}, "quote"),
    "an open quote near the top": (
        "t.csv", 'a,y\n1,no\n2,"yes\n' + lines(rows=20_000), {}, "row 2: y: expected a quote"
    ),
    "an open quote with millions of bytes behind it": (
        "t.csv", 'a,y\n1,no\n2,"yes\n' + lines(rows=400_000), {}, "is a quote open"
    ),
    "an open quote in the header": ("t.csv", '"a,y\n' + lines() * 400, {}, "quote"),
    "gzip": ("t.csv", gzip.compress(lines().encode()), {}, "gunzip"),
    "gzip by its name": ("t.csv.gz", gzip.compress(lines().encode()), {}, "gunzip"),
    "a zip archive": ("t.csv", archive(), {}, "unpack it"),
    "a workbook called CSV": ("t.csv", workbook(cells()), {}, "name it .xlsx"),
    "an old workbook": ("t.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 9, {}, "save it as .xlsx"),
    "a picture": ("t.csv", b"\x89PNG\r\n\x1a\n" + bytes(99), {}, "a picture"),
    "PDF": ("t.csv", b"%PDF-1.7\n%\xe2\xe3", {}, "PDF"),
    "Parquet called CSV": ("t.csv", parquet(a=NUMBERS), {}, "name it .parquet"),
    "CSV called Parquet": ("t.parquet", lines(), {}, "expected Parquet"),
    "CSV called a workbook": ("t.xlsx", lines(), {}, "expected Excel"),
    "NUL bytes": ("t.csv", lines("5\0,no"), {}, "NUL"),
    "NUL bytes further down": ("t.csv", lines(rows=150_000) + "5\0,no\n", {}, "NUL"),
    "bytes of nothing": ("t.csv", bytes(range(128, 256)) * 20, {}, "t.csv"),
    "Parquet cut off": ("t.parquet", parquet(a=NUMBERS)[:300], {}, "cannot be read"),
    "a workbook cut off": ("t.xlsx", workbook(cells())[:900], {}, "cannot be read"),
    "an archive called a workbook": ("t.xlsx", archive(), {}, "cannot be read"),
    "a workbook without the target": ("t.xlsx", workbook(cells()), {"target": "q"}, 'column "q"'),
    "a target on two sheets": ("t.xlsx", workbook(cells(), cells()), {}, "--sheet"),
    "no such sheet": ("t.xlsx", workbook(cells()), {"sheet": "May"}, 'got "sheet 1"'),
    "an empty sheet": ("t.xlsx", workbook([]), {}, "expected a column"),
    "cells beyond the header": ("t.xlsx", workbook(cells() + [[1] * 6]), {}, "expected 4 values"),
    "a format that we do not read": ("t.json", "[1]", {}, ".parquet"),
    "a file without an ending": ("t", lines(), {}, "ends in"),
    "formulas without results": (
        "t.xlsx", workbook([["a", "b", "y"], *[[n, "=A2*2", "no"] for n in range(9)]]), {},
        "expected the results of formulas",
    ),
    "infinity": ("t.csv", lines("inf,no"), {}, 'as in other rows; got "inf"'),
    "a number too large": ("t.csv", lines("1e999,no"), {}, "row 41: a: expected a finite number"),
    "infinity in Parquet": ("t.parquet", parquet(a=[*NUMBERS, float("inf")]), {}, "row 41: a"),
    "a word among numbers": ("t.csv", lines("far,no"), {}, '--blank "far"'),
    "three ways to write a day": (
        "t.csv", column([*ISO, "31.01.2024", "01/31/2024"]), {}, "row 41: a: expected a date"
    ),
    "equally many ways": ("t.csv", column(ISO[:10] + ["31.01.2024"] * 10), {}, "row 11: a"),
    "days that may be months": ("t.csv", column(DAYS), {}, "--date-order dmy or mdy"),
    "years of two digits": ("t.csv", column(["31.12.24"] * 20), {}, "--date-order"),
    "offsets now and then": (
        "t.csv", column([f"{day}T10:00:00Z" for day in ISO] + ["2024-01-01T10:00:00"]), {}, "offset"
    ),
    "a clock time that there was not": (
        "t.csv", column([f"{day}T10:00" for day in ISO] + ["2024-03-31T02:30"]),
        {"timezone": "Europe/Berlin"}, "2024-03-31",
    ),
    "a comma with two meanings": ("t.csv", column(["1,234"] * 20, mark=";"), {}, "--decimal"),
    "two currencies": ("t.csv", column(["3 €", "4 $"] * 20), {}, "one unit"),
    "percent and none": ("t.csv", column(["3%", "0.04"] * 20), {}, "one unit"),
    "one label": ("t.csv", column(NUMBERS).replace("yes", "no"), {}, "expected different values"),
    "no label at all": ("t.csv", "a,y\n" + "1.5,\n2.5,NA\n" * 20, {}, "got empty"),
    "labels that are texts": ("t.csv", "a,y\n" + "".join(f"1,t{n}\n" for n in range(99)), {}, "50"),
    "a moment as target": ("t.csv", column(ISO, "y").replace(",y", ",b"), {}, "got moments"),
    "a label of one row": ("t.csv", lines("5,maybe"), {}, "--rare drop"),
    "too few rows to merge": ("t.csv", lines("5,maybe"), {"rare": "merge"}, "still too few"),
    "labels that look alike": (
        "t.csv", lines().replace("yes", "a  b").replace("no", "a b"), {}, "can tell apart"
    ),
    "no such label": ("t.csv", lines(), {"positive": "maybe"}, "--positive maybe"),
    "a target alone": ("t.csv", "y\n" + "no\nyes\n" * 20, {}, "at least one column"),
    "nothing that differs": ("t.csv", column([1] * 40), {}, "a: never differs"),
    "identifiers alone": ("t.csv", column(range(40), "id"), {}, "counts the rows"),
    "free text alone": (
        "t.csv", column([f"this is the remark number {n} of many more" for n in range(40)]), {},
        "free text",
    ),
    "no such encoding": ("t.csv", lines(), {"encoding": "latin-99"}, "--encoding latin-99"),
    "another encoding than said": (
        "t.csv", lines("5,für").encode("cp1252"), {"encoding": "utf-8"}, "--encoding"
    ),
    "half of it UTF-8": (
        "t.csv", lines("5,für").encode() + "5,für\n".encode("cp1252"), {}, "line 43: expected UTF-8"
    ),
    "a separator of two letters": ("t.csv", lines(), {"separator": "::"}, "--separator ::"),
    "another separator than said": ("t.csv", lines(), {"separator": "|"}, "expected a column"),
    "one name twice in Parquet": ("t.parquet", twice(), {}, "twice"),
    "nested values alone": ("t.parquet", parquet(a=[[1, 2]] * 40), {}, "at least one column"),
    "a zone that there is not": ("t.csv", lines(), {"timezone": "Europe/Berln"}, "Europe/Berlin?"),
    "no such column afterwards": ("t.csv", lines(), {"after": ["b"]}, "--after b"),
    "a name for no folder": ("t.csv", lines(), {"project": "../up"}, "small letters"),
    "a file and a query": (
        "t.csv", lines(), {"sql": "sqlite:///t", "query": "select 1"}, "got both"
    ),
    "a query without a database": ("t.csv", lines(), {"query": "select 1"}, "together"),
}  # fmt: skip


def check_refused(root, words, call):
    "The error is ours, one line, in our words, and no file is left."
    before = sorted(path for path in root.rglob("*") if path.name != "data")
    with pytest.raises(ValueError) as caught:
        call()
    text = describe_error(caught.value)
    assert "\n" not in text and not text.startswith("unexpected"), text
    assert words in text, text
    assert not [word for word in OTHERS if word in text.lower()], text
    assert sorted(path for path in root.rglob("*") if path.name != "data") == before


@pytest.mark.parametrize("name", REFUSED)
def test_a_table_that_cannot_be_taken_is_refused_in_one_line(name, tmp_path):
    "The line says what helps, no other library speaks, and nothing is half-written."
    file, content, options, words = REFUSED[name]
    path = tmp_path / file
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    check_refused(tmp_path, words, lambda: new(tmp_path, path, **options))


@pytest.mark.parametrize(
    ("url", "query", "words"),
    [
        ("sqlite:///none.db", "select 1 as y", "none there"),
        ("sqlite:///{}", "selct 1", "syntax error"),
        ("sqlite:///{}", "select a from t", 'expected a column "y"'),
        ("sqlite:///{}", "select a, x'00ff' as b, y from t", "got bytes"),
        ("sqlite:///{}", "drop table t", "--query"),
        ("sqlite:///{}", "insert into t values (1, 'no')", "--query"),
        ("oracle://me:secret@host/x", "select 1 as y", "--sql oracle"),
    ],
)
def test_a_query_that_gives_no_table_is_refused(url, query, words, tmp_path):
    "The database is opened for reading only, and a password is in no message."
    link = sqlite3.connect(tmp_path / "t.db")
    link.executescript("create table t(a, y); insert into t values (1, 'no'), (2, 'yes')")
    link.close()
    url = url.format(tmp_path / "t.db")
    check_refused(tmp_path, words, lambda: new(tmp_path, sql=url, query=query))
    link = sqlite3.connect(tmp_path / "t.db")
    assert link.execute("select count(*) from t").fetchone() == (2,)
    link.close()


def test_a_folder_without_parquet_is_refused(tmp_path):
    "And so is one of files whose columns differ in type, and a file that is not there."
    folder = tmp_path / "folder"
    folder.mkdir()
    check_refused(tmp_path, "got none in it", lambda: new(tmp_path, folder))
    (folder / "1.parquet").write_bytes(parquet(a=NUMBERS))
    (folder / "2.parquet").write_bytes(parquet(a=["far"] * 40))
    check_refused(tmp_path, "cannot be read", lambda: new(tmp_path, folder))
    check_refused(tmp_path, "none there", lambda: new(tmp_path, tmp_path / "none.csv"))


# ---------------------------------------------------------------- what can be taken


def same(values):
    "A check that column a holds these values."
    return lambda contract, rows: rows["a"].to_pylist()[: len(values)] == list(values)


def has(*names):
    "A check of the contract's columns."
    return lambda contract, rows: list(contract.columns) == list(names) == rows.column_names


def labels(*words):
    "A check of the contract's labels."
    return lambda contract, rows: contract.target.labels == list(words)


WILD = [
    "!!python/object/apply:os.system [ls]", "{{7*7}}", "=cmd|' /C calc'!A0", "</script>",
    "a: b # c", "- x", "& y", "*z", "%TAG", "'", '""q""', "NO", "null", "~", "yes", "1e3", "😀",
]  # fmt: skip
HEADERS = [
    "class", "id", "model", "index", "__proto__", "{x}", "</script>", "yes: no # [", "=1+1", "😀",
    "target", "columns", "sent.hour", "N" * 300, "on", "1",
]  # fmt: skip
MOMENTS = [dt.datetime(2024, 1, 31), dt.datetime(2024, 2, 1)]

# name → file, content, options, what must hold of contract and rows
TAKEN = {
    "a byte order mark": ("t.csv", lines().encode("utf-8-sig"), {}, has("a", "y")),
    "UTF-16": ("t.csv", lines().encode("utf-16"), {}, has("a", "y")),
    "UTF-16 without a mark": ("t.csv", lines().encode("utf-16-le"), {}, has("a", "y")),
    "Latin-1": (
        "t.csv", lines(header="Größe,y").encode("latin-1"), {}, has("Größe", "y")
    ),
    "Cyrillic": (
        "t.csv", lines(header="Возраст покупателя в годах,y").encode("cp1251"), {},
        has("Возраст покупателя в годах", "y"),
    ),
    "Czech": (
        "t.csv", lines("5,Plzeň", "5,Třebíč", "5,město", header="ženatý,y").encode("cp1250"),
        {"rare": "drop"}, has("ženatý", "y"),
    ),
    "Czech without ž": (
        "t.csv", lines(header="příjem,město").encode("cp1250"), {"target": "město"},
        has("příjem", "město"),
    ),
    "Polish": (
        "t.csv", lines(header="wartość całkowita,y").encode("cp1250"), {},
        has("wartość całkowita", "y"),
    ),
    "Danish": (
        "t.csv", lines(header="beløb på kort,y").encode("cp1252"), {}, has("beløb på kort", "y")
    ),
    "Italian": (
        "t.csv", lines(header="età lunedì,y").encode("cp1252"), {}, has("età lunedì", "y")
    ),
    "pounds and cubes": (
        "t.csv", lines(header="£ für m³,y").encode("cp1252"), {}, has("£ für m³", "y"),
    ),
    "semicolons": ("t.csv", lines().replace(",", ";"), {}, has("a", "y")),
    "tabs": ("t.TSV", lines().replace(",", "\t"), {}, has("a", "y")),
    "bars": ("t.txt", lines().replace(",", "|"), {}, has("a", "y")),
    "a separator that is said": (
        "t.csv", lines().replace(",", "~"), {"separator": "~"}, has("a", "y")
    ),
    "lines that end as on Windows": ("t.csv", lines().replace("\n", "\r\n"), {}, same([0.5, 1.5])),
    "lines that end as on an old Mac": ("t.csv", lines().replace("\n", "\r"), {}, same([0.5, 1.5])),
    "no last line break": ("t.csv", lines()[:-1], {}, lambda contract, rows: len(rows) == 40),
    "no header": (
        "t.csv", lines().partition("\n")[2], {"target": "column_2"}, has("column_1", "column_2")
    ),
    "titles above the header": ("t.csv", "Report\n\nMay 2024,\n" + lines(), {}, same([0.5, 1.5])),
    "the header again": ("t.csv", lines() + lines(), {}, lambda contract, rows: len(rows) == 80),
    "names that occur twice": ("t.csv", "a,a,,y\n" + "1,2.5,x,no\n2,3.5,z,yes\n" * 20, {},
                               has("a", "a_2", "column_3", "y")),
    "line breaks and quotes in names": (
        "t.csv", '"a\nb","say ""hi""",y\n' + "1,2.5,no\n2,3.5,yes\n" * 20, {},
        has("a b", "say hi", "y"),
    ),
    "wild names": (
        "t.csv", ",".join([*HEADERS, "y"]) + "\n" + (
            "".join(f"{n}.5," for n in range(16)) + "no\n" + "7.25," * 16 + "yes\n") * 20, {},
        lambda contract, rows: len(contract.features) == 16
        and max(map(len, rows.column_names)) == 100 and "sent_hour" in rows.column_names,
    ),
    "wild values": (
        "t.csv", column([f'"{each}"' for each in WILD] * 5), {},
        lambda contract, rows: set(contract.columns["a"].values) == {
            each.replace('""', '"') for each in WILD if each != "null"
        },
    ),
    "wild labels": (
        "t.csv", 'a,y\n1,"x ""y""\n\\z"\n2,"</script>: #"\n' * 20, {},
        lambda contract, rows: sorted(contract.target.labels) == ["</script>: #", "x y z"],
    ),
    "spaces around values": ("t.csv", column([f" {n} " for n in NUMBERS]), {}, same(NUMBERS)),
    "decimal commas": (
        "t.csv", column(["1.234,5", "3,25"] * 20, mark=";"), {}, same([1234.5, 3.25])
    ),
    "decimal commas in another column": (
        "t.csv", "a;b;y\n" + "1.234;0,5;no\n2.345;1,5;yes\n" * 20, {}, same([1234, 2345])
    ),
    "thousands": ("t.csv", column(['"1,234.5"', "3.25"] * 20), {}, same([1234.5, 3.25])),
    "apostrophes": ("t.csv", column(["1'234.5", "3.25"] * 20), {}, same([1234.5, 3.25])),
    "a comma that is said": (
        "t.csv", column(["1,234", "2,5"] * 20, mark=";"), {"decimal": "comma"}, same([1.234, 2.5])
    ),
    "a currency": (
        "t.csv", column(["-$3.50", "$4"] * 20), {},
        lambda contract, rows: contract.columns["a"].unit == "$" and rows["a"][0].as_py() == -3.5,
    ),
    "amounts in brackets": (
        "t.csv", column(["(1234.50)", "−12.25", "3-"] * 14), {}, same([-1234.5, -12.25, -3])
    ),
    "lakhs": ("t.csv", column(['"12,34,567.5"', "3.5"] * 20), {}, same([1234567.5, 3.5])),
    "a unit": (
        "t.csv", column(["6.5 kg", '"1,200kg"', "7 kg"] * 14), {},
        lambda contract, rows: contract.columns["a"].unit == "kg"
        and rows["a"].to_pylist()[:3] == [6.5, 1200, 7],
    ),
    "several units": ("t.csv", column(["6.5 kg", "3 g"] * 20), {}, same(["6.5 kg", "3 g"])),
    "codes with a letter": ("t.csv", column(["m5", "g07", "h12"] * 14), {}, same(["m5", "g07"])),
    "hours and minutes": ("t.csv", column(["9:30", "14:00"] * 20), {}, same([9.5, 14])),
    "durations": ("t.csv", column(["0:00:36", "100:30:00", "NA"] * 14), {}, same([0.01, 100.5])),
    "weeks": (
        "t.csv", "a,b,y\n" + "".join(
            f"2024-W{n % 30 + 1:02},{n % 7}.5,{'yes' if n % 3 else 'no'}\n" for n in range(40)), {},
        lambda contract, rows: rows["a"][2].as_py() == dt.datetime(2024, 1, 15)
        and contract.split.by == "a" and contract.features == ["b"],
    ),
    "seconds since 1970": (
        "t.csv", column([1_700_000_000 + 3600 * n for n in range(40)], "start_time"), {},
        lambda contract, rows: contract.columns["start_time"].kind == "moment"
        and rows["start_time"][1].as_py() == dt.datetime(2023, 11, 14, 23, 13, 20, tzinfo=dt.UTC),
    ),
    "milliseconds since 1970": (
        "t.csv", column([1_700_000_000_250 + n * 10**7 for n in range(40)], "ts"), {},
        lambda contract, rows: rows["ts"][0].as_py().microsecond == 250_000,
    ),
    "numbers as large as that": (
        "t.csv", column([1_700_000_000 + n * 37 % 11 * 10**6 for n in range(40)], "views"), {},
        lambda contract, rows: contract.columns["views"].kind == "number",
    ),
    "JSON in a column": (
        "t.csv", "a,b,y\n" + "".join(
            f'{n % 7}.5,"{{""user"": {n % 9}}}",{n % 2}\n' for n in range(40)), {},
        lambda contract, rows: contract.features == ["a"],
    ),
    "values in several ways": (
        "t.csv", column(["Yes", "yes", "N", "n", "no"] * 8), {},
        lambda contract, rows: contract.columns["a"].values == ["N", "Yes", "n", "no", "yes"],
    ),
    "any number of spaces": (
        "t.txt", "\n".join(f" {n % 7 + 0.5:5.1f}   'x'\t{'yes' if n % 3 else 'no '}  "
                           for n in range(40)), {"target": "column_3"},
        lambda contract, rows: rows["column_1"].to_pylist()[:2] == [0.5, 1.5]
        and contract.target.labels == ["no", "yes"],
    ),
    "spaces in a first column": (
        "t.csv", column(["a quick day", "b"] * 20).partition("\n")[2],
        {"target": "column_2"}, has("column_1", "column_2"),
    ),
    "a word among amounts": (
        "t.csv", column(["3,50 zł", "4 zł"] * 20 + ["b.d."], mark=";"), {"blank": ["b.d."]},
        lambda contract, rows: contract.columns["a"].unit == "zł" and rows["a"][0].as_py() == 3.5,
    ),
    "percent": (
        "t.csv", column(["3 %", "4.5 %"] * 20), {},
        lambda contract, rows: contract.columns["a"].unit == "%" and rows["a"][1].as_py() == 4.5,
    ),
    "many words for nothing": (
        "t.csv", column(["NA", "N/A", "None", "NaT", "?", "-", "NULL", "", "1.5", "2"] * 5), {},
        lambda contract, rows: rows["a"].null_count == 40 and contract.columns["a"].may_be_missing,
    ),
    "another word for nothing": ("t.csv", lines("far,no"), {"blank": ["far"]}, same([0.5, 1.5])),
    "whole numbers with gaps": ("t.csv", column(["1.0", "", "12.0"] * 20), {}, same([1, None, 12])),
    "leading zeros": ("t.csv", column(["00123", "04711"] * 20), {}, same(["00123", "04711"])),
    "numbers longer than any": (
        "t.csv", column(["9" * 30, "8" * 30] * 20), {}, same(["9" * 30, "8" * 30])
    ),
    "days of a German": ("t.csv", column(["31.01.2024", "01.02.2024"] * 20), {}, same(MOMENTS)),
    "days whose order is said": (
        "t.csv", column(DAYS), {"date_order": "dmy"}, same([dt.datetime(2024, 1, 1)])
    ),
    "days with a name": ("t.csv", column(["31 Jan 2024", "01 Feb 2024"] * 20), {}, same(MOMENTS)),
    "days in one number": ("t.csv", column(["20240131", "20240201"] * 20), {}, same(MOMENTS)),
    "half of a day": (
        "t.csv", column(["1/31/2024 1:30 PM", "2/1/2024 11:05 AM"] * 20), {},
        same([dt.datetime(2024, 1, 31, 13, 30)]),
    ),
    "offsets": (
        "t.csv", column([f"{day}T10:00:00+02:00" for day in ISO]), {},
        lambda contract, rows: rows["a"][0].as_py() == dt.datetime(2024, 1, 1, 8, tzinfo=dt.UTC),
    ),
    "moments of UTC": (
        "t.csv", column([f"{day} 10:00:00 UTC" for day in ISO]), {},
        lambda contract, rows: rows["a"][0].as_py() == dt.datetime(2024, 1, 1, 10, tzinfo=dt.UTC),
    ),
    "moments with a zone's name": (
        "t.csv", column([f"2024-01-0{n % 5 + 1} 10:00 CET" for n in range(40)]), {},
        lambda contract, rows: contract.columns["a"].kind == "category",
    ),
    "the first and the last day": (
        "t.csv", column(["0001-01-01", "9999-12-31", "2024-05-05"] * 14), {},
        lambda contract, rows: contract.columns["a"].kind == "moment",
    ),
    "moments in a zone": (
        "t.csv", column(ISO), {"timezone": "Asia/Tokyo"},
        lambda contract, rows: contract.columns["a"].timezone == "Asia/Tokyo"
        and contract.split.by == "a",
    ),
    "0 and 1": ("t.csv", lines().replace("yes", "1").replace("no", "0"), {}, labels("not y", "y")),
    "true and false": (
        "t.csv", lines().replace("yes", "True").replace("no", "False"), {}, labels("not y", "y")
    ),
    "a label that is said": ("t.csv", lines(), {"positive": "no"}, labels("yes", "no")),
    "one against the rest": (
        "t.csv", lines(*["5,maybe"] * 9), {"positive": "maybe"}, labels("not maybe", "maybe")
    ),
    "rare labels left out": ("t.csv", lines("5,maybe"), {"rare": "drop"}, labels("no", "yes")),
    "rare labels merged": (
        "t.csv", lines(*["5,maybe", "5,perhaps"] * 3), {"rare": "merge"},
        labels("other", "no", "yes"),
    ),
    "an amount": (
        "t.csv", lines(header="y,b"), {"task": "amount"},
        lambda contract, rows: contract.task == "regression",
    ),
    "personal data": (
        "t.csv",
        "mail,a,y\n" + "".join(f"r{n}@example.org,{n % 5}.5,{n % 2}\n" for n in range(40)), {},
        lambda contract, rows: contract.columns["mail"].personal and contract.features == ["a"],
    ),
    "customers with several rows": (
        "t.csv",
        "customerID,a,y\n" + "".join(f"{n % 20},{n % 7}.5,{n % 2}\n" for n in range(80)), {},
        lambda contract, rows: contract.split.groups == "customerID" and contract.features == ["a"],
    ),
    "more categories than a form holds": (
        "t.csv", column([f"k{n % 60}" for n in range(600)]), {},
        lambda contract, rows: len(contract.columns["a"].values) == 50,
    ),
    "a workbook": ("t.xlsx", workbook([["May"], [], *cells()]), {}, has("a", "day", "ok", "y")),
    "types of Parquet": (
        "t.pq", parquet(
            a=pa.array(NUMBERS).cast(pa.decimal128(9, 2)),
            b=pa.array(["u", "v"] * 20).dictionary_encode(),
            day=[dt.date(2024, 1, 1 + n % 28) for n in range(40)], ok=[True, False] * 20,
            gone=[[1]] * 40, nan=[*NUMBERS[:39], float("nan")],
            ns=pa.array([n * 10**18 // 7 for n in range(40)], pa.timestamp("ns")),
            close=[2**62 + n * 37 % 11 for n in range(40)],  # float32 cannot tell them apart
        ), {},
        lambda contract, rows: rows.column_names == [
            "y", "a", "b", "day", "ok", "nan", "ns", "close"
        ] and "close" not in contract.features
        and rows["nan"].null_count == 1 and contract.columns["ok"].values == ["false", "true"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TAKEN)
def test_a_table_that_can_be_taken_has_a_contract(name, tmp_path):
    "The contract is one that read_contract accepts, and the rows are those of the file."
    file, content, options, holds = TAKEN[name]
    path = tmp_path / file
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    made = new(tmp_path, path, **options)
    contract = read_contract(made.folder / "contract.yaml")
    rows = pq.read_table(made.folder / contract.data.rows)
    assert list(contract.columns) == rows.column_names
    assert holds(contract, rows), (contract.columns, contract.target, rows.slice(0, 3).to_pylist())
    names = sorted(each.name for each in Path(made.folder).iterdir())
    assert names == sorted(["README.md", "contract.yaml", contract.data.rows])
    readme = (made.folder / "README.md").read_text(encoding="utf-8")
    assert "</script>" not in readme and "SHA-256" in readme and "@example.org" not in readme


def test_a_folder_of_parquet_is_one_table(tmp_path):
    "Files in it follow each other, and a folder's name may be a column."
    for year in (2023, 2024):
        folder = tmp_path / "sales" / f"year={year}"
        folder.mkdir(parents=True)
        (folder / "1.parquet").write_bytes(parquet(a=NUMBERS))
    made = new(tmp_path, tmp_path / "sales")
    assert made.table.rows == 80 and made.table.names == ["y", "a", "year"]


def test_a_query_is_a_table(tmp_path):
    "Cells of a database become what they would be in a file."
    link = sqlite3.connect(tmp_path / "t.db")
    link.execute("create table t(a real, day text, y integer)")
    rows = [(n / 4, ISO[n], n % 2) for n in range(40)]
    link.executemany("insert into t values (?, ?, ?)", rows)
    link.commit()
    link.close()
    made = new(tmp_path, sql=f"sqlite:///{tmp_path / 't.db'}", query="select * from t")
    assert made.folder.name == "t" and made.cut[0] == "day"
    read = pq.read_table(made.folder / "t.parquet")
    assert [str(kind) for kind in read.schema.types] == ["double", "timestamp[us]", "int64"]


def test_a_query_of_postgresql_only_reads(tmp_path):
    "Percent signs and colons are the query's own; what writes is refused, and nothing is written."
    import psycopg

    url = need_server().new_database()
    with psycopg.connect(url) as link:
        link.execute("create table t(a real, at timestamptz, y text)")
        values = [
            (n / 4, f"2024-01-{n % 28 + 1}T10:00Z", "no" if n % 3 else "yes") for n in range(40)
        ]
        link.cursor().executemany("insert into t values (%s, %s, %s)", values)
    query = "select * from t where y like '%o%' or at::time = '10:00:00'"
    made = new(tmp_path, sql=url, query=query, project="shop")
    assert made.table.rows == 40 and made.cut[0] == "at"
    for words in ("insert into t values (1) returning y", "drop table t", "selct 1 as y"):
        options = {"sql": url, "query": words, "project": "other"}
        check_refused(tmp_path, "database says", lambda options=options: new(tmp_path, **options))
    with psycopg.connect(url) as link:
        assert link.execute("select count(*) from t").fetchone() == (40,)
