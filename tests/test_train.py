"""What lesson 04 promises, at its edges."""

import json

import numpy as np
import pandas as pd
import pytest

from mlprod.contract import read_contract
from mlprod.data import DataError, read_rows, sort_rows, split_rows
from mlprod.frames import encode_frame
from mlprod.train import (
    ESTIMATORS,
    TrainError,
    compare_models,
    list_runs,
    make_estimator,
    make_folds,
    measure_precision,
    record_run,
    train_baseline,
    train_model,
    tune_model,
)


@pytest.fixture(scope="module", params=["flights", "penguins"])
def project(request, root):
    "A contract, its train rows and its test rows; of the flights only the sample."
    folder = root / "data" / request.param
    contract = read_contract(folder / "contract.yaml")
    rows = read_rows(folder / (contract.data.sample or contract.data.rows), contract)
    return contract, *split_rows(rows, contract, seed=1)


@pytest.fixture(scope="module")
def flights(root):
    "The flights' contract and the train rows of the sample."
    contract = read_contract(root / "data/flights/contract.yaml")
    rows = read_rows(root / "data/flights/sample.parquet", contract)
    return contract, split_rows(rows, contract, seed=1)[0]


@pytest.mark.parametrize("name", ["baseline", *ESTIMATORS])
def test_every_estimator_gives_probabilities_and_repeats_to_the_bit(project, name):
    "Two labels or three, missing values or none: each row sums to 1, and twice is the same."
    contract, train, test = project
    quick = {"max_iter": 10} if name in ("hist_gradient_boosting", "calibrated") else {}

    def run(rows):
        if name == "baseline":
            return train_baseline(rows, contract, seed=1)
        return train_model(name, rows, contract, 1, quick)

    model, again = run(train), run(train.copy())
    matrix, _ = encode_frame(test, model.features)
    scores = model.score(matrix)

    assert scores.shape == (len(test), len(contract.target.labels)) and scores.dtype == "float64"
    assert np.isfinite(scores).all() and np.allclose(scores.sum(axis=1), 1, atol=1e-12)
    assert scores.tobytes() == again.score(matrix).tobytes()
    assert model.held_out.tobytes() == again.held_out.tobytes()
    assert len(model.held_out) == len(model.held_out_labels) > len(train) / 2
    assert model.labels == contract.target.labels and model.parameters == {**quick}


@pytest.mark.parametrize("name", ["baseline", "logistic", "hist_gradient_boosting"])
def test_unknown_and_missing_categories_get_a_score(project, name):
    "Codes that training never saw are probabilities like others."
    contract, train, _ = project
    model = (
        train_baseline(train, contract, 1) if name == "baseline"
        else train_model(name, train, contract, 1)
    )
    matrix, _ = encode_frame(train.head(2), model.features)
    categories = [name in ("carrier", "origin", "island", "sex") for name in contract.features]
    for code in (-1, -2):
        matrix[:, categories] = code
        assert np.allclose(model.score(matrix).sum(axis=1), 1)


def test_folds_never_look_ahead(flights):
    "Every row that is learned from lies before every row that is scored."
    contract, train = flights
    rows = sort_rows(train, contract)
    moments = rows["departs_at"].to_numpy()
    folds = make_folds(rows, contract, seed=1)
    assert len(folds) == 4
    for learn, score in folds:
        assert moments[learn].max() <= moments[score].min()


def test_random_folds_score_every_row_once(root):
    "Where there is no time."
    contract = read_contract(root / "data/penguins/contract.yaml")
    rows = read_rows(root / "data/penguins/penguins.parquet", contract)
    scored = np.concatenate([score for _, score in make_folds(rows, contract, seed=1)])
    assert sorted(scored) == list(range(len(rows)))


def test_the_order_of_the_rows_does_not_matter_in_time(flights):
    "They are sorted before they are learned from."
    contract, train = flights
    train = train.drop_duplicates("departs_at")  # so that there is only one order
    shuffled = train.sample(frac=1, random_state=5)
    one, other = (train_model("logistic", rows, contract, 1) for rows in (train, shuffled))
    assert one.held_out.tobytes() == other.held_out.tobytes()


@pytest.mark.parametrize(
    ("delay", "said"),
    [
        (0.0, "target late: expected at least 5 train rows of each label; got 0 of 'late'"),
        (99.0, "target late: expected at least 5 train rows of each label; got 0 of 'on time'"),
        (np.nan, "target late: expected at least 5 train rows of each label; got 0 of 'on time'"),
    ],
)
def test_a_single_label_cannot_be_learned(flights, delay, said):
    "A target that never occurs is refused in one line."
    contract, train = flights
    with pytest.raises(DataError) as caught:
        train_model("logistic", train.assign(arrival_delay=delay), contract, 1)
    assert str(caught.value) == said


def test_a_label_that_comes_late_in_time_is_scored_where_it_can_be(flights):
    "Folds without it are left out; where none is left, training is refused."
    contract, train = flights
    rows = sort_rows(train, contract)
    middle, end = len(rows) // 2, len(rows) - 10
    late = np.arange(len(rows)) % 2 == 0
    rows["arrival_delay"] = np.where(late & (np.arange(len(rows)) >= middle), 60.0, 0.0)
    assert 0 < len(train_model("logistic", rows, contract, 1).held_out) < middle
    rows["arrival_delay"] = np.where(np.arange(len(rows)) >= end, 60.0, 0.0)
    with pytest.raises(DataError, match="every label in it, and before it too"):
        train_model("logistic", rows, contract, 1)


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("hist_gradient_bosting", {}, "(did you mean 'hist_gradient_boosting'?)"),
        ("random_forest", {"n_estimator": 5}, "(did you mean 'n_estimators'?)"),
        ("ridge", {"alhpa": 5}, "(did you mean 'alpha'?)"),
        ("mlp", {"random_state": 5}, "expected the seed as seed"),
        ("hist_gradient_boosting", {"learning_rate": -1}, "got -1 instead"),
        ("logistic", {"C": "big"}, "got 'big' instead"),
    ],
)
def test_what_cannot_be_trained_is_refused_in_one_line(flights, name, parameters, said):
    "With the nearest name that is known."
    contract, train = flights
    with pytest.raises(TrainError) as caught:
        train_model(name, train, contract, 1, parameters)
    assert said.lower() in str(caught.value).lower() and "\n" not in str(caught.value)
    assert str(caught.value).startswith("estimator: " if parameters == {} else f"{name}: ")


def test_a_feature_without_any_value_is_refused_or_filled(root):
    "HistGradientBoosting cannot learn from nothing, and says so."
    contract = read_contract(root / "data/penguins/contract.yaml")
    rows = read_rows(root / "data/penguins/penguins.parquet", contract).assign(body_mass=np.nan)
    with pytest.raises(TrainError, match="expected values of each feature"):
        train_model("hist_gradient_boosting", rows, contract, 1)
    assert np.isfinite(train_model("logistic", rows, contract, 1).held_out).all()


def test_a_number_can_be_the_baseline(flights, root):
    "Then a small tree cuts it into groups; a category is taken as it is."
    contract, train = flights
    for feature in ("distance", "carrier", "departs_at.weekday"):
        model = train_baseline(train, contract.model_copy(update={"baseline": feature}), 1)
        assert np.allclose(model.held_out.sum(axis=1), 1)


def test_parameters_reach_the_innermost_estimator(flights):
    "Through pipelines and calibration."
    contract, train = flights
    features = train_baseline(train, contract, 1).features
    ridge = make_estimator("ridge", features, 1, alpha=7.0)
    assert ridge["model"].estimator.alpha == 7.0
    assert make_estimator("calibrated", features, 1, max_iter=7).estimator.max_iter == 7


def test_models_are_compared_with_the_baseline_first(project):
    "Every figure is finite, and an unknown name is refused before anything is trained."
    contract, train, _ = project
    compared = compare_models(train, contract, ["logistic"], 1)
    assert list(compared.index) == ["baseline", "logistic"]
    assert np.isfinite(compared).all(axis=None)
    assert (compared["auc_lowest"] <= compared["auc"]).all()
    with pytest.raises(TrainError, match="did you mean 'logistic'"):
        compare_models(train, contract, ["logistics"], 1)


def test_tuning_returns_parameters_that_train(project):
    "The best of the grid, and every try in the table."
    contract, train, _ = project
    best, tries = tune_model("logistic", train, contract, {"C": [0.01, 1.0]}, 1)
    assert best["C"] == tries["C"].iloc[0] and len(tries) == 2
    assert tries["auc"].is_monotonic_decreasing
    train_model("logistic", train, contract, 1, best)
    with pytest.raises(TrainError, match="did you mean"):
        tune_model("logistic", train, contract, {"max_itr": [1]}, 1)


def test_ties_at_the_capacity_are_drawn_fairly():
    "The order of the rows decides nothing."
    labels, scores = np.array([0, 1, 1, 0]), np.array([0.5, 0.5, 0.5, 0.5])
    for order in ([0, 1, 2, 3], [1, 2, 0, 3], [3, 0, 2, 1]):
        assert measure_precision(labels[order], scores, 0.5) == 0.5


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
