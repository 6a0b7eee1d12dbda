"""From a CSV to an app that answers: `mlprod new`, `mlprod run`, HTTP, for tables of many kinds.

The tables are made here, or ship with the repository (penguins: CC0) or with scikit-learn
(diabetes, breast cancer: BSD-3-Clause).
"""

import json
import re
import shutil
import signal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import projects
import pytest
from make_artifacts import fetch, serving, to_json_rows
from sklearn.datasets import load_breast_cancer

from mlprod.app.model import Artifact, InService
from mlprod.cli import main
from mlprod.contract import Contract, read_contract
from mlprod.data import read_rows, take_labels

ROOT = Path(__file__).parent.parent
PENGUINS = ROOT / "data" / "penguins" / "penguins.parquet"


class Kind(NamedTuple):
    "A table, and what a person says of it."

    rows: pd.DataFrame
    target: str
    answers: dict[str, str] | None = None  # to the TODOs that differ, by key; None: --yes
    form: dict[str, str] = {}  # of the CSV


# What is said where the contract has a TODO, and the table asks for nothing else.
SAID = dict.fromkeys(("question", "action", "made", "owner", "licence"), "as agreed")
GERMAN = {"sep": ";", "encoding": "latin-1"}
KINDS = {
    "penguins": lambda: Kind(pd.read_parquet(PENGUINS), "species"),
    "progression": lambda: Kind(projects.make_amounts(), "target"),
    "fraud": lambda: Kind(projects.make_rare(4000), "outcome", {"capacity": "0.02"}),
    "wide": lambda: Kind(projects.make_wide(400), "answer"),
    "samples": lambda: Kind(load_breast_cancer(as_frame=True).frame, "target"),
    "retouren": lambda: Kind(projects.make_local(), "Rückgabe", {"capacity": "0.1"}, GERMAN),
    "sales": lambda: Kind(projects.make_series(600), "sales"),
}


class Made(NamedTuple):
    "What the two commands made of a table, and the app that serves it."

    name: str
    drafted: list[str]  # lines of the contract, before anybody answered
    contract: Contract
    rows: pd.DataFrame
    artifact: Artifact
    page: str  # the report
    address: str


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    "A repository without projects."
    folder = tmp_path_factory.mktemp("repository")
    (folder / "nbs").mkdir()
    shutil.copy(ROOT / "settings.ini", folder)
    shutil.copy(ROOT / "nbs" / "18_run.ipynb", folder / "nbs")
    return folder


def answer_todos(path: Path, answers: dict[str, str]) -> None:
    "Answer each TODO of a contract; a key without an answer is deleted, and nothing else changes."
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        asked = re.fullmatch(r'( *)(\w+): "TODO .*"', line)
        if asked and asked[2] in answers:
            line = f"{asked[1]}{asked[2]}: {answers[asked[2]]}"
        if not asked or asked[2] in answers:
            lines.append(line)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture(scope="module", params=KINDS)
def made(request, root, forked_kernels):
    "Each table through both commands, its app served."
    name, kind = request.param, KINDS[request.param]()
    table, path = root / f"{name}.csv", root / "data" / name / "contract.yaml"
    kind.rows.to_csv(table, index=False, **kind.form)
    handlers = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        words = [] if kind.answers else ["--yes"]
        assert main(["new", str(table), "--target", kind.target, *words]) == 0
        drafted = path.read_text(encoding="utf-8").splitlines()
        if kind.answers:
            assert main(["run", "--contract", str(path)]) == 1, "a TODO is refused"
            answer_todos(path, SAID | kind.answers)
        assert main(["run", "--contract", str(path), "--seconds", "5"]) == 0
    for each, handler in handlers.items():
        signal.signal(each, handler)
    artifacts = root / "artifacts" / name
    contract = read_contract(path)
    rows = read_rows(path.with_name(contract.data.rows), contract)
    page = (artifacts / "report.html").read_text(encoding="utf-8")
    artifact = InService(artifacts).artifact()
    log = {"PREDICTION_LOG": str(artifacts / "log.sqlite")}
    with serving(artifacts / "app", **log) as address:
        yield Made(name, drafted, contract, rows, artifact, page, address)


def post(made: Made, place: str, body: Any) -> Any:
    "Send JSON to the app and read its answer."
    text = json.dumps(body).encode()
    status, _, answer = fetch(f"{made.address}/{place}", text, Content_Type="application/json")
    assert status == 200, answer
    return json.loads(answer)


TASKS = {"penguins": "multiclass", "progression": "regression", "sales": "regression"}


def test_new_needs_no_change_but_the_answers(made):
    "The task is right, and every line that a person changed was a TODO."
    assert made.contract.task == TASKS.get(made.name, "binary")
    todos = [line for line in made.drafted if "TODO" in line]
    assert len(todos) == (7 if KINDS[made.name]().answers else 0)


def test_the_app_answers_its_example(made):
    "One prediction, from the version in service."
    answer = post(made, "predict", [made.artifact.example])
    assert answer["version"] == made.artifact.version
    assert len(answer["predictions"]) == 1


def test_the_app_answers_rows_of_the_table(made):
    "Without a warning, and more often right than who always says the same."
    rows = made.rows.iloc[:: max(1, len(made.rows) // 300)]
    predictions = post(made, "predict", to_json_rows(rows, made.artifact.features))["predictions"]
    assert [each["warnings"] for each in predictions] == [[]] * len(rows)
    truth = take_labels(rows, made.contract)
    if made.contract.task == "regression":
        errors = np.array([each["score"] for each in predictions]) - truth
        assert np.abs(errors).mean() < 0.8 * np.abs(truth - truth.mean()).mean()
        return
    labels = made.contract.target.labels
    if made.contract.decision.capacity:  # those for whom something is done have the last label
        acts = np.array([each["decision"] == "act" for each in predictions])
        assert 0 < acts.mean() < 0.3 and truth[acts].mean() > 2 * truth.mean()
        return
    words = {label: place for place, label in enumerate(labels)} | {"leave": 0, "act": 1}
    right = np.array([words[each["decision"]] for each in predictions]) == truth
    assert right.mean() > 1.3 * max((truth == code).mean() for code in set(truth))


def test_the_app_takes_what_happened_and_is_watched(made):
    "A number where the target is one, else a label; /monitor answers."
    (prediction,) = post(made, "predict", [made.artifact.example])["predictions"]
    happened = (made.contract.target.labels or [12.5])[-1]
    body = {"id": prediction["id"], "label": happened}
    assert post(made, "feedback", body) == {"labelled": 1}
    status, kind, page = fetch(f"{made.address}/monitor", Accept="text/html")
    assert (status, kind) == (200, "text/html") and b"monitor" in page.lower()
    status, _, answer = fetch(f"{made.address}/monitor")
    assert status == 200 and "findings" in json.loads(answer)


def test_every_column_is_on_a_small_page(made):
    "Also of three hundred; no picture is without a description."
    assert [name for name in made.contract.columns if name not in made.page] == []
    assert len(made.page) < 600_000
    assert made.page.count("<img") == len(re.findall(r'<img[^>]*alt="[^"]+', made.page))


def test_what_is_special_about_a_table_is_seen(made):
    "What the contract says of it, and what the report does."
    columns = made.contract.columns
    if made.name == "penguins":  # who measures penguins next year is not refused
        assert columns["year"].range[1] > 2015
    elif made.name == "retouren":
        assert columns["Betrag (EUR)"].unit is None and columns["Bestellt am"].kind == "moment"
        assert made.contract.split.by == "Bestellt am"
        assert made.rows["Betrag (EUR)"].between(0, 10_000).all()
        assert made.contract.target.labels == ["nein", "ja"]
    elif made.name == "progression":
        for title in ("For whom does it predict too much, or too little?",
                      "Does what the model predicts come true?"):  # fmt: skip
            assert f'alt="{title}' in made.page
        assert "Not examined." in made.page and "behaviour: the contract names none" in made.page
    elif made.name == "sales":
        assert made.contract.split.by == "day" and "day.weekday" in made.contract.features
        assert "day.hour" not in made.contract.features, "it is always the same"
    elif made.name == "wide":
        assert len(made.contract.features) == 299 and "x299" not in made.contract.features
    elif made.name == "samples":
        assert all(spec.kind == "number" for name, spec in columns.items() if name != "target")
