"The committed rows are the ones that the READMEs beside them describe."

import hashlib
import html
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

DATA = Path(__file__).resolve().parent.parent / "data"
FILE_LINE = re.compile(r"^\| (\S+\.parquet) \| ([\d,]+) \| ([\d,]+) \| `([0-9a-f]{64})` \|$", re.M)
COLUMN_LINE = re.compile(r"^\| (.+?) \| (?:number|category|moment)\b", re.M)

DESCRIBED = [
    (path.parent.name, *line)
    for path in sorted(DATA.glob("*/README.md"))
    for line in FILE_LINE.findall(path.read_text(encoding="utf-8"))
]


@pytest.fixture(scope="module", params=[2013, 2023])
def year(request):
    return request.param


@pytest.fixture(scope="module")
def rows(year):
    return pd.read_parquet(DATA / "flights" / f"flights-{year}.parquet")


@pytest.fixture(scope="module")
def clock(rows):
    "Scheduled departure as travellers in New York read it."
    return rows["departs_at"].dt.tz_convert("America/New_York")


def test_every_committed_file_is_described():
    "Each Parquet file under data/ has its line in the README beside it, and each line its file."
    described = {(project, name) for project, name, *_ in DESCRIBED}

    assert described == {(path.parent.name, path.name) for path in DATA.glob("*/*.parquet")}


@pytest.mark.parametrize(("project", "name", "rows", "size", "sha256"), DESCRIBED)
def test_a_file_is_the_one_its_readme_describes(project, name, rows, size, sha256):
    "Rows, bytes, SHA-256 and the columns in their order match the README."
    path = DATA / project / name
    content = path.read_bytes()
    parquet = pq.ParquetFile(path)
    readme = (DATA / project / "README.md").read_text(encoding="utf-8")
    columns = [html.unescape(name) for name in COLUMN_LINE.findall(readme)]

    assert hashlib.sha256(content).hexdigest() == sha256
    assert len(content) == int(size.replace(",", ""))
    assert parquet.metadata.num_rows == int(rows.replace(",", ""))
    assert parquet.schema_arrow.names == columns
    assert parquet.metadata.row_group(0).column(0).compression == "ZSTD"


def test_types_say_what_a_column_is(rows):
    "Moments are UTC, categories strings, identifiers whole numbers, measurements float64."
    kinds = {name: str(kind) for name, kind in rows.dtypes.items()}

    assert kinds.pop("departs_at") == "datetime64[us, UTC]"
    assert {kinds.pop(name) for name in ("origin", "destination", "carrier", "tail")} == {"str"}
    assert {kinds.pop(name) for name in ("flight", "distance")} == {"int32"}
    assert set(kinds.values()) == {"float64"}


def test_rows_are_sorted_and_unique(rows):
    "Rows come in order of departure; no departure comes twice."
    key = ["departs_at", "origin", "carrier", "flight"]

    assert not rows.duplicated(key).any()
    assert rows.index.equals(rows.sort_values(key).index)


def test_every_local_day_of_the_year_is_there(clock, year):
    "365 days, all of the year that the file is named after, where the planes take off."
    assert set(clock.dt.year) == {year}
    assert clock.dt.date.nunique() == 365


def test_nobody_schedules_departures_at_night(clock, year):
    "Between midnight and 05:00 local there is only the one odd flight of 2013."
    assert (clock.dt.hour < 5).sum() == (1 if year == 2013 else 0)


@pytest.mark.parametrize("months", [(12, 1, 2), (6, 7, 8)], ids=["winter", "summer"])
def test_the_morning_begins_at_the_same_hour(clock, months):
    "The schedule wakes up at 06:00 local in both years, in standard and in daylight time."
    share = clock[clock.dt.month.isin(months)].dt.hour.value_counts(normalize=True)

    assert share[5] < 0.01
    assert 0.06 < share[6] < 0.09
    assert 0.06 < share[7] < 0.08


def test_delays_are_missing_where_the_flight_did_not_happen(rows, year):
    "Cancelled: no delay at all. Diverted: a departure, no arrival. Otherwise: both, and a tail."
    left = rows["departure_delay"].notna()
    arrived = rows["arrival_delay"].notna()

    assert (~left).sum() == {2013: 8_255, 2023: 10_738}[year]
    assert (left & ~arrived).sum() == {2013: 1_175, 2023: 1_796}[year]
    assert not (arrived & ~left).any()
    assert rows["air_time"].notna().equals(arrived)
    assert rows.loc[left, "tail"].notna().all()


def test_what_is_known_beforehand_is_never_missing(rows):
    "The schedule has no holes: only tail, outcomes and weather may be missing."
    assert rows.loc[:, "departs_at":"flight"].notna().all(axis=None)
    assert rows["distance"].between(17, 4_983).all()
    assert set(rows["origin"]) == {"EWR", "JFK", "LGA"}


def test_the_weather_belongs_to_the_hour(rows, clock):
    "Afternoons are warmest and the air coldest before sunrise, summer and winter; rain delays."
    for months in ((12, 1, 2), (6, 7, 8)):
        chosen = rows[clock.dt.month.isin(months) & clock.dt.hour.between(5, 21)]
        by_hour = chosen["temperature"].groupby(clock.dt.hour).mean()
        assert by_hour.idxmax() in (13, 14)
        assert by_hour.idxmin() in (5, 6)

    late = (rows["arrival_delay"] > 15)[rows["arrival_delay"].notna()]
    assert late[rows["precipitation"] > 0].mean() > 1.5 * late[rows["precipitation"] == 0].mean()


def test_units_of_the_weather_agree_between_the_years(rows):
    "Fahrenheit, miles per hour from whole knots, inches, miles, millibars: in both years."
    knots = rows["wind_speed"].dropna() / 1.15078

    assert rows["temperature"].dropna().between(0, 105).all()
    assert rows["temperature"].median() == pytest.approx(58, abs=2)
    assert (knots - knots.round()).abs().max() < 1e-6
    assert rows["precipitation"].dropna().between(0, 1.5).all()
    assert rows["visibility"].max() == 10
    assert rows["pressure"].dropna().between(980, 1045).all()
    assert rows["temperature"].isna().mean() < 0.01


def test_gusts_mean_what_the_readme_says(rows, year):
    "2013: a gust or nothing. 2023: the wind once more, converted twice."
    if year == 2013:
        assert (rows["wind_gust"].dropna() > 16).all()
        assert rows["wind_gust"].isna().mean() > 0.7
    else:
        twice = rows["wind_speed"] * 1.15078
        assert rows["wind_gust"].isna().equals(rows["wind_speed"].isna())
        assert (rows["wind_gust"] - twice).abs().max() < 1e-6


def test_the_sample_is_part_of_2013():
    "The sample's 5,000 rows are rows of 2013, each at most once, in the same order."
    whole = pd.read_parquet(DATA / "flights" / "flights-2013.parquet")
    sample = pd.read_parquet(DATA / "flights" / "sample.parquet")
    key = ["departs_at", "origin", "carrier", "flight"]
    found = whole.merge(sample[key], on=key, validate="one_to_one")

    pd.testing.assert_frame_equal(found, sample)


def test_penguins_keep_their_missing_values():
    "Three species; two birds without measurements; eleven of unknown sex."
    rows = pd.read_parquet(DATA / "penguins" / "penguins.parquet")

    assert rows["species"].value_counts().to_dict() == {
        "Adelie": 152,
        "Gentoo": 124,
        "Chinstrap": 68,
    }
    assert rows.isna().sum().to_dict() == {
        "species": 0,
        "island": 0,
        "bill_length": 2,
        "bill_depth": 2,
        "flipper_length": 2,
        "body_mass": 2,
        "sex": 11,
        "year": 0,
    }


@pytest.mark.parametrize("project", ["flights", "penguins"])
def test_an_unreachable_index_is_one_line_and_leaves_nothing(project, tmp_path):
    "Without the packages the script says so, exits with 1 and creates not even the folder."
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PIP_")}
    environment |= {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "NO_PROXY": "127.0.0.1",
    }
    script = DATA / project / "build.py"
    done = subprocess.run(
        [sys.executable, script, "--to", tmp_path / "rows"],
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
    )

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("build.py: ")
    assert "pip could not download" in done.stderr
    assert list(tmp_path.iterdir()) == []
