"""`mlprod new`: what it guesses, asks and writes; nothing half-written, whatever happens."""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import datasets

import mlprod.new
import mlprod.start
from mlprod.commands.capstone import COMMANDS
from mlprod.contract import load_page, read_contract
from mlprod.data import hash_file, read_rows, split_rows, take_labels
from mlprod.new import NewError, ask_user, describe_project, start_project
from mlprod.standards import to_odcs
from mlprod.start import NOT_STATED, Brief, StartError, find_todos, profile_column, quote, widen
from mlprod.tables import Options, TableError, open_parquet, open_text

ROOT = Path(mlprod.__file__).resolve().parent.parent
PENGUINS = ROOT / "data" / "penguins"


def read_words(*words):
    "Read a command line as `mlprod new` does."
    parser = argparse.ArgumentParser()
    for names, more in COMMANDS["new"][2]:
        parser.add_argument(*names, **more)
    return parser.parse_args(list(map(str, words)))


def new(root, *words):
    "Do what `mlprod new` does with these words."
    return start_project(read_words(*words), root)


@pytest.fixture(scope="module")
def birds(tmp_path_factory):
    "Penguins as CSV."
    path = tmp_path_factory.mktemp("birds") / "birds.csv"
    pd.read_parquet(PENGUINS / "penguins.parquet").to_csv(path, index=False)
    return path


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes"])
def test_a_known_table_needs_no_change(name, tmp_path):
    "The contract of a bundled table is complete, and its rows can be split by it."
    getattr(datasets, f"load_{name}")(as_frame=True).frame.to_parquet(tmp_path / "t.parquet")
    made = new(tmp_path, tmp_path / "t.parquet", "--target", "target", "--yes")
    contract = read_contract(made.folder / "contract.yaml")
    train, test = split_rows(read_rows(made.folder / "t.parquet", contract), contract, seed=0)
    tasks = {"breast_cancer": "binary", "diabetes": "regression"}
    assert contract.task == tasks.get(name, "multiclass")
    assert 0.25 < len(test) / (len(train) + len(test)) < 0.35


def test_the_day_of_the_split_leaves_every_label_on_both_sides(tmp_path):
    "Rare labels late in the table move the day."
    late = np.array(["no"] * 280 + ["yes"] * 6 + ["no"] * 114)
    days = pd.date_range("2023-01-01", periods=400, freq="D")
    pd.DataFrame({"day": days, "km": np.arange(400) % 37 / 4, "late": late}).to_csv(
        tmp_path / "t.csv", index=False
    )
    made = new(tmp_path, tmp_path / "t.csv", "--target", "late", "--yes")
    contract = read_contract(made.folder / "contract.yaml")
    train, test = split_rows(read_rows(made.folder / "t.parquet", contract), contract, seed=0)
    for rows in (train, test):
        assert set(take_labels(rows, contract)) == {0, 1}


def test_what_people_have_to_say_is_todo(birds, tmp_path):
    "Each question stands there with its place; --yes writes that it is not stated yet."
    made = new(tmp_path, birds, "--target", "species")
    path = made.folder / "contract.yaml"
    places = [line.partition(":")[0] for line in find_todos(path)]
    decision = [f"decision.{key}" for key in ("action", "owner", "made")]
    assert places == ["question", *decision, "data.licence"]
    assert sum("TODO" in line for line in describe_project(made, "birds.csv")) == 1
    yes = new(tmp_path, birds, "--target", "species", "--project", "taken", "--yes")
    path = yes.folder / "contract.yaml"
    assert find_todos(path) == [] and len(find_todos(path, NOT_STATED)) == 5
    assert read_contract(path).task == "multiclass"


def test_ten_lines_say_what_was_done(birds, tmp_path):
    "What was taken, guessed, asked, and the next command."
    made = new(tmp_path, birds, "--target", "species")
    lines = describe_project(made, "birds.csv")
    assert len(lines) <= 10 and lines[0] == "took      birds.csv: 344 rows, 8 columns"
    assert lines[-1].endswith("mlprod run --contract data/birds/contract.yaml")


def test_the_readme_describes_the_rows(birds, tmp_path):
    "The original's SHA-256, the Parquet file's, and each column in its order."
    made = new(tmp_path, birds, "--target", "species", "--yes")
    text = (made.folder / "README.md").read_text(encoding="utf-8")
    path = made.folder / "birds.parquet"
    size = path.stat().st_size
    assert f"original: `{hash_file(birds)}`" in text
    assert f"| birds.parquet | 344 | {size:,} | `{hash_file(path)}` |" in text
    assert text.count("| number |") == 5 and "| island | category | " in text
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"


def test_a_large_table_is_drafted_with_a_sample(birds, tmp_path, monkeypatch):
    "The contract says how many rows are drawn; a smaller table's says nothing of it."
    made = new(tmp_path / "small", birds, "--target", "species", "--yes")
    assert "at_most" not in (made.folder / "contract.yaml").read_text(encoding="utf-8")
    monkeypatch.setattr(mlprod.start, "LARGE", 8 * 200)  # values of 200 birds
    made = new(tmp_path / "large", birds, "--target", "species", "--yes")
    contract = read_contract(made.folder / "contract.yaml")
    assert contract.data.at_most == 200
    took, *_ = describe_project(made, "birds.csv")
    assert took.endswith("344 rows, 8 columns; 200 of the rows are drawn at random")
    assert len(read_rows(made.folder / contract.data.rows, contract)) == 200


def test_a_suspect_is_asked_for_and_left_out_by_yes(tmp_path):
    "A copy of the answer is a question, never silently a feature."
    rng = np.random.default_rng(0)
    late = rng.integers(0, 2, 300)
    frame = pd.DataFrame({"km": rng.normal(size=300), "refund": late * 9.5, "late": late})
    frame.to_csv(tmp_path / "t.csv", index=False)
    made = new(tmp_path, tmp_path / "t.csv", "--target", "late")
    assert list(made.suspects) == ["refund"]
    assert any(line.startswith("columns.refund.available") for line in find_todos(
        made.folder / "contract.yaml"
    ))  # fmt: skip
    yes = new(tmp_path, tmp_path / "t.csv", "--target", "late", "--yes", "--project", "yes")
    contract = read_contract(yes.folder / "contract.yaml")
    assert contract.features == ["km"] and contract.columns["refund"].available == "after"


def test_questions_on_a_terminal_have_defaults():
    "Enter, or the end of input, takes the default; a wrong answer is asked again."
    table = {"y": [0, 1] * 20, "a": [0.5, 1.5, 2] * 13 + [3], "b": [0.5, 1.5, 2, 4] * 10}
    profiles = {name: profile_column(name, [pa.array(each)]) for name, each in table.items()}
    brief = Brief("t", "y")
    same = ask_user(brief, profiles, {"b": "why"}, lambda question: "")
    assert (same.meaning, same.positive, same.after) == ("y", "y", ("b",))
    replies = iter(["gave notice", "maybe", "not y", "c", "a, b"])
    told = ask_user(brief, profiles, {}, lambda question: next(replies))
    assert (told.meaning, told.positive, told.after) == ("gave notice", "not y", ("a", "b"))

    def end(question):
        raise EOFError

    assert ask_user(brief, profiles, {}, end).after == ()


def test_a_name_in_use_is_refused(birds, tmp_path):
    "What is there is not touched, be it rows or what was built of them."
    made = new(tmp_path, birds, "--target", "species", "--yes")
    before = {path: path.read_bytes() for path in made.folder.iterdir()}
    with pytest.raises(NewError, match="in use"):
        new(tmp_path, birds, "--target", "island", "--yes")
    assert {path: path.read_bytes() for path in made.folder.iterdir()} == before
    (tmp_path / "artifacts" / "other").mkdir(parents=True)
    with pytest.raises(NewError, match="artifacts/other"):
        new(tmp_path, birds, "--target", "species", "--project", "other")


def test_what_is_interrupted_leaves_nothing(birds, tmp_path, monkeypatch):
    "An error at the last step takes everything away again."

    def stop(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(mlprod.new, "write_readme", stop)
    with pytest.raises(KeyboardInterrupt):
        new(tmp_path, birds, "--target", "species", "--yes")
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="signals are a POSIX matter")
def test_a_kill_leaves_no_project(tmp_path):
    "Killed at any moment, there is no folder with its name, and the next one removes what is left."
    rows = "\n".join(f"{n},{n % 97}.5,{n % 2}" for n in range(150_000))
    (tmp_path / "t.csv").write_text(f"a,b,y\n{rows}\n")
    (tmp_path / "settings.ini").touch()
    (tmp_path / "nbs").mkdir()
    words = [tmp_path / "t.csv", "--target", "y", "--yes"]
    command = [sys.executable, "-m", "mlprod.cli", "new", *words]
    child = subprocess.Popen(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)})
    deadline = time.monotonic() + 60
    while child.poll() is None and time.monotonic() < deadline:
        if list((tmp_path / "data").glob(".t.*/*.texts")):
            child.send_signal(signal.SIGKILL)
            break
        time.sleep(0.005)
    assert child.wait(60) == -signal.SIGKILL
    assert not (tmp_path / "data" / "t").exists() and list((tmp_path / "data").glob(".t.*"))
    (tmp_path / "t.csv").write_text("a,y\n" + "0.5,0\n1.5,1\n2,0\n" * 10)
    with mlprod.new.open_folder(tmp_path / "data" / "busy"):  # somebody else's, being written
        new(tmp_path, *words)
        left = sorted(path.name.partition(".")[2][:4] for path in (tmp_path / "data").glob(".*"))
        assert left == ["busy"]
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["busy", "t"]


def test_a_standard_takes_the_place_of_guesses(birds, tmp_path):
    "Descriptions, units, ranges and the owner come from a team's ODCS file."
    from ruamel.yaml import YAML

    signed = read_contract(PENGUINS / "contract.yaml")
    with open(tmp_path / "odcs.yaml", "w", encoding="utf-8") as file:
        YAML(typ="safe", pure=True).dump(to_odcs(signed), file)
    made = new(tmp_path, birds, "--target", "species", "--odcs", tmp_path / "odcs.yaml", "--yes")
    contract = read_contract(made.folder / "contract.yaml")
    assert contract.decision.owner == signed.decision.owner
    for name in ("bill_length", "body_mass"):
        one, two = contract.columns[name], signed.columns[name]
        assert (one.range, one.unit, one.description) == (two.range, two.unit, two.description)
    birds_without = tmp_path / "fewer.csv"
    pd.read_csv(birds).drop(columns="sex").to_csv(birds_without, index=False)
    with pytest.raises(NewError, match='"sex"'):
        new(tmp_path, birds_without, "--target", "species", "--odcs", tmp_path / "odcs.yaml")


@settings(max_examples=50)
@given(st.text(max_size=40), st.text(max_size=8))
def test_any_text_is_read_from_yaml_as_it_is(tmp_path_factory, text, key):
    "Nothing in a value becomes YAML, be it a tag, a comment or a line break."
    path = tmp_path_factory.mktemp("yaml") / "t.yaml"
    text, key = (each.encode("utf-8", "ignore").decode() for each in (text, key))
    path.write_text(f"{quote(key)}:\n  - {quote(text)}\n  - end\n", encoding="utf-8")
    assert load_page(path) == {key: [text, "end"]}


@given(st.floats(-1e30, 1e30), st.floats(-1e30, 1e30), st.booleans())
def test_a_range_holds_what_was_seen(one, two, whole):
    "And more than that, and never changes the sign."
    low, high = sorted((float(round(one)), float(round(two))) if whole else (one, two))
    below, above = widen(low, high, whole)
    assert below <= low <= high <= above and below < above
    assert (below >= 0) == (low >= 0) or low == high == 0


def test_what_has_no_labels_names_the_way_out(birds, tmp_path):
    "Too few rows of a label, and a target that is none."
    with pytest.raises(StartError, match="--rare drop"):
        frame = pd.read_csv(birds)
        frame.loc[3, "species"] = "Emperor"
        frame.to_csv(tmp_path / "t.csv", index=False)
        new(tmp_path, tmp_path / "t.csv", "--target", "species")
    with pytest.raises(TableError, match="did you mean"):
        new(tmp_path, birds, "--target", "specie")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_table_is_not_read_far_ahead(tmp_path, kind):
    "Of 96 MB of Parquet or 190 of CSV less than 90 are held at any time."
    path, many = tmp_path / f"t.{kind}", 3_000_000
    if kind == "csv":
        path.write_text("a,b,y\n" + f"{'1' * 40},{'2' * 20},0\n" * many)
        source = open_text(path, Options("y"))
    else:
        numbers = np.random.default_rng(0).random((4, many))
        table = pa.table(dict(zip("abcy", numbers, strict=True)))
        pq.write_table(table, path, row_group_size=100_000, use_dictionary=False)
        del table
        source = open_parquet(path, Options("y"))
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() - before for _ in source.read()]
    assert len(held) > 10 and max(held) < 90e6 < path.stat().st_size


@pytest.mark.parametrize("columns", [3, 300])
def test_a_row_group_is_not_read_at_once(tmp_path, columns):
    "Neither one of many rows nor, but for its pages, one of many columns."
    path, n = tmp_path / "t.parquet", 15_000_000 // columns
    numbers = np.random.default_rng(0).random((columns, n))
    names = [*(f"c{place}" for place in range(columns - 1)), "y"]
    table = pa.table(dict(zip(names, numbers, strict=True)))
    pq.write_table(table, path, row_group_size=n, use_dictionary=False)
    del table
    before = pa.total_allocated_bytes()
    source = open_parquet(path, Options("y"))
    held = [pa.total_allocated_bytes() - before for _ in source.read()]
    assert len(held) > 5 and max(held) < 100e6 < path.stat().st_size
