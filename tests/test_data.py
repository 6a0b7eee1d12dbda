"""What lesson 03 promises, at its edges."""

import numpy as np
import pandas as pd
import pytest

from mlprod.contract import read_contract
from mlprod.data import (
    DataError,
    compare_windows,
    describe_health,
    find_leaks,
    hash_file,
    read_column,
    read_rows,
    split_rows,
    take_labels,
)


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
        ("body_mass", "heavy", "body_mass: expected a number; got 'heavy' in row 2"),
        ("body_mass", "True", "body_mass: expected a number; got 'True' in row 2"),
        ("body_mass", "3,700", "body_mass: expected a number; got '3,700' in row 2"),
        ("body_mass", "-inf", "body_mass: expected a number; got '-inf' in row 2"),
        ("body_mass", "1e999", "body_mass: expected a number; got '1e999' in row 2"),
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
        ({"distance": "719"}, "distance: expected a number; got '719' in row 1"),
        ({"distance": True}, "distance: expected a number; got True (bool) in row 1"),
        ({"carrier": 7}, "carrier: expected text; got 7 (int64) in row 1"),
        (
            {"air_time": [1.0, np.inf]},
            "air_time: expected a number; got inf (float64) in row 2",
        ),
        ({"departs_at": "2013-01-01T10:00Z"}, None),
        (
            {"departs_at": pd.Timestamp("2013-01-01")},
            "departs_at: expected a moment with its UTC offset; "
            "got 2013-01-01 00:00:00 (datetime64[us]) in row 1",
        ),
        (
            {"departs_at": "2013-13-01T10:00Z"},
            "departs_at: expected a moment with its UTC offset; got '2013-13-01T10:00Z' in row 1",
        ),
        (
            {"departs_at": 1357000000},
            "departs_at: expected a moment with its UTC offset; got 1357000000 (int64) in row 1",
        ),
    ],
)
def test_columns_of_another_kind_are_refused_in_parquet(sample, flights, tmp_path, change, said):
    "Parquet knows its types, so they have to be right; moments may be text with an offset."
    path = tmp_path / "rows.parquet"
    sample.head(2).assign(**change).to_parquet(path)
    if said is None:
        assert str(read_rows(path, flights)["departs_at"].dtype) == "datetime64[us, UTC]"
    else:
        assert refused(path, flights).replace(", such as 2024-05-31T18:00:00+02:00", "") == said


def test_all_kinds_that_are_wrong_are_reported_at_once(sample, flights, tmp_path):
    "Whoever repairs a file wants the whole list."
    path = tmp_path / "rows.parquet"
    sample.head(2).assign(distance="far", carrier=7).to_parquet(path)
    assert len(refused(path, flights).splitlines()) == 2


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


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.csv", None, "expected a file; got none there"),
        ("none.parquet", None, "expected a file; got none there"),
        ("rows.xlsx", b"", "expected a name that ends in .parquet or .csv; got 'rows.xlsx'"),
        ("rows.csv", b"", "expected a line with the columns' names; got an empty file"),
        ("rows.csv", b"\xff\xfe1", "expected CSV in UTF-8; got "),
        ("rows.parquet", b"", "expected Parquet; got "),
        ("rows.parquet", b"species,island\n", "expected Parquet; got "),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(tmp_path, penguins, name, content, said):
    "In one line."
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    found = refused(path, penguins)
    assert found.startswith(said) and "\n" not in found


def test_a_header_without_rows_is_refused(birds, penguins, tmp_path):
    "There is nothing to learn from."
    path = tmp_path / "rows.csv"
    birds.head(0).to_csv(path, index=False)
    assert refused(path, penguins) == "expected rows; got none"


def test_a_line_with_too_many_values_is_refused(birds, penguins, tmp_path):
    "A comma in a text would push all values one column further."
    path = tmp_path / "rows.csv"
    text = birds.head(2).to_csv(index=False).splitlines()
    path.write_text("\n".join([text[0], text[1] + ",1", text[2]]), encoding="utf-8")
    assert refused(path, penguins).startswith("expected CSV in UTF-8; got ")


def test_a_label_is_derived_exactly_at_its_border(flights):
    "Above 15 minutes means above, and a cancelled flight has no label."
    labels = take_labels(pd.DataFrame({"arrival_delay": [15.0, 15.001, np.nan]}), flights)
    assert labels.tolist()[:2] == [0.0, 1.0] and np.isnan(labels[2])


def test_a_category_that_is_no_label_is_refused(penguins):
    "With the nearest label, and the row."
    with pytest.raises(DataError, match="got 'Gento' .did you mean 'Gentoo'.. in row 2"):
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
    assert str(caught.value).replace("7.0 in", "7 in").splitlines() == [
        "carrier: expected a value; got nothing in row 71 "
        "(the contract's columns.carrier.may_be_missing)",
        "distance: expected 10 to 6000; got 7 in row 60 and 1 more "
        "(the contract's columns.distance.range)",
    ]


def test_a_feature_at_the_end_of_its_range_is_allowed(sample, flights):
    "Ends are included, and what the model does not see may be anything."
    rows = sample.assign(distance=6000, flight=10**9)
    rows.loc[rows.index[::2], "distance"] = 10
    assert sum(map(len, split_rows(rows, flights, seed=1))) > 4000


def test_moments_are_read_as_the_contract_reads_them(flights):
    "Every way in which ISO 8601 writes an offset; a moment of another kind is refused."
    moments = ["2013-01-01T10:00Z", "20130101T100000+0000", "2013-01-01 05:00:00-05:00"]
    column = flights.columns["departs_at"]
    read = read_column(pd.Series(moments, name="departs_at"), column, was_text=True)
    assert read.nunique() == 1 and str(read.dtype) == "datetime64[us, UTC]"
    for moment in ("2013-01-01", "2013-01-01T10:00", "10:00Z", "yesterday"):
        with pytest.raises(DataError, match=f"got '{moment}' in row 2"):
            read_column(pd.Series([None, moment], name="departs_at"), column, was_text=True)


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
        ({"departs_at": pd.NaT}, "departs_at: expected a moment .* label; got NaT .* in row 1$"),
    ],
)
def test_rows_that_cannot_be_split_are_refused(sample, flights, change, said):
    "No late flight at all, no label at all, no moments."
    with pytest.raises(DataError, match=said) as caught:
        split_rows(sample.assign(**change), flights, seed=1)
    assert "\n" not in str(caught.value)


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


def test_a_column_written_afterwards_stands_out(sample, flights):
    "The delay at departure leads, far ahead of what is known before."
    leaks = find_leaks(sample, flights)
    assert leaks.index[0] == "departure_delay" and leaks["auc"].iloc[0] > 0.85
    assert leaks.loc[leaks["known"] == "before", "auc"].max() < 0.7
    assert flights.target.column not in leaks.index


def test_a_hash_changes_with_one_byte(tmp_path):
    "Two files of the same length have other names."
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    assert hash_file(tmp_path / "a") != hash_file(tmp_path / "b")
