"""`mlprod convert`: another file of a known kind becomes rows that can be scored, or trained on."""

import pandas as pd
import pytest
from make_artifacts import ROOT

from mlprod.cli import main
from mlprod.contract import read_contract
from mlprod.data import read_rows

PENGUINS = ROOT / "data" / "penguins" / "contract.yaml"


def convert(folder, *words) -> int:
    return main(["convert", *map(str, words), "--contract", str(PENGUINS)])


def write_local(path) -> pd.DataFrame:
    "Write the penguins as a program in Germany would: the rows that they stand for."
    contract = read_contract(PENGUINS)
    rows = read_rows(PENGUINS.with_name(contract.data.rows), contract)
    texts = rows.astype(object).where(rows.notna(), " ").map(lambda v: str(v).replace(".", ","))
    texts = "A list of penguins\n\n" + texts.to_csv(index=False, sep=";", lineterminator="\r\n")
    path.write_bytes(texts.encode("utf-16"))
    return rows


def test_a_local_file_becomes_the_rows_that_it_stands_for(tmp_path, capsys):
    "A title, semicolons, decimal commas, UTF-16, and a space where a value is missing."
    rows = write_local(tmp_path / "new.csv")
    assert convert(tmp_path, tmp_path / "new.csv", tmp_path / "new.parquet") == 0
    said = capsys.readouterr().out
    assert "344 rows" in said and "semicolons" in said and "utf-16" in said and "comma" in said
    contract = read_contract(PENGUINS)
    read = read_rows(tmp_path / "new.parquet", contract)
    pd.testing.assert_frame_equal(read, rows, check_dtype=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.csv", "new.parquet"]


@pytest.mark.parametrize(
    ("table", "out", "said"),
    [
        ("new.csv", "old.parquet", "old.parquet: expected a new name; this one is in use"),
        ("new.csv", "new.xlsx", "new.xlsx: expected a name that ends in .parquet"),
        ("new.csv", "there/new.parquet", "in a folder that exists"),
        ("gone.csv", "new.parquet", "gone.csv: expected a file; got none there"),
        ("other.csv", "new.parquet", "other.csv: expected a column"),
        ("bad.csv", "new.parquet", "bad.csv"),
    ],
)
def test_what_cannot_be_converted_is_refused_in_one_line(tmp_path, capsys, table, out, said):
    "And what is there stays as it was."
    write_local(tmp_path / "new.csv")
    (tmp_path / "old.parquet").write_bytes(b"old")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    (tmp_path / "bad.csv").write_text("island,sex\nDream,\0\n")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert convert(tmp_path, tmp_path / table, tmp_path / out) == 1
    heard = capsys.readouterr()
    assert said in heard.err and heard.err.count("\n") == 1 and not heard.out
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
