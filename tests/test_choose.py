"""Compare, tune, estimate, sample, record: what lesson 04b promises, at its edges."""

import json

import numpy as np
import pandas as pd
import projects
import pytest

from mlprod.choose import (
    GRIDS,
    LEAST,
    candidates_for,
    choose_sample,
    compare_models,
    count_fitting,
    describe_training,
    draw_sample,
    estimate_fit,
    estimate_seconds,
    find_best,
    list_runs,
    record_run,
    train_sampled,
    tune_model,
)
from mlprod.contract import read_contract
from mlprod.data import read_rows, split_rows, take_labels
from mlprod.train import TrainError, train_model


@pytest.fixture(scope="module", params=["flights", "penguins", "an amount"])
def project(request, root, tmp_path_factory):
    "A contract and its train rows; of the flights only the sample."
    if request.param == "an amount":
        path = projects.write_amounts(tmp_path_factory.mktemp("amounts"))
    else:
        path = root / "data" / request.param / "contract.yaml"
    contract = read_contract(path)
    rows = read_rows(path.with_name(contract.data.sample or contract.data.rows), contract)
    return contract, split_rows(rows, contract, seed=1)[0]


def test_models_are_compared_with_the_baseline_first(project):
    "Every figure is finite, and an unknown name is refused before anything is trained."
    contract, train = project
    amount = contract.task == "regression"
    compared = compare_models(train, contract, ["ridge"], 1)
    assert list(compared.index) == ["baseline", "ridge"]
    assert np.isfinite(compared).all(axis=None)
    metric, sign = ("mae", -1) if amount else ("auc", 1)
    assert (sign * compared["worst_fold"] <= sign * compared[metric]).all()
    assert find_best(compared, contract) == "ridge"
    with pytest.raises(TrainError, match="did you mean 'ridge'"):
        compare_models(train, contract, ["rigde"], 1)


def test_tuning_returns_parameters_that_train(project):
    "The best of the grid, and every try in the table."
    contract, train = project
    name = "ridge" if contract.task == "regression" else "logistic"
    best, tries = tune_model(name, train, contract, GRIDS[name], 1)
    key = next(iter(GRIDS[name]))
    assert best[key] == tries[key].iloc[0] and len(tries) == 2
    if contract.task == "regression":
        assert tries["mae"].is_monotonic_increasing
    else:
        assert tries["auc"].is_monotonic_decreasing
    train_model(name, train, contract, 1, best)
    with pytest.raises(TrainError, match="did you mean"):
        tune_model(name, train, contract, {"solvr": [1]}, 1)


def test_an_estimate_grows_with_the_table():
    "More rows, features or labels never take less time."
    for name in GRIDS:
        for labels in (0, 2, 10):
            times = [estimate_fit(name, n, 20, labels) for n in (100, 1000, 10_000, 1_000_000)]
            assert times == sorted(times) and times[0] > 0
        assert estimate_fit(name, 1000, 10, 2) <= estimate_fit(name, 1000, 500, 2)
        assert estimate_fit(name, 1000, 10, 2) <= estimate_fit(name, 1000, 10, 10)


SIZES = [(30, 2, 2), (1_797, 64, 10), (5_000, 784, 10), (336_776, 16, 2), (1_000_000, 30, 2)]


@pytest.mark.parametrize(("n_rows", "n_features", "n_labels"), SIZES)
def test_every_table_ends_within_the_time_that_there_is(n_rows, n_features, n_labels, root):
    "Some candidate is left, and choosing on the sample is estimated within half of the time."
    contract = read_contract(root / "data/penguins/contract.yaml")
    names = [f"x{number}" for number in range(n_features)]
    target = contract.target.model_copy(update={"labels": names[:n_labels]})
    contract = contract.model_copy(update={"features": names, "target": target})
    candidates = candidates_for(contract, n_rows)

    def estimate(n):
        return estimate_seconds(n, n_features, n_labels, candidates)

    chosen = count_fitting(n_rows, 90, estimate)
    assert candidates and (estimate(chosen) <= 90 or chosen == LEAST)
    assert chosen >= min(n_rows, LEAST)
    said = describe_training(contract, n_rows)
    assert f"{n_rows:,} train rows" in said and ("choosing on" in said) == (chosen < n_rows)
    assert int(said.partition("at most ")[2].split()[0]) <= 180


def test_boosting_is_left_out_where_it_cannot_pay(root):
    "Of thirty rows, and of ten labels with 784 features."
    few = read_contract(root / "data/penguins/contract.yaml")
    assert "hist_gradient_boosting" not in candidates_for(few, 30)
    assert "hist_gradient_boosting" in candidates_for(few, 300)


def test_a_sample_repeats_and_keeps_the_shares_of_the_labels(root):
    "Drawn with a seed, in the order of the rows."
    contract = read_contract(root / "data/flights/contract.yaml")
    rows = read_rows(root / "data/flights/sample.parquet", contract)
    train, _ = split_rows(rows, contract, seed=1)
    sample = draw_sample(train, contract, 1, 1000)
    assert len(sample) == 1000 and sample.equals(draw_sample(train, contract, 1, 1000))
    assert not sample.equals(draw_sample(train, contract, 2, 1000))
    assert sample.index.isin(train.index).all()
    shares = [take_labels(part, contract).mean() for part in (sample, train)]
    assert shares[0] == pytest.approx(shares[1], abs=0.001)
    names = ["logistic", "random_forest"]
    assert choose_sample(train, contract, 1, names) is train
    assert len(choose_sample(train, contract, 1, names, seconds=2)) < len(train)


def test_a_sampled_model_says_what_half_of_its_rows_would_give(root):
    "And a model of all rows has nothing to say."
    contract = read_contract(root / "data/flights/contract.yaml")
    rows = read_rows(root / "data/flights/sample.parquet", contract)
    train, _ = split_rows(rows, contract, seed=1)
    model, learned, sampling = train_sampled("logistic", train, contract, 1)
    assert sampling is None and learned is train
    model, learned, sampling = train_sampled("random_forest", train, contract, 1, seconds=0.8)
    assert sampling.of == len(train) > sampling.rows == len(learned) >= LEAST
    assert len(sampling.half.held_out) < len(model.held_out) < len(learned)


def test_a_table_of_which_a_part_was_read_is_a_sample_too(root):
    "There was time for all rows that were read, a tenth of the table's."
    contract = read_contract(root / "data/flights/contract.yaml")
    rows = read_rows(root / "data/flights/sample.parquet", contract)
    train, _ = split_rows(rows, contract, seed=1)
    _, learned, sampling = train_sampled("logistic", train, contract, 1, drawn=0.1)
    assert len(learned) == len(train) == sampling.rows and sampling.of == 10 * len(train)
    assert sampling.half is not None


def record(folder, **more):
    "Record a run of no importance."
    metrics = {"auc": np.float64(0.6)}
    return record_run(folder, "logistic", {"C": 1.0}, metrics, "ab", 1, 0.5, **more)


def test_a_run_is_recorded_with_all_that_repeats_it(tmp_path):
    "Parameters, metrics, the rows' hash, versions, seconds, seed."
    record(tmp_path / "new" / "folder", note=np.arange(2))
    run = list_runs(tmp_path / "new" / "folder").iloc[0]
    assert run["metrics.auc"] == 0.6 and run["parameters.C"] == 1.0 and run["seed"] == 1
    assert run["rows_hash"] == "ab" and run["seconds"] == 0.5 and run["note"] == [0, 1]
    assert run["libraries.scikit-learn"] and run["python"] and run["at"].endswith("Z")


def test_a_torn_last_line_costs_only_itself(tmp_path):
    "Runs before it and after it are readable, wherever the line was torn."
    path = tmp_path / "runs.jsonl"
    record(tmp_path)
    line = path.read_bytes()
    for length in (1, len(line) // 2, len(line) - 1):
        path.write_bytes(line + line[:length])
        assert len(list_runs(tmp_path)) == (2 if length == len(line) - 1 else 1)
        record(tmp_path)
        assert len(list_runs(tmp_path)) == (3 if length == len(line) - 1 else 2)


def test_half_a_character_is_torn_too(tmp_path):
    "Bytes that are no text do not hide the other runs."
    record(tmp_path)
    with open(tmp_path / "runs.jsonl", "ab") as file:
        file.write(b'{"model": "\xc3')
    record(tmp_path)
    assert len(list_runs(tmp_path)) == 2


def test_a_figure_that_is_no_number_is_not_recorded(tmp_path):
    "JSON has no NaN, and a run without figures says nothing."
    with pytest.raises(TrainError, match="expected finite numbers"):
        record_run(tmp_path, "logistic", {}, {"auc": float("nan")}, "ab", 1, 0.5)
    assert not (tmp_path / "runs.jsonl").exists()


def test_what_is_no_record_is_no_run(tmp_path):
    "JSON can also be a number, nothing, or a list."
    (tmp_path / "runs.jsonl").write_bytes(b'7\nnull\n["mlp"]\n\n')
    record(tmp_path)
    assert list(list_runs(tmp_path)["model"]) == ["logistic"]


def test_no_runs_are_an_empty_table(tmp_path):
    "Instead of an error."
    assert isinstance(list_runs(tmp_path), pd.DataFrame) and list_runs(tmp_path).empty


def test_every_line_of_the_runs_is_json(tmp_path):
    "Other tools read the file too."
    for _ in range(3):
        record(tmp_path)
    lines = (tmp_path / "runs.jsonl").read_text().splitlines()
    assert [json.loads(line)["model"] for line in lines] == ["logistic"] * 3
