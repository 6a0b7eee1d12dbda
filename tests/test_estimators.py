"""Every estimator of the table converts to ONNX and says the same, with two labels and three."""

import hashlib
import os
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.isotonic import IsotonicRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from threadpoolctl import threadpool_limits

from mlprod.app.rows import MISSING, UNKNOWN, read_features
from mlprod.contract import read_contract
from mlprod.data import read_rows, split_rows
from mlprod.evaluate import choose_threshold
from mlprod.frames import encode_frame
from mlprod.package import (
    ConversionError,
    ParityError,
    check_parity,
    convert_model,
    find_parts,
    floor_to_float32,
    make_exact,
    open_session,
    run_model,
)
from mlprod.train import (
    CLASSIFIERS,
    ESTIMATORS,
    REGRESSORS,
    Trained,
    encode_train,
    fit_estimator,
    make_estimator,
    score_matrix,
)

N_ROWS = 1500
FEWER = dict.fromkeys(("hist_gradient_boosting", "calibrated"), {"max_iter": 30})  # quick
SPEC = {"description": "", "unit": "", "example": 1, "may_be_missing": True}
COLUMNS = {
    "shop": {"kind": "category", "values": ["a", "b", "c"]},
    "started": {"kind": "number", "range": [0, 2e9]},
    "length": {"kind": "number", "range": [-10, 10]},
    "price": {"kind": "number", "range": [0, 2e8]},
}
FEATURES = read_features(
    {"features": list(COLUMNS), "columns": {name: SPEC | COLUMNS[name] for name in COLUMNS}}
)


def make_matrix(seed: int) -> np.ndarray:
    "Rows with unknown and missing categories, missing numbers, seconds since 1970, and cents."
    random = np.random.default_rng(seed)
    matrix = np.column_stack(
        [
            random.integers(MISSING, 3, N_ROWS),
            1.5e9 + random.integers(0, 100_000, N_ROWS),
            random.normal(0, 1e-3, N_ROWS),
            random.random(N_ROWS) * 2**27,
        ]
    )
    matrix[random.random(N_ROWS) < 0.1, 2] = np.nan
    matrix[random.random(N_ROWS) < 0.1, 3] = np.nan
    return matrix.astype("float32")


def make_labels(matrix: np.ndarray, n_labels: int) -> np.ndarray:
    random = np.random.default_rng(7)
    risk = (matrix[:, 1] - 1.5e9) / 5e4 + np.nan_to_num(matrix[:, 2]) * 500 + matrix[:, 0] / 2
    risk += np.sin(np.nan_to_num(matrix[:, 3]) / 1e7) * 2 + random.normal(0, 0.3, len(matrix))
    return np.digitize(risk, np.quantile(risk, np.arange(1, n_labels) / n_labels))


def fit(estimator, n_labels: int, name: str = "model") -> Trained:
    matrix = make_matrix(1)
    labels = make_labels(matrix, n_labels)
    estimator.fit(matrix, labels)
    scores = estimator.predict_proba(matrix)
    return Trained(name, estimator, FEATURES, list("xyz")[:n_labels], {}, 1, scores, labels)


@cache
def fit_of_table(name: str, n_labels: int) -> tuple[Trained, bytes]:
    "A model and what it is converted to: several tests look at the same."
    model = fit(make_estimator(name, FEATURES, 1, **FEWER.get(name, {})), n_labels, name)
    return model, convert_model(model)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    "So few rows are trained faster by one thread than by threads that wait for a busy machine."
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="module")
def contract(root):
    return read_contract(root / "data/flights/contract.yaml")


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("n_labels", [2, 3])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_each_estimator_of_the_table_says_the_same_as_onnx(name, n_labels, contract):
    "Scores within 1e-6 and no decision flips, on rows that training did not see."
    model, written = fit_of_table(name, n_labels)

    threshold = choose_threshold(model.held_out[:, 1], 0.1) if n_labels == 2 else None
    agreement = check_parity(model, written, make_matrix(2), threshold, contract)

    assert agreement.rows == N_ROWS and agreement.flips == 0
    assert agreement.difference < 1e-6
    assert convert_model(model) == written


def fit_amounts(name: str) -> Trained:
    "Fit a regressor to amounts of some thousands."
    matrix, fewer = make_matrix(1), {"max_iter": 30} if name == "hist_gradient_boosting" else {}
    risk = np.nan_to_num(matrix[:, 2]) * 500 + matrix[:, 0] + (matrix[:, 1] - 1.5e9) / 5e4
    amounts = 2000 + 300 * risk
    estimator = make_estimator(name, FEATURES, 1, "regression", **fewer)
    estimator = fit_estimator(name, estimator, matrix, amounts)
    scores = score_matrix(estimator, matrix)
    return Trained(name, estimator, FEATURES, [], {}, 1, scores, amounts)


@pytest.mark.parametrize("name", REGRESSORS)
def test_each_regressor_says_the_same_as_onnx_alone_and_in_any_batch(name, contract):
    "Amounts within a millionth of their size, no decision flips, the same bits in every batch."
    model = fit_amounts(name)
    threshold = choose_threshold(model.held_out[:, 0], 0.1)

    written = convert_model(model)

    agreement = check_parity(model, written, make_matrix(2), threshold, contract)

    assert agreement.rows == N_ROWS and agreement.flips == 0
    assert agreement.difference < 2e-6
    assert_same_bits(written, make_matrix(2))
    errors = np.abs(model.score(make_matrix(1))[:, 0] - model.held_out_labels)
    assert errors.mean() < 0.9 * np.abs(model.held_out_labels - model.held_out_labels.mean()).mean()


SIZES = [2, 3, 7, 15, 16, 17, 31, 33, 64, 100, 257, 1000]  # around what vector units hold


def assert_same_bits(written: bytes, matrix: np.ndarray) -> None:
    "Score the rows in batches of every size, and compare with each row alone."
    session = open_session(written)

    def score(size: int) -> np.ndarray:
        parts = np.split(matrix, range(size, len(matrix), size))
        return np.concatenate([session.run(["scores"], {"rows": part})[0] for part in parts])

    alone = score(1)
    differ = {size: int((score(size) != alone).any(axis=1).sum()) for size in SIZES}
    assert alone.dtype == np.float32 and not any(differ.values()), differ


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("n_labels", [2, 3])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_row_has_the_same_bits_alone_and_in_any_batch(name, n_labels):
    "Whatever order the processor adds in; with missing values and numbers beyond 2^24."
    assert_same_bits(fit_of_table(name, n_labels)[1], make_matrix(2))


@pytest.fixture(scope="module", params=["flights", "penguins"])
def project(request, root):
    "The features and labels of a project, its train rows, and the matrix of its test rows."
    contract = read_contract(root / f"data/{request.param}/contract.yaml")
    file = contract.data.sample or contract.data.rows
    rows = read_rows(root / "data" / request.param / file, contract)
    train_rows, test_rows = split_rows(rows, contract, seed=0)
    _, matrix, labels, features = encode_train(train_rows, contract)
    return features, contract.target.labels, matrix, labels, encode_frame(test_rows, features)[0]


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_rows_of_each_project_have_the_same_bits_alone_and_in_any_batch(name, project):
    "One request or a file of rows: the logged score can be computed again, bit by bit."
    features, names, matrix, labels, rows = project
    estimator = make_estimator(name, features, 1, **FEWER.get(name, {})).fit(matrix, labels)

    model = Trained(name, estimator, features, names, {}, 1, None, labels)
    assert_same_bits(convert_model(model), rows)


def hash_models() -> str:
    "The SHA-256 of each model with weights, trained and converted anew."
    models = [fit(make_estimator(name, FEATURES, 1), 3) for name in ("logistic", "ridge", "mlp")]
    return " ".join(hashlib.sha256(convert_model(model)).hexdigest() for model in models)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_models_with_weights_are_the_same_bytes_on_a_lesser_processor(root):
    "NumPy without its vector units adds in another order; the version must not tell."
    units = " ".join(np.show_config("dicts")["SIMD Extensions"].get("found", []))
    code = "import sys; sys.path.insert(0, 'tests'); import test_estimators as t"
    lesser = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"{code}; print(t.hash_models())"],
        cwd=root, env=os.environ | {"NPY_DISABLE_CPU_FEATURES": units},
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip

    assert lesser.stdout.strip() == hash_models()


def find_boosted(estimator) -> list[HistGradientBoostingClassifier]:
    "Every fitted HistGradientBoosting in an estimator."
    return [part for part in find_parts(estimator) if hasattr(part, "_predictors")]


def find_nodes(estimator) -> list[np.ndarray]:
    "The nodes of each of their trees."
    boosted = find_boosted(estimator)
    return [tree.nodes for part in boosted for trees in part._predictors for tree in trees]


def thresholds_of(estimator) -> list[tuple[np.ndarray, np.ndarray]]:
    "The features and thresholds of every tree, before anything is rounded."
    found = []
    for nodes in find_nodes(estimator):
        inner = nodes[nodes["is_leaf"] == 0]
        found.append((inner["feature_idx"], inner["num_threshold"]))
    forest = estimator[-1] if hasattr(estimator, "steps") else estimator
    for tree in np.ravel(getattr(forest, "estimators_", [])):
        inner = tree.tree_.feature >= 0
        found.append((tree.tree_.feature[inner], tree.tree_.threshold[inner]))
    return found


TREES = [
    "random_forest",
    "extra_trees",
    "gradient_boosting",
    "hist_gradient_boosting",
    "calibrated",
]


@pytest.mark.parametrize("n_labels", [2, 3])
@pytest.mark.parametrize("name", TREES)
def test_no_row_changes_sides_one_step_from_any_threshold(name, n_labels):
    "Rows at each threshold, one float32 below and one above, also far beyond 2^24."
    model, written = fit_of_table(name, n_labels)
    found = zip(*thresholds_of(model.estimator), strict=True)
    places, thresholds = (np.concatenate(each) for each in found)
    assert (thresholds > 2**24).sum() > 50, "the test needs thresholds that float32 cannot hold"
    at = thresholds.astype("float32")
    below, above = (np.nextafter(at, np.float32(end)) for end in (-np.inf, np.inf))
    near = np.concatenate([below, at, above])
    rows = make_matrix(3)[np.random.default_rng(4).integers(0, N_ROWS, len(near))]
    rows[np.arange(len(rows)), np.tile(places, 3)] = near

    ours, theirs = model.score(rows), run_model(written, rows)

    assert np.abs(ours - theirs).max() < 1e-6
    first, second = np.sort(ours, axis=1)[:, :-3:-1].T
    apart = first - second > 1e-6  # two labels as likely as each other have no right order
    assert (ours.argmax(axis=1) == theirs.argmax(axis=1))[apart].all()


@pytest.mark.parametrize("name", ["hist_gradient_boosting", "calibrated"])
def test_rounding_the_thresholds_changes_no_score_of_scikit_learn(name):
    "Rounding works on a copy, and the copy gives the same scores to the bit."
    model = fit(make_estimator(name, FEATURES, 1, max_iter=30), 3, name)
    before = [nodes["num_threshold"].copy() for nodes in find_nodes(model.estimator)]
    rows = make_matrix(5)
    exact = make_exact(model.estimator)

    for old, new in zip(find_boosted(model.estimator), find_boosted(exact), strict=True):
        assert (new.predict_proba(rows) == old.predict_proba(rows)).all()
    after = [nodes["num_threshold"] for nodes in find_nodes(model.estimator)]
    rounded = [nodes["num_threshold"] for nodes in find_nodes(exact)]
    assert len(before) > 0 and all(map(np.array_equal, before, after))
    assert not all(map(np.array_equal, before, rounded))


def test_rounding_down_is_down_for_every_number():
    "The result is a float32, not above the number, and the next float32 is above it."
    random = np.random.default_rng(0)
    numbers = random.normal(0, 1, 10_000) * 10.0 ** random.integers(-30, 30, 10_000)
    numbers = np.concatenate([numbers, [0.0, -0.0, 2.0**24 + 1, -(2.0**24) - 1, np.inf]])
    floored = floor_to_float32(numbers)

    assert (floored.astype("float32") == floored).all()
    assert (floored <= numbers).all()
    next_one = np.nextafter(floored.astype("float32"), np.float32(np.inf))
    assert ((next_one > numbers) | np.isinf(numbers)).all()


def test_an_estimator_that_cannot_be_converted_is_refused_by_name():
    "The one line names it, and lists those that can be."
    matrix, labels = np.nan_to_num(make_matrix(1)[:40]), np.arange(40) % 2
    process = GaussianProcessClassifier().fit(matrix, labels)
    model = Trained("process", process, FEATURES, ["x", "y"], {}, 1, None, labels)

    with pytest.raises(ConversionError) as caught:
        convert_model(model)

    assert "GaussianProcessClassifier" in str(caught.value) and "'process'" in str(caught.value)
    assert all(name in str(caught.value) for name in ESTIMATORS)
    assert "\n" not in str(caught.value)


class Guess(IsotonicRegression):
    "An estimator of somebody's own, which no converter knows."

    def fit(self, matrix, labels):
        self.classes_ = np.unique(labels)
        return self

    def predict_proba(self, matrix):
        return np.full((len(matrix), 2), 0.5)


def test_an_estimator_of_ones_own_is_refused():
    "Also inside a pipeline, and a function in it is refused too: it would be code, not data."
    for estimator in (Guess(), make_pipeline(FunctionTransformer(np.abs), Guess())):
        with pytest.raises(ConversionError, match="expected one that converts to ONNX"):
            convert_model(fit(estimator, 2))


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(20, max_depth=6, random_state=1),
        HistGradientBoostingClassifier(categorical_features=[0], max_iter=20, random_state=1),
        CalibratedClassifierCV(
            HistGradientBoostingClassifier(max_iter=20, random_state=1), method="isotonic", cv=3
        ),
    ],
    ids=["a forest over missing values", "native categories", "isotonic calibration"],
)
def test_what_converts_to_something_else_is_refused(estimator, contract):
    "The converter reports success; parity finds that the scores are others."
    model = fit(estimator, 2)

    with pytest.raises(ParityError, match="limits.parity: model: expected scores within 1e-05"):
        check_parity(model, convert_model(model), make_matrix(2), 0.5, contract)


def test_unknown_is_a_code_of_its_own():
    "A category that the contract does not list is scored, and as scikit-learn scores it."
    model = fit(make_estimator("logistic", FEATURES, 1), 2)
    rows = make_matrix(6)
    rows[:, 0] = UNKNOWN

    assert np.abs(model.score(rows) - run_model(convert_model(model), rows)).max() < 1e-6
