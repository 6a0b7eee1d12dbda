"""From a CSV to an app that answers: `mlprod new`, `mlprod run`, HTTP, for tables of many kinds.

All data is made here or ships with the repository (penguins: CC0) or with scikit-learn (diabetes,
breast cancer: BSD-3-Clause).
"""

import json
import re
import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import tables
from make_artifacts import fetch, serving, to_json_rows
from sklearn.datasets import load_breast_cancer

from mlprod.cli import main
from mlprod.contract import read_contract
from mlprod.data import read_rows
from mlprod.frames import encode_frame
from mlprod.start import NOT_STATED, find_todos

ROOT = Path(__file__).parent.parent
JSON = {"Content-Type": "application/json"}


def make_local(n_rows=900):
    "What a German shop exports: `;`, decimal commas, Latin-1, days such as 31.12.2024."
    random = np.random.default_rng(6)
    days = pd.date_range("2024-01-01", periods=n_rows, freq="9h").strftime("%d.%m.%Y")
    price, city = random.gamma(3, 20, n_rows), random.choice(["Köln", "Lübeck", "Ulm"], n_rows)
    late = price / 20 + 3 * (city == "Köln") + random.normal(0, 1, n_rows) > 5
    price = [f"{value:,.2f}".translate(str.maketrans(",.", ".,")) for value in price * 20]
    return pd.DataFrame({
        "Bestellt am": days, "Betrag €".replace("€", "(EUR)"): price, "Größe": random.choice(["S", "M", "L"], n_rows),
        "Stadt": city, "Rückgabe": np.where(late, "ja", "nein"),
    })  # fmt: skip


class Kind(NamedTuple):
    "A table, and what a person says of it."

    rows: pd.DataFrame
    words: tuple[str, ...]  # of `mlprod new`
    task: str
    answers: dict = {}      # to the questions that are TODO, by key; none: --yes
    form: dict = {}         # of the CSV


def kinds():
    "The tables, by name."
    penguins = pd.read_parquet(ROOT / "data" / "penguins" / "penguins.parquet")
    crew = {"capacity": 0.02, "value": "{unit: EUR, cost: 5, gain: 400}"}
    shop = {"capacity": 0.1, "value": "{unit: EUR, cost: 2, gain: 9}"}
    german = {"sep": ";", "encoding": "latin-1"}
    numbers = load_breast_cancer(as_frame=True).frame
    return {
        "penguins": Kind(penguins, ("--target", "species"), "multiclass"),
        "progression": Kind(tables.make_amounts(), ("--target", "target"), "regression"),
        "fraud": Kind(tables.make_rare(4000), ("--target", "outcome"), "binary", crew),
        "wide": Kind(tables.make_wide(600), ("--target", "answer"), "binary"),
        "samples": Kind(numbers, ("--target", "target"), "binary"),
        "bestellungen": Kind(make_local(), ("--target", "Rückgabe"), "binary", shop, german),
        "sales": Kind(tables.make_series(), ("--target", "sales"), "regression"),
    }
