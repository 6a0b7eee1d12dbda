"""Labelled rows outlive the log: each once, whatever happens on the way."""

import io
import json
import os
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from mlprod.app.log import first_id, open_log
from mlprod.contract import Contract
from mlprod.data import take_labels
from mlprod.labelled import (
    STORE,
    LabelledError,
    label_contract,
    name_labels,
    read_known,
    read_store,
    store_labelled,
)

DAY = 86_400.0
START = datetime(2024, 5, 1, tzinfo=UTC).timestamp()
LATE = {"name": "late", "from": "minutes", "above": 5, "labels": ["no", "yes"]}


def make_contract(target=None, **columns):
    "A contract of few columns; target: what stands there."
    page = {
        "project": "toy", "title": "Toy", "question": "Which?",
        "decision": {"action": "act", "owner": "me", "made": "now"},
        "target": target or LATE,
        "data": {"rows": "rows.parquet", "licence": "CC0-1.0"},
        "split": {"at_random": 0.2}, "features": ["km", "shop"],
        "columns": {
            "km": {"kind": "number", "range": [0, 99], "example": 3, "may_be_missing": True},
            "shop": {"kind": "category", "values": [1, 2], "example": 1},
            "minutes": {"kind": "number", "available": "after", "may_be_missing": True},
        } | columns,
    }  # fmt: skip
    for column in page["columns"].values():
        column |= {"description": "a column", "available": column.get("available", "before")}
    return Contract.model_validate(page)


def write_log(folder, rows, project="toy"):
    "Write predictions as the app does: (day, number, row, label)."
    folder.mkdir(parents=True, exist_ok=True)
    with closing(open_log(folder / "log.sqlite", project)) as log, log:
        for day, number, row, label in rows:
            at = START + day * DAY + number
            line = (f"{first_id(at)}-0", at, "v1", json.dumps(row), 0.5, "leave", label, at + DAY)
            names = "id, at, version, row, score, decision, label, labelled_at"
            sql = f"insert or replace into predictions ({names}) values (?, ?, ?, ?, ?, ?, ?, ?)"
            log.execute(sql, line)


def read_bytes(folder):
    "What the store holds: bytes by the file's name, what was left aside excluded."
    files = sorted((folder / STORE).glob("[!.]*"))
    return {path.name: path.read_bytes() for path in files}


ROWS = [
    (day, number, {"km": number, "shop": "1"}, "yes") for day in range(3) for number in range(4)
]

KILLS = """
import os, shutil, signal, sys
from pathlib import Path
from mlprod.contract import Contract
from mlprod.labelled import store_labelled

page, template, folder = sys.argv[1:]
contract = Contract.model_validate_json(page)
seen, nth, armed = 0, 0, False

def kill(event, arguments):
    global seen
    watched = ("open", "os.rename", "os.mkdir", "os.chmod", "os.remove", "sqlite3.connect")
    if armed and event in watched:
        seen += 1
        if seen == nth:
            os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(kill)
while True:  # each child dies one step later than the one before, until one gets through
    nth += 1
    target = Path(folder) / str(nth)
    shutil.copytree(template, target)
    if not (child := os.fork()):
        armed = True
        store_labelled(target, contract)
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        break
print(nth)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills are tried in forks")
def test_a_kill_at_any_step_loses_nothing_and_stores_nothing_twice(tmp_path):
    "Whatever file operation a run dies at, the next run ends with the same bytes."
    contract, template = make_contract(), tmp_path / "template"
    write_log(template, ROWS[:3])
    store_labelled(template, contract)
    write_log(template, ROWS[:5])  # one more row of a day that is stored, and a day that is not
    page = contract.model_dump_json(by_alias=True)
    script = [sys.executable, "-W", "ignore", "-c", KILLS, page, str(template), str(tmp_path)]
    done = subprocess.run(script, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    kills = int(done.stdout) - 1
    assert kills >= 10
    expected = read_bytes(tmp_path / str(kills + 1))
    assert len(expected) == 2
    for number in range(1, kills + 1):
        folder = tmp_path / str(number)
        for content in read_bytes(folder).values():
            pq.read_table(io.BytesIO(content))  # whole, even before the next run
        store_labelled(folder, contract)
        assert read_bytes(folder) == expected, f"killed at step {number}"
    ids = pq.read_table(tmp_path / "1" / STORE)["id"].to_pylist()
    assert len(ids) == len(set(ids)) == 5


def test_runs_at_the_same_time_store_each_row_once(tmp_path):
    "Eight runs at once, while rows are added, end with every row, once."
    contract = make_contract()
    write_log(tmp_path, ROWS)
    threads = [threading.Thread(target=store_labelled, args=(tmp_path, contract)) for _ in range(8)]
    for thread in threads:
        thread.start()
    write_log(tmp_path, [(1, 100, {"km": 9, "shop": "2"}, "no")])
    for thread in threads:
        thread.join()
    store_labelled(tmp_path, contract)
    assert pq.read_table(tmp_path / STORE).num_rows == 13


def test_what_the_log_deletes_stays_stored(tmp_path):
    "The log forgets after keep_days; the store gives every row, those of the log alone too."
    contract = make_contract()
    write_log(tmp_path, ROWS)
    store_labelled(tmp_path, contract)
    with closing(open_log(tmp_path / "log.sqlite", "toy")) as log, log:
        log.execute("delete from predictions")
    write_log(tmp_path, [(9, 0, {"km": 7, "shop": "2"}, "no")])
    rows = read_store(tmp_path, contract)
    assert len(rows) == 13 and rows["km"].iloc[-1] == 7
    assert take_labels(rows, label_contract(contract)).tolist() == [1] * 12 + [0]
    early = read_store(tmp_path, contract, until=datetime.fromtimestamp(START + 2 * DAY, UTC))
    assert len(early) == 4  # their labels came a day after the predictions


def test_personal_columns_are_not_stored(tmp_path):
    "A column that the contract calls personal is not in the store, even where the log has it."
    contract = make_contract(name={"kind": "category", "personal": True})
    write_log(tmp_path, [(0, 0, {"km": 1, "shop": "1", "name": "Ada"}, "yes")])
    store_labelled(tmp_path, contract)
    (content,) = read_bytes(tmp_path).values()
    assert b"Ada" not in content and "row.name" not in pq.read_table(tmp_path / STORE).column_names


def test_a_model_that_needs_a_personal_column_cannot_learn_from_the_log(tmp_path):
    "The message names the column and the ways out."
    shop = {"kind": "category", "personal": True, "values": [1], "example": 1}
    contract = make_contract(shop=shop)
    write_log(tmp_path, ROWS)
    with pytest.raises(LabelledError, match="columns.shop: expected a column that is logged"):
        read_store(tmp_path, contract)


TARGETS = {
    "words of the column": ({"name": "kind", "from": "kind", "labels": ["a", "b", "c"]},
                            ["a", "c", None], [0, 2, np.nan]),
    "values with words": ({"name": "ill", "from": "minutes", "labels": {0: "well", 1: "ill"}},
                          [0.0, 1.0, np.nan], [0, 1, np.nan]),
    "above": (None, [5.0, 6.0, np.nan], [0, 1, np.nan]),
    "an amount": ({"name": "minutes", "from": "minutes"}, [5.5, -3.0, np.nan], [5.5, -3, np.nan]),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["words of the column", "above"])
def test_labels_are_the_same_by_name_as_by_value(kind):
    "Whatever the label is derived from, the variant of the contract derives the same."
    target, values, labels = TARGETS[kind]
    contract = make_contract(target, kind={"kind": "category", "available": "after"})
    rows = pd.DataFrame({contract.target.column: values})
    if kind == "words of the column":
        rows = rows.astype("str")
    named = name_labels(rows, contract)
    np.testing.assert_array_equal(take_labels(named, label_contract(contract)), labels)


def test_files_and_store_become_one_table(tmp_path):
    "The contract's rows come first, with their numbers; the store's rows have their ids."
    contract = make_contract()
    table = pd.DataFrame({"km": [1.0, np.nan], "shop": ["1", "2"], "minutes": [3.0, 9.0]})
    table.to_parquet(tmp_path / "rows.parquet")
    write_log(tmp_path / "toy", ROWS[:2])
    rows = read_known(tmp_path / "contract.yaml", contract, tmp_path / "toy")
    assert rows["minutes"].tolist() == ["no", "yes", "yes", "yes"]
    assert rows.index[:2].tolist() == [0, 1] and isinstance(rows.index[2], str)
    assert list(rows.columns) == list(contract.columns)


def test_a_missing_log_is_no_mistake(tmp_path):
    "A project that has not served yet has nothing to store."
    assert store_labelled(tmp_path, make_contract()) == 0
    assert not (tmp_path / STORE).exists() and not (tmp_path / "log.sqlite").exists()
    assert len(read_store(tmp_path, make_contract())) == 0
