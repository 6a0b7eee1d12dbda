"""What lesson 04 promises, at its edges."""

import numpy as np
import pandas as pd
import projects
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlprod.contract import read_contract
from mlprod.data import DataError, read_rows, sort_rows, split_rows, take_labels
from mlprod.frames import encode_frame
from mlprod.train import (
    CLASSIFIERS,
    REGRESSORS,
    TrainError,
    make_estimator,
    make_folds,
    measure_precision,
    measure_scores,
    score_matrix,
    train_baseline,
    train_model,
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


@pytest.mark.parametrize("name", ["baseline", *CLASSIFIERS])
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
        train_baseline(train, contract, 1)
        if name == "baseline"
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
        (0.0, "target late: expected at least 2 train rows of each label; got 0 of 'late'"),
        (99.0, "target late: expected at least 2 train rows of each label; got 0 of 'on time'"),
        (np.nan, "target late: expected at least 2 train rows of each label; got 0 of 'on time'"),
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


def test_scores_that_are_not_finite_are_refused_by_the_estimators_name():
    "As from weights that have diverged, be they of amounts or of probabilities."
    matrix = np.arange(8, dtype="float32").reshape(4, 2) - 3
    ridge = Ridge().fit(matrix, np.arange(4.0))
    logistic = make_pipeline(StandardScaler(), LogisticRegression()).fit(matrix, [0, 1, 0, 1])
    assert np.isfinite(score_matrix(ridge, matrix)).all()
    ridge.coef_, logistic[-1].coef_ = np.array([np.inf, 0]), np.array([[np.nan, 0]])
    for estimator, kind in ((ridge, "Ridge"), (logistic, "LogisticRegression")):
        with pytest.raises(TrainError, match=f"^{kind}: expected a score for each row; got none"):
            score_matrix(estimator, matrix)


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


def test_ties_at_the_capacity_are_drawn_fairly():
    "The order of the rows decides nothing."
    labels, scores = np.array([0, 1, 1, 0]), np.array([0.5, 0.5, 0.5, 0.5])
    for order in ([0, 1, 2, 3], [1, 2, 0, 3], [3, 0, 2, 1]):
        assert measure_precision(labels[order], scores, 0.5) == 0.5


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    "A function that reads a project of tests/projects.py: its contract, train rows and test rows."
    folder, known = tmp_path_factory.mktemp("tables"), {}

    def make(write):
        if write not in known:
            path = write(folder)
            contract = read_contract(path)
            rows = read_rows(path.with_name(contract.data.rows), contract)
            known[write] = contract, *split_rows(rows, contract, seed=1)
        return known[write]

    return make


@pytest.mark.parametrize("name", ["baseline", *REGRESSORS])
def test_every_regressor_beats_the_mean_and_repeats_to_the_bit(made, name):
    "Scores are one column of amounts, and the same twice."
    contract, train, test = made(projects.write_amounts)

    def run():
        if name == "baseline":
            return train_baseline(train, contract, 1)
        return train_model(name, train, contract, 1)

    model, again = run(), run()
    matrix, _ = encode_frame(test, model.features)
    amounts = take_labels(test, contract)
    error = measure_scores(amounts, model.score(matrix), contract)["mae"]

    assert model.score(matrix).shape == (len(test), 1) and model.labels == []
    assert error < 0.95 * np.abs(amounts - train["target"].mean()).mean()
    assert model.held_out.tobytes() == again.held_out.tobytes()
    assert model.held_out.shape == (len(train), 1) and len(model.held_out_labels) == len(train)


def test_a_baseline_in_the_unit_of_the_target_is_itself_the_prediction(made):
    "The last value: tomorrow will be like a week ago."
    contract, train, test = made(projects.write_series)
    model = train_baseline(train, contract, 1)
    matrix, _ = encode_frame(test, model.features)
    assert np.allclose(model.score(matrix)[:, 0], test["sales_7_days_before"], rtol=1e-6)


def test_a_baseline_of_groups_is_the_mean_of_each(made):
    "Also of a weekday; a category that nobody has seen gets a finite amount."
    contract, train, _ = made(projects.write_series)
    by_weekday = contract.model_copy(update={"baseline": "day.weekday"})
    model = train_baseline(train, by_weekday, 1)
    matrix, _ = encode_frame(train, model.features)
    means = train["sales"].groupby(matrix[:, 0]).transform("mean")
    assert np.allclose(model.score(matrix)[:, 0], means, atol=0.01)
    contract, train, _ = made(projects.write_amounts)
    by_sex = train_baseline(train, contract.model_copy(update={"baseline": "sex"}), 1)
    matrix, _ = encode_frame(train.head(2), by_sex.features)
    matrix[:, by_sex.features.names.index("sex")] = -1
    assert np.isfinite(by_sex.score(matrix)).all()


def test_without_a_baseline_the_rule_is_the_same_for_every_row(made):
    "The share of each label, or the mean."
    for write, feature in ((projects.write_few, "kind"), (projects.write_amounts, "target")):
        contract, train, test = made(write)
        model = train_baseline(train, contract.model_copy(update={"baseline": None}), 1)
        scores = model.score(encode_frame(test, model.features)[0])
        assert (scores == scores[0]).all()
        values = train[feature] if contract.task == "regression" else train[feature] == "long"
        assert scores[0, -1] == pytest.approx(values.mean())


def test_folds_of_groups_keep_each_group_on_one_side(made):
    "A customer whose rows are learned from is not scored."
    contract, train, _ = made(projects.write_groups)
    rows = sort_rows(train, contract)
    folds = make_folds(rows, contract, seed=1)
    customers = rows["customer"].to_numpy()
    assert len(folds) == 5
    for learn, score in folds:
        assert not set(customers[learn]) & set(customers[score])


def test_copies_of_a_row_are_in_one_fold(made):
    "Else the model has seen the answer of the rows that judge it."
    contract, train, _ = made(projects.write_few)
    rows = pd.concat([train, train], ignore_index=True)
    for learn, score in make_folds(rows, contract, seed=1):
        assert not set(rows["length"].iloc[learn]) & set(rows["length"].iloc[score])


def test_few_rows_make_fewer_folds(made):
    "As many as the rarest label has rows; below two, training is refused."
    contract, train, _ = made(projects.write_few)
    rare = train[train["kind"] == "short"].head(3)
    few = pd.concat([train[train["kind"] == "long"], rare])
    assert len(make_folds(few, contract, seed=1)) == 3
    with pytest.raises(DataError, match="at least 2 train rows of each label; got 1 of 'short'"):
        make_folds(few.iloc[:-2], contract, seed=1)


@pytest.mark.parametrize(("name", "task"), [("logistic", "regression"), ("linear", "binary")])
def test_an_estimator_of_another_task_is_refused(made, name, task):
    "With the names that there are."
    features = train_baseline(made(projects.write_few)[1], made(projects.write_few)[0], 1).features
    with pytest.raises(TrainError, match=f"estimator: expected one of .*; got '{name}'"):
        make_estimator(name, features, 1, task)
