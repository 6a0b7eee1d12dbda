"""Projects that are not like ours: each function writes contract.yaml and rows.parquet.

All data is made here or comes with scikit-learn (diabetes, breast cancer and digits: BSD-3-Clause).
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ruamel.yaml import YAML
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

LIMITS = {"floors": {}, "latency_ms": 500, "size_mb": 50}


def describe_column(values: pd.Series) -> dict[str, Any]:
    "Describe a column as a contract does; ranges are wider than what was seen."
    page = {"description": f"the column {values.name}", "available": "before"}
    if values.isna().any():
        page["may_be_missing"] = True
    known = values.dropna()
    if values.dtype.kind == "M":
        return page | {
            "kind": "moment", "timezone": "Europe/Berlin", "example": known.iloc[0].isoformat(),
            "range": ["1990-01-01T00:00:00Z", "2040-01-01T00:00:00Z"],
        }  # fmt: skip
    if values.dtype.kind in "iuf":
        low, high = float(known.min()), float(known.max())
        wider = (high - low) or 1.0
        page |= {"range": [low - wider, high + wider], "example": float(known.iloc[0])}
        return page | {"kind": "number"}
    names = sorted(set(known))
    return page | {"kind": "category", "values": names, "example": names[0]}


def write_project(
    folder: Path,  # where projects are, for instance tmp_path
    name: str,  # of the project and its folder
    rows: pd.DataFrame,
    target: dict[str, Any],  # the contract's
    more: dict[str, Any] | None = None,  # whatever else the contract says, or says differently
    columns: dict[str, dict] | None = None,  # what it says of single columns
) -> Path:  # of the contract
    "Write a project whose features are all columns but the target."
    described = {column: describe_column(rows[column]) for column in rows}
    answer = described[target["from"]]
    answer["available"] = "after"
    for key in ("range", "values", "example"):
        answer.pop(key, None)
    for column, says in (columns or {}).items():
        described[column] |= says
    page = {
        "project": name, "title": f"The {name}", "question": f"What is the {target['name']}?",
        "decision": {"action": "look at it", "owner": "the owner", "made": "at noon"},
        "target": target, "data": {"rows": "rows.parquet", "licence": "CC0-1.0"},
        "split": {"at_random": 0.3},
        "features": [column for column in rows if column != target["from"]],
        "columns": described, "limits": LIMITS,
    } | (more or {})  # fmt: skip
    path = folder / name / "contract.yaml"
    path.parent.mkdir(parents=True)
    with open(path, "w", encoding="utf-8") as file:
        yaml = YAML(typ="safe", pure=True)
        yaml.sort_base_mapping_type_on_output = False  # the last label is what the action is for
        yaml.dump(page, file)
    rows.to_parquet(path.with_name("rows.parquet"), index=False)
    return path


def make_amounts() -> pd.DataFrame:
    "How far diabetes has progressed after a year: 442 patients, ten columns."
    rows = load_diabetes(as_frame=True, scaled=False).frame
    rows["sex"] = rows["sex"].map({1: "one", 2: "two"})
    return rows


def write_amounts(folder: Path) -> Path:
    "An amount."
    rows = make_amounts()
    says = {"target": {"unit": "points"}, "bmi": {"unit": "kg/m²"}}
    limits = LIMITS | {"ceilings": {"mae": 60}}
    limits["slices"] = {"columns": ["sex"], "floors": {}, "min_rows": 30}
    more = {
        "baseline": "bmi", "limits": limits,
        "decision": {
            "action": "invite to the programme", "owner": "the head physician",
            "made": "after the examination", "capacity": 0.2,
            "value": {"unit": "EUR", "cost": 150, "gain": 1.0},
        },
    }  # fmt: skip
    target = {"name": "progression", "from": "target"}
    return write_project(folder, "progression", rows, target, more, says)


def make_rare(n_rows: int = 6000) -> pd.DataFrame:
    "Payments, of which a hundredth is fraud."
    random = np.random.default_rng(1)
    rows = pd.DataFrame({
        "amount": random.lognormal(3, 1, n_rows).round(2), "age": random.integers(18, 90, n_rows),
        "shop": random.choice(["bakery", "jeweller", "kiosk"], n_rows),
    })  # fmt: skip
    risk = (rows["amount"] / 20).clip(0, 8) + 2 * (rows["shop"] == "jeweller")
    rows["outcome"] = np.where(risk + random.gumbel(0, 1, n_rows) > 9, "fraud", "honest")
    assert 0.005 < (rows["outcome"] == "fraud").mean() < 0.02
    return rows


def write_rare(folder: Path) -> Path:
    "Two labels, one of them in a hundredth of the rows."
    rows = make_rare()
    decision = {"action": "call", "owner": "the bank", "made": "at once", "capacity": 0.02}
    target = {"name": "fraud", "from": "outcome", "labels": ["honest", "fraud"]}
    return write_project(folder, "fraud", rows, target, {"decision": decision, "baseline": "shop"})


def make_wide(n_rows: int = 800, n_columns: int = 300) -> pd.DataFrame:
    "Three hundred numbers, of which three tell something; every tenth has a gap, one is constant."
    random = np.random.default_rng(2)
    matrix = random.normal(0, 1, (n_rows, n_columns))
    told = matrix[:, :3].sum(axis=1) + random.normal(0, 1, n_rows) > 0
    matrix[random.integers(0, n_rows, n_columns)[::10], np.arange(0, n_columns, 10)] = np.nan
    matrix[:, -1] = 1.0
    rows = pd.DataFrame(matrix, columns=[f"x{number:03}" for number in range(n_columns)])
    return rows.assign(answer=np.where(told, "yes", "no"))


def write_wide(folder: Path, n_rows: int = 800, n_columns: int = 300) -> Path:
    "Many columns."
    target = {"name": "answer", "from": "answer", "labels": ["no", "yes"]}
    return write_project(folder, "wide", make_wide(n_rows, n_columns), target)


def write_numbers(folder: Path) -> Path:
    "Numbers alone, the label a number too: breast cancer, 569 samples."
    rows = load_breast_cancer(as_frame=True).frame
    rows.columns = [name.replace(" ", "_") for name in rows.columns]
    target = {"name": "diagnosis", "from": "target", "labels": {1: "benign", 0: "malignant"}}
    return write_project(folder, "samples", rows, target)


def write_few(folder: Path) -> Path:
    "Thirty rows, two numbers, and a label that one of them gives away almost always."
    random = np.random.default_rng(3)
    rows = pd.DataFrame({"length": random.normal(0, 1, 30).round(3), "width": np.arange(30) % 7})
    rows["kind"] = np.where(rows["length"] + random.normal(0, 0.4, 30) > 0, "long", "short")
    target = {"name": "kind_seen", "from": "kind", "labels": ["short", "long"]}
    return write_project(folder, "few", rows, target, {"split": {"at_random": 0.2}})


def write_digits(folder: Path) -> Path:
    "Ten labels and 64 numbers: 1,797 digits of eight by eight points."
    digits = load_digits()
    names = [f"point_{number:02}" for number in range(64)]
    rows = pd.DataFrame(digits.data, columns=names).assign(digit=digits.target)
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    target = {"name": "digit_written", "from": "digit", "labels": dict(enumerate(words))}
    return write_project(folder, "digits", rows, target)


def make_series(n_days: int = 900) -> pd.DataFrame:
    "What a baker sold each day, and in the days and weeks before."
    random, days = np.random.default_rng(4), np.arange(n_days)
    week = np.array([0, 2, 3, 5, 12, 20, -10])[days % 7]
    sales = 100 + week + 5 * np.sin(days / 58) + random.normal(0, 4, n_days)
    rows = pd.DataFrame({"day": pd.date_range("2021-01-04T06:00Z", periods=n_days), "sales": sales})
    for lag in (7, 14):
        rows[f"sales_{lag}_days_before"] = rows["sales"].shift(lag)
    rows["week_before"] = rows["sales"].shift(1).rolling(7).mean()
    return rows.iloc[14:].reset_index(drop=True)


def write_series(folder: Path) -> Path:
    "A forecast: today's sales from the last days', an amount with a split in time."
    rows = make_series()
    test_from = rows["day"].iloc[-200].isoformat()
    more = {
        "split": {"by": "day", "test_from": test_from}, "baseline": "sales_7_days_before",
        "features": [
            "day.weekday", "sales_7_days_before", "sales_14_days_before", "week_before"
        ],
        "decision": {"action": "bake more", "owner": "the baker", "made": "the evening before",
                     "threshold": 110},
    }  # fmt: skip
    unit = {"unit": "loaves"}
    says = dict.fromkeys(rows.columns[1:], unit)
    return write_project(folder, "sales", rows, {"name": "sold", "from": "sales"}, more, says)


def make_local(n_rows: int = 900) -> pd.DataFrame:
    "Orders as a German shop writes them: decimal commas, days such as 31.12.2024."
    random = np.random.default_rng(6)
    days = pd.date_range("2024-01-01", periods=n_rows, freq="9h").strftime("%d.%m.%Y")
    price, city = random.gamma(3, 20, n_rows) * 20, random.choice(["Köln", "Lübeck", "Ulm"], n_rows)
    back = price / 400 + 3 * (city == "Köln") + random.normal(0, 1, n_rows) > 5
    marks = str.maketrans(",.", ".,")
    return pd.DataFrame({
        "Bestellt am": days, "Betrag (EUR)": [f"{each:,.2f}".translate(marks) for each in price],
        "Größe": random.choice(["S", "M", "L"], n_rows), "Stadt": city,
        "Rückgabe": np.where(back, "ja", "nein"),
    })  # fmt: skip


def write_groups(folder: Path) -> Path:
    "Customers who come several times: rows of one never stand on both sides."
    random, n_rows = np.random.default_rng(5), 1200
    customer = random.integers(0, 200, n_rows)
    habit = random.normal(0, 1, 200)[customer]
    rows = pd.DataFrame({
        "customer": [f"c{number:03}" for number in customer],
        "basket": (20 + 5 * habit + random.normal(0, 5, n_rows)).round(2),
        "weekday": random.choice(["mon", "tue", "wed"], n_rows),
    })  # fmt: skip
    rows["back"] = habit + random.normal(0, 1, n_rows) > 0
    more = {
        "split": {"at_random": 0.3, "groups": "customer"}, "features": ["basket", "weekday"],
        "baseline": "weekday",
    }  # fmt: skip
    target = {
        "name": "returns",
        "from": "back",
        "labels": {False: "stays away", True: "comes back"},
    }
    return write_project(folder, "customers", rows, target, more)
