# ruff: noqa: E501
"""What lesson 03 promises, at its edges."""

import gzip
import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest

from mlprod.contract import read_contract
from mlprod.data import (
    UNCLOSED,
    DataError,
    check_table,
    compare_windows,
    count_rows,
    describe_health,
    hash_file,
    read_column,
    read_rows,
    read_text,
    split_rows,
    take_labels,
    units_of,
)

NEVER = pd.Series(pd.NaT, index=range(5000), dtype="datetime64[us, UTC]")
MOMENT = "a moment, with its offset or in America/New_York"


@pytest.fixture(scope="module")
def flights(root):
    "The contract of the flights."
    return read_contract(root / "data/flights/contract.yaml")


@pytest.fixture(scope="module")
def penguins(root):
    "The contract of the penguins."
    return read_contract(root / "data/penguins/contract.yaml")


@pytest.fixture(scope="module")
def sample(root, flights):
    "The flights' sample of 5,000 rows."
    return read_rows(root / "data/flights/sample.parquet", flights)


@pytest.fixture(scope="module")
def birds(root, penguins):
    "All penguins."
    return read_rows(root / "data/penguins/penguins.parquet", penguins)


def refused(path, contract):
    "What read_rows says of a file, without the file's name; it has to refuse it."
    with pytest.raises(DataError) as caught:
        read_rows(path, contract)
    assert all(line.startswith(f"rows {path}: ") for line in str(caught.value).splitlines())
    return str(caught.value).replace(f"rows {path}: ", "")


def test_rows_come_back_from_csv_as_they_were(sample, flights, tmp_path):
    "Types, missing values and moments survive the detour through text."
    path = tmp_path / "rows.csv"
    sample.to_csv(path, index=False)
    pd.testing.assert_frame_equal(read_rows(path, flights), sample, check_dtype=False)


def test_columns_are_put_into_the_contracts_order(birds, penguins, tmp_path):
    "Whatever order the file has."
    path = tmp_path / "rows.parquet"
    birds[list(birds)[::-1]].to_parquet(path)
    pd.testing.assert_frame_equal(read_rows(path, penguins), birds)


def test_a_named_index_is_a_column(birds, penguins, tmp_path):
    "pandas hides a column there."
    path = tmp_path / "rows.parquet"
    birds.set_index("island").to_parquet(path)
    pd.testing.assert_frame_equal(read_rows(path, penguins), birds)


def test_missing_and_unknown_columns_are_named(birds, penguins, tmp_path):
    "Each in one line, with the name that was probably meant."
    path = tmp_path / "rows.csv"
    birds.drop(columns="sex").rename(columns={"year": "yaer"}).to_csv(path, index=False)
    assert refused(path, penguins).splitlines() == [
        "sex: expected a column; got none",
        "year: expected a column; got none",
        "columns: expected only those that the contract names; got 'yaer' (did you mean 'year'?)",
    ]


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("body_mass", "heavy", "row 2: body_mass: expected a number; got 'heavy'"),
        ("body_mass", "True", "row 2: body_mass: expected a number; got 'True'"),
        ("body_mass", "3,700", "row 2: body_mass: expected a number; got '3,700' (mlprod convert rows.csv rows-clean.parquet --contract data/penguins/contract.yaml makes a clean copy)"),
        ("body_mass", "-inf", "row 2: body_mass: expected a number; got '-inf'"),
        ("body_mass", "1e999", "row 2: body_mass: expected a number; got '1e999'"),
    ],
)
def test_text_among_numbers_is_refused_in_csv(birds, penguins, tmp_path, column, value, said):
    "With the first row in which it stands."
    path = tmp_path / "rows.csv"
    text = birds.head(3).astype("object")
    text.loc[1, column] = value
    text.to_csv(path, index=False)
    assert refused(path, penguins) == said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"distance": "719"}, "row 1: distance: expected a number; got '719'"),
        ({"distance": True}, "row 1: distance: expected a number; got True"),
        ({"carrier": 7}, "row 1: carrier: expected text; got 7"),
        ({"carrier": True}, "row 1: carrier: expected text; got True"),
        ({"destination": 1.5}, "row 1: destination: expected text, a whole number or a boolean; got 1.5"),
        ({"air_time": [1.0, np.inf]}, "row 2: air_time: expected a number; got inf"),
        ({"departs_at": "2013-13-01T10:00Z"}, f"row 1: departs_at: expected {MOMENT}; got '2013-13-01T10:00Z'"),
        ({"departs_at": "2013-03-10 02:30"}, f"row 1: departs_at: expected {MOMENT}; got '2013-03-10 02:30'"),
        ({"departs_at": pd.Timestamp("2013-03-10T02:30")},
         f"row 1: departs_at: expected {MOMENT}; got 2013-03-10 02:30:00"),
        ({"departs_at": 1357000000}, f"row 1: departs_at: expected {MOMENT}; got 1357000000"),
    ],
)  # fmt: skip
def test_columns_of_another_kind_are_refused_in_parquet(sample, flights, tmp_path, change, said):
    "Parquet knows its types, so they have to be right. Each row has a line."
    path = tmp_path / "rows.parquet"
    sample.head(2).assign(**change).to_parquet(path)
    assert refused(path, flights).splitlines()[0] == said


@pytest.mark.parametrize(
    "moments",
    [
        ["2013-01-01T05:00Z", "2013-06-01T04:00Z"],
        ["2013-01-01", "2013-06-01"],
        ["2013-01-01 00:00:00", "2013-06-01T00:00"],
        [pd.Timestamp("2013-01-01"), pd.Timestamp("2013-06-01")],
        [pd.Timestamp("2013-01-01").date(), pd.Timestamp("2013-06-01").date()],
        [pd.Timestamp("2013-01-01T05:00Z"), pd.Timestamp("2013-06-01T04:00Z")],
    ],
)
def test_moments_are_read_in_their_columns_zone(sample, flights, tmp_path, moments):
    "Text, dates and moments, with an offset or without: the same two instants."
    path = tmp_path / "rows.parquet"
    sample.head(2).assign(departs_at=moments).to_parquet(path)
    read = read_rows(path, flights)["departs_at"]
    assert str(read.dtype) == "datetime64[us, UTC]"
    assert read.tolist() == list(pd.to_datetime(["2013-01-01T05:00Z", "2013-06-01T04:00Z"]))


@pytest.mark.parametrize("kind", ["int64", "Int64", "float64", "bool", "boolean", "category", "object"])
def test_whole_numbers_and_booleans_are_categories(sample, flights, tmp_path, kind):
    "Their text is the category, from any type that Parquet has; 1.0 is 1, a gap is missing."
    values = pd.Series([True, False, None] if kind in ("bool", "boolean") else [1, 0, None])
    values = values[:2] if kind in ("int64", "bool") else values
    frame = sample.head(len(values)).assign(destination=values.astype(kind))
    frame.to_parquet(tmp_path / "rows.parquet")
    wanted = ["true", "false"] if kind in ("bool", "boolean") else ["1", "0"]
    read = read_rows(tmp_path / "rows.parquet", flights)["destination"]
    assert read[:2].tolist() == wanted and read[2:].isna().all()


def test_all_kinds_that_are_wrong_are_reported_at_once(sample, flights, tmp_path):
    "Whoever repairs a file wants the whole list."
    path = tmp_path / "rows.parquet"
    sample.head(2).assign(distance="far", carrier=7).to_parquet(path)
    assert len(refused(path, flights).splitlines()) == 4


def test_na_is_a_carrier_where_it_could_be_one(sample, flights, penguins, birds, tmp_path):
    "Without listed values NA is text; where the values do not list it, it is missing."
    path = tmp_path / "rows.csv"
    sample.head(2).assign(destination="NA").to_csv(path, index=False)
    assert list(read_rows(path, flights)["destination"]) == ["NA", "NA"]
    birds.head(2).assign(sex="NA", body_mass="NA").to_csv(path, index=False)
    assert read_rows(path, penguins)[["sex", "body_mass"]].isna().all(axis=None)


def test_a_column_without_a_single_value_is_missing_not_wrong(birds, penguins, tmp_path):
    "In Parquet as in CSV."
    empty = birds.head(3).assign(sex=None, body_mass=None)
    empty.to_parquet(tmp_path / "rows.parquet")
    empty.to_csv(tmp_path / "rows.csv", index=False)
    for name in ("rows.parquet", "rows.csv"):
        rows = read_rows(tmp_path / name, penguins)
        assert rows[["sex", "body_mass"]].isna().all(axis=None)
        assert rows["body_mass"].dtype == "float64"


WAY = " (mlprod convert {} rows-clean.parquet --contract data/penguins/contract.yaml makes a clean copy)"
GOOD = "species,island,bill_length,bill_depth,flipper_length,body_mass,sex,year\n"
LINE = "Adelie,Dream,39.1,18.7,181,3750,male,2007\n"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.csv", None, "expected a file; got none there"),
        ("none.parquet", None, "expected a file; got none there"),
        ("rows.xlsx", b"", "expected a file whose name ends in .parquet, .csv or .tsv; got 'rows.xlsx'" + WAY),
        ("rows.csv", b"", "expected a line with the columns' names; got an empty file" + WAY),
        ("rows.csv", b"\n\n", "header: expected names with ',' between them; got none" + WAY),
        ("rows.csv", (GOOD + LINE).encode("utf-16"), "expected CSV in UTF-8; got UTF-16" + WAY),
        ("rows.csv", (GOOD + LINE * 2 + LINE.replace("male", "mâle")).encode("latin-1"),
         "expected CSV in UTF-8; got byte 0xe2 in line 4, perhaps Latin-1" + WAY),
        ("rows.csv", gzip.compress((GOOD + LINE).encode()), "expected CSV in UTF-8; got gzip" + WAY),
        ("rows.csv", b"PK\x03\x04", "expected CSV in UTF-8; got a zip archive, as Excel writes" + WAY),
        ("rows.csv", b"a,b\n\0,1\n", "expected CSV in UTF-8; got binary data" + WAY),
        ("rows.csv", "a,\u00e9".encode()[:-1], "expected CSV in UTF-8; got half of a character at the end" + WAY),
        ("rows.csv", (GOOD + LINE).replace(",", ";").encode(), "header: expected names with ',' between them; got ';' between them" + WAY),
        ("rows.tsv", (GOOD + LINE).encode(), "header: expected names with '\\t' between them; got ',' between them" + WAY),
        ("rows.csv", (GOOD.replace("sex", "year") + LINE).encode(),
         "sex: expected a column; got none\nyear: expected one such column; got 2, at 7 and 8"),
        ("rows.csv", ("," + GOOD + "0," + LINE).encode(), "header: expected a name for each column; got none at 1"),
        ("rows.csv", GOOD.encode(), "expected rows; got none"),
        ("rows.csv", (GOOD + LINE + LINE[:-6] + "\n" + LINE[:-1] + ",1\n").encode(),
         "row 2: expected 8 values, as many as names; got 7\nrow 3: expected 8 values, as many as names; got 9"),
        ("rows.csv", (GOOD + LINE + LINE.replace("Dream", '"Dream') + LINE * 9).encode(), f"row 2: {UNCLOSED}"),
        ("rows.csv", (GOOD + LINE + LINE.replace("Dream", '"Dream') + LINE.replace("Dream", 'Dream"')).encode(),
         f"row 2: island: {UNCLOSED}"),
        ("rows.csv", (GOOD + LINE + LINE.replace("39.1", '"39,1"')).encode(),
         "row 2: bill_length: expected a number; got '39,1'" + WAY),
        ("rows.parquet", b"", "expected Parquet; got something else, or a part of it"),
        ("rows.parquet", GOOD.encode(), "expected Parquet; got something else, or a part of it"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path, penguins, name, content, said):
    "In a line for each mistake, in our words, with the way out."
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    assert refused(path, penguins) == said.format(name)


@pytest.mark.parametrize("name", ["rows.CSV", "rows.tsv", "rows.csv"])
def test_csv_is_read_whatever_its_name_is_written_like(tmp_path, penguins, name):
    "Capital letters, tabs, a byte order mark, blank lines, Windows' line ends."
    text = "\ufeff" + (GOOD + LINE + "\n" + LINE).replace("\n", "\r\n")
    path = tmp_path / name
    path.write_bytes(text.replace(",", "\t" if name == "rows.tsv" else ",").encode())
    rows = read_rows(path, penguins)
    assert rows["bill_length"].tolist() == [39.1, 39.1] and rows["year"].tolist() == [2007, 2007]


def test_a_folder_of_parquet_files_is_refused(birds, penguins, tmp_path):
    "With the way out."
    path = tmp_path / "rows.parquet"
    path.mkdir()
    birds.to_parquet(path / "part-0.parquet")
    assert refused(path, penguins).endswith("got a folder" + WAY.format("rows.parquet"))


def test_ten_of_a_kind_are_listed_and_the_others_counted(birds, penguins, tmp_path):
    "Of each column, in the order of the file."
    path = tmp_path / "rows.csv"
    birds.assign(body_mass="heavy", year="long ago").to_csv(path, index=False)
    lines = refused(path, penguins).splitlines()
    assert len(lines) == 22 and lines[9] == "row 10: body_mass: expected a number; got 'heavy'"
    assert lines[10] == "body_mass: and 334 more rows like these"


def test_a_label_is_derived_exactly_at_its_border(flights):
    "Above 15 minutes means above, and a cancelled flight has no label."
    labels = take_labels(pd.DataFrame({"arrival_delay": [15.0, 15.001, np.nan]}), flights)
    assert labels.tolist()[:2] == [0.0, 1.0] and np.isnan(labels[2])


def test_a_category_that_is_no_label_is_refused(penguins):
    "With the nearest label, and the row."
    with pytest.raises(DataError, match="^row 2: species: expected one of .*; got 'Gento' .did you mean 'Gentoo'..$"):
        take_labels(pd.DataFrame({"species": ["Adelie", "Gento"]}), penguins)


@pytest.mark.parametrize("delay", [np.inf, -np.inf])
def test_what_is_infinite_is_no_label(flights, delay):
    "Neither late nor on time: whoever divided by zero hears of it."
    rows = pd.DataFrame({"arrival_delay": [0.0, delay]})
    with pytest.raises(DataError, match="arrival_delay: expected a finite number; got -?inf"):
        take_labels(rows, flights)


@pytest.mark.parametrize("name", ["rows.csv", "rows.parquet"])
def test_a_bad_value_is_named_by_its_row_in_the_file(sample, flights, tmp_path, name):
    "Whatever is sorted, left out or split before somebody notices; with the key that allows it."
    rows = sample.head(100).sample(frac=1, random_state=1).reset_index(drop=True)
    rows["arrival_delay"] = rows["arrival_delay"].where(rows.index > 20)  # rows without a label
    rows.loc[59, ["distance", "arrival_delay"]] = [7, 3.0]
    rows.loc[70, ["distance", "carrier", "arrival_delay"]] = [6001, None, 3.0]
    path = tmp_path / name
    rows.to_csv(path, index=False) if name == "rows.csv" else rows.to_parquet(path)
    with pytest.raises(DataError) as caught:
        split_rows(read_rows(path, flights), flights, seed=1)
    said = [
        "row 71: carrier: expected a value; got nothing (the contract's columns.carrier.may_be_missing)",
        "row 60: distance: expected 10 to 6000; got 7 (the contract's columns.distance.range)",
        "row 71: distance: expected 10 to 6000; got 6001 (the contract's columns.distance.range)",
    ]
    assert str(caught.value).replace(".0 (", " (").splitlines() == said
    with pytest.raises(DataError) as caught:
        check_table(path, flights)
    assert str(caught.value).replace(".0 (", " (").splitlines() == [f"rows {path}: {line}" for line in said]


def test_a_feature_at_the_end_of_its_range_is_allowed(sample, flights):
    "Ends are included, and what the model does not see may be anything."
    rows = sample.assign(distance=6000, flight=10**9)
    rows.loc[rows.index[::2], "distance"] = 10
    assert sum(map(len, split_rows(rows, flights, seed=1))) > 4000


def test_moments_are_read_as_the_contract_reads_them(flights):
    "Every way in which ISO 8601 writes an offset; a moment of another kind is refused."
    moments = ["2013-01-01T10:00Z", "20130101T100000+0000", "2013-01-01 05:00:00-05:00"]
    column = flights.columns["departs_at"]
    read, problems = read_column(pd.Series(moments, name="departs_at"), column, was_text=True)
    assert read.nunique() == 1 and str(read.dtype) == "datetime64[us, UTC]" and not problems
    for moment in ("2013-02-29", "2013-03-10T02:30", "10:00Z", "yesterday"):
        values = pd.Series([None, moment], name="departs_at")
        read, problems = read_column(values, column, was_text=True)
        assert read.isna().all()
        assert problems == [f"row 2: departs_at: expected {MOMENT}; got {moment!r}"]


def test_no_test_row_lies_before_a_train_row(sample, flights):
    "Whatever order the rows had, and only rows with a label are split."
    train, test = split_rows(sample.sample(frac=1, random_state=3), flights, seed=1)
    assert train["departs_at"].max() < flights.split.test_from <= test["departs_at"].min()
    assert train["departs_at"].is_monotonic_increasing
    assert len(train) + len(test) == sample["arrival_delay"].notna().sum()


def test_a_random_split_keeps_the_shares_and_follows_the_seed(birds, penguins):
    "The same seed, the same rows; each label on both sides."
    train, test = split_rows(birds, penguins, seed=1)
    assert not set(train.index) & set(test.index) and len(train) + len(test) == len(birds)
    shares = [part["species"].value_counts(normalize=True).sort_index() for part in (train, test)]
    assert np.allclose(*shares, atol=0.01)
    pd.testing.assert_frame_equal(train, split_rows(birds, penguins, seed=1)[0])
    assert set(train.index) != set(split_rows(birds, penguins, seed=2)[0].index)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"arrival_delay": 0.0}, "target late: expected at least 2 labelled rows of each label"),
        ({"arrival_delay": np.nan}, "target late: expected at least 2 labelled rows of each label"),
        ({"departs_at": NEVER}, "row 1: departs_at: expected a value; got nothing .*may_be_missing"),
    ],
)
def test_rows_that_cannot_be_split_are_refused(sample, flights, change, said):
    "No late flight at all, no label at all, no moments."
    with pytest.raises(DataError) as caught:
        split_rows(sample.assign(**change), flights, seed=1)
    assert re.search(said, caught.value.problems[0])


def test_a_split_without_test_rows_is_refused(sample, flights):
    "All rows before the first moment of the test."
    early = sample[sample["departs_at"] < flights.split.test_from]
    with pytest.raises(DataError, match="rows of each label from 2013-07-01 .* on; got none$"):
        split_rows(early, flights, seed=1)


def test_too_few_rows_for_a_random_split_are_refused(birds, penguins):
    "In one line."
    with pytest.raises(DataError, match="expected at least 2 labelled rows of each label"):
        split_rows(birds.groupby("species").head(1), penguins, seed=1)
    with pytest.raises(DataError, match="each label among the test rows; got none of"):
        split_rows(birds.groupby("species").head(2), penguins, seed=1)


def test_health_finds_what_breaks_the_contract(birds, penguins):
    "Outside of its range, not among its values, missing where it may not be."
    assert not describe_health(birds, penguins)["finding"].any()
    sick = birds.copy()
    sick.loc[0, "body_mass"] = 37.0
    sick.loc[1, "island"] = "Atlantis"
    sick.loc[2, "species"] = None
    sick["year"] = 2007
    health = describe_health(sick, penguins)
    assert health["finding"][health["finding"] != ""].to_dict() == {
        "species": "missing, but may not be",
        "island": "unknown values",
        "body_mass": "outside its range",
        "year": "never differs",
    }
    assert health.loc["body_mass", "outside"] == health.loc["island", "unknown"] == 1


def test_windows_follow_local_time(sample, flights):
    "New Year's Eve at 20:00 in New York is the next year in UTC, and still December."
    eve = sample.head(1).assign(departs_at=pd.Timestamp("2014-01-01T01:00Z"))
    assert list(compare_windows(eve, flights, "month").index) == ["2013-12"]
    assert compare_windows(sample, flights, "quarter")["rows"].sum() == len(sample)


def test_rows_without_time_are_one_window(birds, penguins):
    "Instead of an error: there is nothing to compare them with."
    windows = compare_windows(birds, penguins)
    assert list(windows.index) == ["all rows"] and windows["Adelie"].iloc[0] == 152 / 344


def test_a_hash_changes_with_one_byte(tmp_path):
    "Two files of the same length have other names."
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    assert hash_file(tmp_path / "a") != hash_file(tmp_path / "b")


def make_groups(penguins, rows, **split):
    "The penguins' contract with another split."
    return penguins.model_copy(update={"split": penguins.split.model_copy(update=split)})


def test_copies_of_a_row_stand_on_one_side(birds, penguins):
    "Rows three times over are as many units as before; the shares of labels stay."
    thrice = pd.concat([birds] * 3, ignore_index=True).sample(frac=1, random_state=1)
    train, test = split_rows(thrice, penguins, seed=1)
    assert not set(map(tuple, train.astype("str").to_numpy())) & set(map(tuple, test.astype("str").to_numpy()))
    assert len(np.unique(units_of(thrice, penguins))) == len(birds) and 300 < len(test) < 320
    alike = birds.assign(bill_length=40.0, bill_depth=15.0, flipper_length=200.0, body_mass=4000.0)
    assert len(np.unique(units_of(alike, penguins))) == len(birds)  # few values: no copies


def test_groups_stand_on_one_side(birds, penguins):
    "Whoever comes again is on the side of the first visit; a row without a group is alone."
    rows = birds.assign(year=np.arange(len(birds)) // 4 * 1.0)
    rows.loc[rows.index[-3:], "year"] = np.nan
    contract = make_groups(penguins, rows, groups="year")
    train, test = split_rows(rows, contract, seed=1)
    assert not set(train["year"].dropna()) & set(test["year"].dropna())
    assert set(train["species"]) == set(test["species"]) == set(birds["species"])
    assert len(np.unique(units_of(rows, contract))) == 86 + 3


def test_units_of_a_split_in_time_are_local_days(sample, flights):
    "Half past eleven in New York is another day in UTC, and the same one here."
    units = units_of(sample, flights)
    days = sample["departs_at"].dt.tz_convert("America/New_York").dt.date
    assert len(np.unique(units)) == days.nunique() and units.dtype == "int64"


@pytest.mark.parametrize("n", [4, 30])
def test_an_amount_is_split_however_few_rows(birds, penguins, n):
    "There are no labels to keep the shares of."
    page = penguins.model_dump(mode="json", by_alias=True)
    page |= {"target": {"name": "weight", "from": "body_mass"}, "behaviour": [], "limits": {}, "baseline": None}
    page["features"].remove("body_mass")
    contract = type(penguins).model_validate(page)
    rows = birds[birds["body_mass"].notna()].head(n)
    train, test = split_rows(rows, contract, seed=1)
    assert len(train) + len(test) == n and len(test) == np.ceil(0.3 * n)
    assert np.array_equal(take_labels(rows, contract), rows["body_mass"])
    assert describe_health(rows, contract).shape[0] == 8
    assert compare_windows(rows, contract)["weight"].iloc[0] == rows["body_mass"].mean()


def test_a_test_with_one_label_alone_is_refused(sample, flights):
    "The line names the label that is lacking, and the side."
    late = sample["arrival_delay"].where(sample["departs_at"] < flights.split.test_from, 20.0)
    with pytest.raises(DataError, match="rows of each label from 2013-07-01 .* on; got none of 'on time'"):
        split_rows(sample.assign(arrival_delay=late), flights, seed=1)


def test_all_mistakes_of_a_table_come_at_once(birds, penguins, tmp_path):
    "Kinds, ranges, missing values and labels, before anything is started; a good table is returned."
    path = tmp_path / "rows.csv"
    text = birds.astype("object")
    text.loc[0, "body_mass"], text.loc[1, "bill_depth"], text.loc[2, "island"] = "heavy", 99, None
    text.loc[3, "species"] = "Gento"
    text.to_csv(path, index=False)
    with pytest.raises(DataError) as caught:
        check_table(path, penguins)
    assert [line.removeprefix(f"rows {path}: ") for line in caught.value.problems] == [
        "row 1: body_mass: expected a number; got 'heavy'",
        "row 4: species: expected one of Adelie, Chinstrap, Gentoo; got 'Gento' (did you mean 'Gentoo'?)",
        "row 3: island: expected a value; got nothing (the contract's columns.island.may_be_missing)",
        "row 2: bill_depth: expected 10 to 30; got 99.0 (the contract's columns.bill_depth.range)",
    ]
    birds.to_csv(path, index=False)
    pd.testing.assert_frame_equal(check_table(path, penguins), birds, check_dtype=False)


def draw(contract, at_most):
    "The contract, with so many rows to draw from a larger table."
    data = contract.data.model_copy(update={"at_most": at_most})
    return contract.model_copy(update={"data": data})


def test_a_contract_that_draws_nothing_is_written_as_ever(flights, tmp_path):
    "So its artifacts keep their versions."
    assert "at_most" not in flights.model_dump(mode="json", by_alias=True)["data"]
    assert draw(flights, 7).model_dump(mode="json", by_alias=True)["data"]["at_most"] == 7


def test_csv_and_parquet_give_the_same_sample(sample, flights, tmp_path):
    "Rows of the file, each with its place there, whatever the row groups of the file."
    sample.to_csv(tmp_path / "rows.csv", index=False)
    sample.to_parquet(tmp_path / "rows.parquet", index=False)
    sample.to_parquet(tmp_path / "groups.parquet", index=False, row_group_size=77)
    drawn = {}
    for name in ("rows.csv", "rows.parquet", "groups.parquet"):
        drawn[name] = read_rows(tmp_path / name, draw(flights, 600))
        assert count_rows(tmp_path / name, draw(flights, 600), drawn[name]) == len(sample)
    first = drawn["rows.parquet"]
    assert len(first) == 600 and first.index.is_monotonic_increasing
    pd.testing.assert_frame_equal(first, sample.loc[first.index])
    for each in drawn.values():
        pd.testing.assert_frame_equal(each, first, check_dtype=False, check_index_type=False)


def test_texts_may_be_views(birds, penguins, root, tmp_path):
    "As polars writes them; all rows, or a sample."
    path = root / "data/penguins/penguins.parquet"
    table, kinds = pq.read_table(path), {pa.string(): pa.string_view(), pa.large_string(): pa.string_view()}
    fields = [(field.name, kinds.get(field.type, field.type)) for field in table.schema]
    pq.write_table(table.cast(pa.schema(fields)), tmp_path / "views.parquet")
    for contract in (penguins, draw(penguins, 100)):
        rows = read_rows(tmp_path / "views.parquet", contract)
        pd.testing.assert_frame_equal(rows, read_rows(path, contract))


def test_a_table_that_is_small_enough_is_read_as_ever(sample, flights, root):
    "All rows, in their order."
    path = root / "data/flights/sample.parquet"
    for at_most in (len(sample), 10**6):
        rows = read_rows(path, draw(flights, at_most))
        pd.testing.assert_frame_equal(rows, sample)
        assert count_rows(path, draw(flights, at_most), rows) == len(sample)


def test_a_mistake_in_a_sample_is_named_by_the_files_row(sample, flights, tmp_path):
    "Not by its place among the rows that were drawn."
    place = read_rows_index(sample, flights, tmp_path)[300]
    sample.assign(distance=sample["distance"].where(sample.index != place, 7_000)).to_csv(
        tmp_path / "bad.csv", index=False
    )
    with pytest.raises(DataError, match=f"row {place + 1}: distance: expected 10"):
        check_table(tmp_path / "bad.csv", draw(flights, 600))


def read_rows_index(sample, flights, folder):
    "The places of 600 rows that are drawn."
    sample.to_csv(folder / "good.csv", index=False)
    return read_rows(folder / "good.csv", draw(flights, 600)).index


def test_a_line_that_is_no_row_is_found_in_the_whole_file(sample, flights, tmp_path):
    "The last one has a value too few; few rows are drawn."
    sample.to_csv(tmp_path / "rows.csv", index=False)
    with open(tmp_path / "rows.csv", "a") as file:
        file.write("1,2,3\n")
    assert "row 5001: expected 16 values" in refused(tmp_path / "rows.csv", draw(flights, 5))


READING = """
import re, sys
from pathlib import Path
from mlprod.contract import read_contract
from mlprod.data import read_rows

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

before = peak()
print(len(read_rows(sys.argv[2], read_contract(sys.argv[1]))), peak() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a matter of Linux")
def test_a_sample_needs_less_memory_than_its_table(sample, root, tmp_path):
    "Of 600,000 flights 5,000 are drawn."
    many, path = pd.concat([sample] * 120, ignore_index=True), tmp_path / "rows.parquet"
    many.to_parquet(path, index=False, row_group_size=50_000)
    page = (root / "data/flights/contract.yaml").read_text(encoding="utf-8")
    needed = {}
    for at_most in ("5000", "null"):
        contract = tmp_path / "contract.yaml"
        contract.write_text(page.replace("data:\n", f"data:\n  at_most: {at_most}\n"), "utf-8")
        done = subprocess.run(
            [sys.executable, "-c", READING, contract, path], text=True, capture_output=True,
            env=os.environ | {"PYTHONPATH": str(root)}, check=True,
        )  # fmt: skip
        n_rows, needed[at_most] = map(int, done.stdout.split())
        assert n_rows == (5000 if at_most == "5000" else len(many))
    assert needed["5000"] < needed["null"] / 1.7


def test_a_csv_file_is_not_read_far_ahead(sample, flights, tmp_path):
    "Of 105 MB less than 80 are held at any time: a batch, and the blocks behind it."
    path, table = tmp_path / "rows.csv", pa.Table.from_pandas(sample, preserve_index=False)
    with arrow_csv.CSVWriter(path, table.schema) as writer:
        for _ in range(200):
            writer.write(table)
    del table
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() - before for _ in read_text(path, flights, ",")]
    assert len(held) > 10 and max(held) < 80e6 < path.stat().st_size
