"""A challenger serves when it beats the champion on rows that neither has seen."""

import json
import shutil
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mlprod.app.model import load_artifact
from mlprod.cli import main
from mlprod.contract import read_contract
from mlprod.data import read_rows, split_rows
from mlprod.drift import make_reference
from mlprod.frames import encode_frame
from mlprod.gate import judge_model
from mlprod.labelled import label_contract, read_known
from mlprod.package import save_artifact, to_json
from mlprod.report import evaluate_model
from mlprod.retrain import (
    RetrainError,
    add_up,
    compare_sums,
    hash_rows,
    hold_out,
    is_drawn,
    number_units,
    retrain,
)
from mlprod.service import list_service, promote, read_pointer, read_verdict
from mlprod.train import train_baseline, train_model

RECENT = {"window_days": 50}  # so that the turned world is not outvoted by the old one
START = pd.Timestamp("2024-01-01", tz="UTC")


def make_rows(n_days, sign, seed, amount=False, per_day=40):
    "Rows whose label follows x, by its sign: where that changes, so did the world."
    random = np.random.default_rng(seed)
    x = random.normal(size=n_days * per_day).round(3)
    day = np.repeat(np.arange(n_days), per_day)
    noisy = sign * x + random.normal(scale=0.5, size=len(x))
    target = noisy.round(3) if amount else np.where(noisy > 0, "yes", "no")
    moments = START + pd.to_timedelta(day, unit="D") + pd.to_timedelta(9, unit="h")
    return pd.DataFrame({"at": moments.as_unit("us"), "x": x, "y": target})


def make_page(amount=False, **more):
    "A contract over a moment, a number and a label or an amount."
    about = {"description": "a column", "available": "before"}
    return {
        "project": "toy", "title": "Toy", "question": "Which?",
        "decision": {"action": "act", "owner": "me", "made": "now"},
        "target": {"name": "y", "from": "y"} | ({} if amount else {"labels": ["no", "yes"]}),
        "data": {"rows": "rows.parquet", "later": ["later.parquet"], "licence": "CC0-1.0"},
        "split": {"by": "at", "test_from": "2024-03-01T00:00:00Z"}, "features": ["x"],
        "columns": {
            "at": about | {"kind": "moment", "timezone": "UTC"},
            "x": about | {"kind": "number", "range": [-99, 99], "example": 1},
            "y": about | {"kind": "number" if amount else "category", "available": "after"},
        },
    } | more  # fmt: skip


def make_project(folder, later, amount=False, **more):
    "Write a project, train its first version on January and February, and put it into service."
    first = make_rows(90, 1, 0, amount)
    first.to_parquet(folder / "rows.parquet")
    later = later.assign(at=later["at"] + pd.Timedelta(days=90))
    later.to_parquet(folder / "later.parquet")
    (folder / "contract.yaml").write_bytes(to_json(make_page(amount, **more)))
    contract = read_contract(folder / "contract.yaml")
    train, test = split_rows(read_rows(folder / "rows.parquet", contract), contract, 0)
    name = "linear" if amount else "logistic"
    model = train_model(name, train, contract, 0)
    report = evaluate_model(model, train_baseline(train, contract, 0), test, contract)
    seen, unseen = (encode_frame(part, model.features)[0] for part in (train, test))
    page = contract.model_dump(mode="json", by_alias=True)
    saved = save_artifact(
        model, report, contract, hash_rows(train), unseen, folder / "toy",
        make_reference(seen, model.score(seen), page), judge_model(report, contract),
    )  # fmt: skip
    promote(folder / "toy", saved.name)
    return folder / "contract.yaml", folder / "toy", saved.name


@pytest.mark.parametrize("amount", [False, True])
def test_a_challenger_that_is_clearly_better_serves(tmp_path, amount):
    "The world turns around; the new model is saved with its verdict, and put into service."
    path, folder, champion = make_project(
        tmp_path, make_rows(90, -1, 1, amount), amount, life=RECENT
    )
    done = retrain(path, folder, now=lambda: 1.7e9)
    assert done.promoted and read_pointer(folder)["version"] == done.version != champion
    assert done.later_rows == 28 * 40 + 40 and done.verdict.against == f"version {champion}"
    assert read_verdict(folder, done.version) == done.verdict
    history = list_service(folder)
    assert history["why"].iloc[-1].startswith(f"challenger of {champion}: ")
    assert load_artifact(folder / done.version).contract["split"]["test_from"] > "2024-05"


def test_a_challenger_that_is_only_equal_does_not_serve(tmp_path):
    "The verdict is written with every number, and the champion stays."
    path, folder, champion = make_project(tmp_path, make_rows(60, 1, 2))
    done = retrain(path, folder)
    assert not done.promoted and done.version == read_pointer(folder)["version"] == champion
    verdict = json.loads((folder / done.judged / "verdict.json").read_bytes())
    assert not verdict["passed"] and "95%" in verdict["checks"][0]["got"]


def test_the_command_says_that_the_champion_stays(tmp_path, monkeypatch, capsys):
    "Without an override: the figures, and an exit status that a schedule notices."
    data, artifacts = tmp_path / "data" / "toy", tmp_path / "artifacts"
    for folder in (data, artifacts, tmp_path / "nbs"):
        folder.mkdir(parents=True)
    shutil.copy(Path(__file__).parent.parent / "settings.ini", tmp_path)
    _, built, champion = make_project(data, make_rows(60, 1, 2))
    built.rename(artifacts / "toy")
    monkeypatch.chdir(tmp_path)
    assert main(["retrain", "--contract", "data/toy/contract.yaml"]) == 1
    said = capsys.readouterr()
    assert "95%" in said.out and "unexpected" not in said.err
    assert read_pointer(artifacts / "toy")["version"] == champion


def test_an_override_serves_and_is_recorded(tmp_path):
    "The reason stands in the verdict, in the pointer and in the history."
    path, folder, _ = make_project(tmp_path, make_rows(60, 1, 2))
    done = retrain(path, folder, override="the owner wants it")
    assert done.promoted and read_pointer(folder)["override"] == "the owner wants it"
    assert read_verdict(folder, done.version).override == "the owner wants it"
    assert "the owner wants it" in (folder / done.version / "card.md").read_text(encoding="utf-8")


def test_the_same_rows_train_the_same_versions(tmp_path):
    "Two runs in two places end with the same version, twin and all."
    versions = []
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        path, folder, _ = make_project(
            tmp_path / place, make_rows(90, -1, 1), life=RECENT | {"serve": "refit"}
        )
        done = retrain(path, folder)
        versions.append((done.judged, done.version))
    assert versions[0] == versions[1] and versions[0][0] != versions[0][1]


def test_a_refit_model_says_until_when_it_has_learned(tmp_path):
    "So the next challenger is judged on rows that the refit model has not seen."
    path, folder, _ = make_project(tmp_path, make_rows(90, -1, 1), life=RECENT | {"serve": "refit"})
    done = retrain(path, folder)
    artifact = load_artifact(folder / done.version)
    contract = read_contract(path)
    rows = read_known(path, contract, folder)
    assert pd.Timestamp(artifact.contract["split"]["test_from"]) > rows["at"].max()
    assert any("twin" in doubt for doubt in artifact.report["doubts"])
    with pytest.raises(RetrainError, match="wait for labels"):
        retrain(path, folder)


def test_until_and_the_window_choose_the_rows(tmp_path):
    "Nothing from the moment on is known, and training looks back as far as asked."
    path, folder, _ = make_project(tmp_path, make_rows(90, -1, 1))
    until = datetime.fromisoformat("2024-05-01T00:00:00+00:00")
    whole = retrain(path, folder, until=until)
    assert whole.train_rows + whole.later_rows == 121 * 40
    assert retrain(path, folder, until=until, window_days=10).train_rows == 10 * 40


def test_without_a_version_in_service_there_is_nothing_to_compare_with(tmp_path):
    "The message says which command comes first."
    (tmp_path / "contract.yaml").write_bytes(to_json(make_page()))
    with pytest.raises(RetrainError, match="mlprod run"):
        retrain(tmp_path / "contract.yaml", tmp_path / "toy")


def test_other_labels_cannot_be_compared(tmp_path):
    "A champion that gives other answers is no champion of this contract."
    path, folder, _ = make_project(tmp_path, make_rows(60, 1, 2))
    page = make_page()
    page["target"]["labels"] = ["yes", "no"]
    path.write_bytes(to_json(page))
    with pytest.raises(RetrainError, match="target.labels: expected .*'no', 'yes'"):
        retrain(path, folder)


def test_random_splits_hold_out_the_same_rows_for_ever(tmp_path):
    "A row of the log is held out by its id: the same whatever rows come later."
    split = {"split": {"at_random": 0.25}}
    page = make_page(**split)
    (tmp_path / "contract.yaml").write_bytes(to_json(page))
    contract = read_contract(tmp_path / "contract.yaml")
    rows = make_rows(20, 1, 0)
    live = make_rows(20, 1, 1).set_axis([f"id{number}" for number in range(800)])
    sides = []
    for n_live in (400, 800):
        table = pd.concat([rows, live.iloc[:n_live]])
        train, later, _ = hold_out(table, label_contract(contract), page, 0)
        assert len(train) + len(later) == len(table)
        sides.append({name for name in later.index if isinstance(name, str)})
    first = {f"id{number}" for number in range(400)}
    assert sides[0] < sides[1] and sides[0] == {name for name in first if is_drawn(name, 0.25)}


def test_equal_models_are_rarely_called_better():
    "Of 400 pairs of models without a difference, the bound of 2.5% is kept (99.9%: 21)."
    random, cries = np.random.default_rng(0), 0
    units = np.repeat(np.arange(28), 50)
    for number in range(400):
        mood = random.normal(scale=0.1, size=28)[units]
        both = [
            (random.random(1400) < np.clip(0.5 + mood, 0, 1)).astype(float) for _ in range(2)
        ]
        sums = [add_up((right, np.ones(1400)), units) for right in both]
        cries += compare_sums(*sums, seed=number).low > 0
    assert cries <= 21


def test_very_many_units_are_put_together():
    "A thousand groups of units are enough for an interval, and cost a thousandth of the memory."
    numbers = number_units(np.arange(50_000))
    assert numbers.max() == 999 and np.bincount(numbers).std() == 0
