"""Experiments: what is promised of luck, of power and of looking early, and what the log shows."""

import shutil
import time
from contextlib import closing
from datetime import date, timedelta

import msgspec
import numpy as np
import pandas as pd
import pytest
from make_amounts import fit_amounts, save_amounts, serve_amounts
from make_artifacts import HOME, make_artifact, to_json_rows, train_artifact
from projects import write_series
from scipy import stats

from mlprod.app.app import create_app
from mlprod.app.log import LogError, first_id, open_log, write_labels, write_lines
from mlprod.app.model import (
    EXPERIMENT,
    LOOK_AGAIN,
    InService,
    assign,
    load_artifact,
    read_pointer,
)
from mlprod.compare import (
    RATIO_ALARM,
    Difference,
    ExperimentError,
    Z,
)
from mlprod.experiment import (
    FEWEST_UNITS,
    describe_plan,
    describe_reading,
    find_fence,
    find_page,
    limit_open,
    limit_planned,
    plan_experiment,
    read_experiment,
    start_experiment,
    stop_experiment,
)

MOST = int(stats.binom.ppf(0.999, 1000, 0.05))  # alarms of 1,000 at a level of 5%: 73
UNIT = {"experiment_unit": "day"}


def walk_of_z(random, n_units, n=1000):
    "z after each unit of n experiments in which pairs do not differ: (n, n_units)."
    units = np.arange(2, n_units + 1)
    steps = random.normal(size=(n, n_units))
    sums, squares = steps.cumsum(axis=1)[:, 1:], (steps**2).cumsum(axis=1)[:, 1:]
    means = sums / units
    errors = np.sqrt((squares / units - means**2) / (units - 1))
    return units, stats.norm.isf(stats.t.sf(np.abs(means / errors), units - 1))


def test_z_of_the_walk_is_that_of_the_library():
    "The vectorised z of these tests is Difference.z."
    for t, free in ((0.5, 3), (2.5, 20), (9.0, 5)):
        got = Difference(0.0, t, 1.0, free, 10).z
        assert got == pytest.approx(stats.norm.isf(stats.t.sf(t, free)), abs=1e-9)


@pytest.mark.parametrize("n_units", [16, 28, 60])
def test_who_looks_every_day_cries_in_one_of_twenty(n_units):
    "Planned and open limits: at most the 99.9% bound of 5%, from the second unit on."
    units, z = walk_of_z(np.random.default_rng(n_units), n_units)
    for limit in (lambda n: limit_planned(n, n_units), limit_open):
        assert (z >= [limit(n) for n in units]).any(axis=1).sum() <= MOST
    assert (z >= Z).any(axis=1).sum() > 2 * MOST, "1.96 at every look does not hold it"


def test_fences_are_the_published_ones():
    "Jennison and Turnbull, Group Sequential Methods, table 2.3, two sides, 5%."
    published = {1: 1.960, 2: 1.977, 3: 2.004, 4: 2.024, 5: 2.040, 10: 2.087, 20: 2.126}
    assert {k: round(find_fence(k), 3) for k in published} == published
    assert find_fence(100) < find_fence(101) < 1.03 * find_fence(100)


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    return write_series(tmp_path_factory.mktemp("tables"))


@pytest.fixture
def shop(series, tmp_path):
    "A folder with two versions for amounts; the first serves, and both predict alike."
    folder, model = tmp_path / "shop", fit_amounts(series)[0]
    challenger = save_amounts(series, folder, model, threshold=0.0, life=UNIT)
    champion = serve_amounts(series, folder, model=model, threshold=1000.0, life=UNIT)
    return folder, champion, challenger


def run_app(folder, path, requests, labels, monkeypatch):
    "Send requests to the app, each a list of rows, and label what it answers."
    monkeypatch.setenv("PREDICTION_LOG", str(path))
    app = create_app(folder, HOME)
    try:
        client, pairs = app.test_client(), []
        time.sleep(2 * LOOK_AGAIN)
        for rows, known in zip(requests, labels, strict=True):
            answer = client.post("/predict", json=rows)
            assert answer.status_code == 200, answer.text
            pairs += zip(answer.json["predictions"], known, strict=True)
        page = [{"id": each["id"], "label": label} for each, label in pairs]
        for _ in range(50):  # until the log's thread has written them
            if client.post("/feedback", json=page).status_code == 200:
                break
        else:
            raise AssertionError("the labels were not taken")
    finally:
        app.extensions["service"].log.close()
    return [each for each, _ in pairs]


@pytest.mark.parametrize("mode", ["shadow", "ab"])
def test_an_experiment_about_amounts_is_read_from_the_apps_log(mode, shop, tmp_path, monkeypatch):
    "By days: the mean absolute error of each version, over the rows that it answered."
    folder, champion, challenger = shop
    page = start_experiment(folder, challenger, mode, name="spring")
    assert InService(folder).experiment.plan.name == "spring"
    days = [(date(2022, 1, 1) + timedelta(day)).isoformat() for day in range(40)]
    example = load_artifact(folder / champion).example
    hours = ("10:00", "12:00", "23:00")
    rows = [example | {"day": f"{day}T{hour}+01:00"} for day in days for hour in hours]
    truths = np.random.default_rng(1).normal(100, 9, len(rows)).round(2).tolist()
    log = tmp_path / "log.sqlite"
    answers = run_app(folder, log, [rows], [truths], monkeypatch)

    reading = read_experiment(folder, log)

    errors = [abs(each["score"] - truth) for each, truth in zip(answers, truths, strict=True)]
    chosen = np.repeat([assign("spring", day, 0.5) for day in days], 3)
    sides = [np.ones(120, bool)] * 2 if mode == "shadow" else [~chosen, chosen]
    want = [np.mean(np.array(errors)[side]) for side in sides]
    assert reading.measure == "mae" and reading.mixed == 0
    assert reading.table["result"].tolist() == pytest.approx(want)
    assert reading.table["units"].sum() == (80 if mode == "shadow" else 40)
    assert (reading.ratio is None) == (mode == "shadow")
    assert reading.verdict == "go on" and "mean absolute error" in describe_reading(reading)
    assert page.champion == champion


def test_a_wrong_split_ends_an_experiment(shop, tmp_path, monkeypatch):
    "The app assigned one in ten, and the page says one in two."
    folder, champion, challenger = shop
    start_experiment(folder, challenger, "ab", share=0.1, name="autumn")
    days = [date(2022, 1, 1) + timedelta(day) for day in range(60)]
    example = load_artifact(folder / champion).example
    rows = [example | {"day": f"{day}T12:00+01:00"} for day in days]
    log = tmp_path / "log.sqlite"
    run_app(folder, log, [rows], [[100.0] * 60], monkeypatch)
    page = find_page(folder)
    page.share = 0.5
    (folder / EXPERIMENT).write_bytes(msgspec.json.encode(page))
    reading = read_experiment(folder, log)
    assert reading.verdict == "broken" and reading.ratio < RATIO_ALARM
    assert "find out why" in describe_reading(reading)


@pytest.fixture(scope="module")
def penguins(tmp_path_factory):
    "A folder with two versions for several labels, one in service; and test rows."
    folder = tmp_path_factory.mktemp("penguins")
    _, rows = make_artifact("penguins", folder, "logistic")
    challenger = train_artifact("penguins", "ridge")[2]
    shutil.copytree(challenger, folder / challenger.name)
    return folder, challenger.name, rows


def test_several_labels_are_compared_by_accuracy(penguins, tmp_path, monkeypatch):
    "Without a unit in the contract each row is one; the page's name is not used again."
    folder, challenger, rows = penguins
    champion = load_artifact(folder / read_pointer(folder))
    asked = to_json_rows(rows, champion.features)
    labels = [champion.labels[0]] * len(rows)
    start_experiment(folder, challenger, "shadow", name="one", units=20)
    log = tmp_path / "log.sqlite"
    requests, known = [asked[:30], asked[30:]], [labels[:30], labels[30:]]
    answers = run_app(folder, log, requests, known, monkeypatch)

    reading = read_experiment(folder, log)

    right = [each["decision"] == champion.labels[0] for each in answers[:20]]
    assert reading.measure == "accuracy" and reading.found.units == 20, "no more than was planned"
    assert reading.table.loc["champion", "result"] == pytest.approx(np.mean(right))
    assert reading.limit == pytest.approx(find_fence(20)) and reading.verdict != "go on"
    stop_experiment(folder)
    assert read_experiment(folder, log, "one").table.equals(reading.table)
    with pytest.raises(ExperimentError, match="name: expected a new one.*'one'"):
        start_experiment(folder, challenger, "shadow", name="one")


def test_units_that_met_both_versions_are_left_out(shop, tmp_path):
    "They are counted, and neither version gets them."
    folder, champion, challenger = shop
    start_experiment(folder, challenger, "ab", name="mixed", now=lambda: 1e9)
    log, lines = tmp_path / "log.sqlite", []
    for day in range(1, 25):
        for place, version in enumerate(
            (champion, challenger) if day == 24 else (champion,) if day % 2 else (challenger,)
        ):
            row = f'{{"day": "2022-01-{day:02d}T12:00:00+01:00"}}'
            id = f"{first_id(1e9 + day)}-{place}"
            lines.append((id, 1e9, version, row, 100.0 + day % 3, "act"))
    with closing(open_log(log, "sales")) as connection:
        with connection:
            write_lines(connection, lines)
        write_labels(connection, [(line[0], "100") for line in lines])
    reading = read_experiment(folder, log)
    assert reading.mixed == 1 and reading.table["units"].tolist() == [12, 11]
    assert "left out: 1 units" in describe_reading(reading)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"version": "4fa2"}, "version: expected a saved one that is not in service; got '4fa2'"),
        ({"mode": "shade"}, "mode: expected shadow or ab; got 'shade' (did you mean 'shadow'?)"),
        ({"share": 1.0}, "share: expected a number between 0 and 1; got 1.0"),
        ({"share": float("nan")}, "share: expected a number between 0 and 1; got nan"),
        ({"name": "../up"}, "name: expected small letters"),
        ({"units": 1}, "units: expected at least 2; got 1"),
    ],
)
def test_what_cannot_be_started_is_refused_in_one_line(changes, says, shop):
    "The place, what was expected, what came; and no file is left."
    folder, _, challenger = shop
    asked = {"version": challenger, "mode": "shadow", "name": "spring"} | changes
    with pytest.raises(ExperimentError) as error:
        start_experiment(folder, **asked)
    assert says in str(error.value) and "\n" not in str(error.value)
    assert not (folder / EXPERIMENT).exists()


def test_only_one_experiment_runs(shop, tmp_path):
    "A second is refused; one that does not run cannot be stopped or read."
    folder, _, challenger = shop
    with pytest.raises(ExperimentError, match="expected an experiment that runs; got none"):
        stop_experiment(folder)
    start_experiment(folder, challenger, "shadow", name="a")
    with pytest.raises(ExperimentError, match="got one that runs: stop it"):
        start_experiment(folder, challenger, "shadow", name="b")
    with pytest.raises(LogError, match="expected the app's log; got none there"):
        read_experiment(folder, tmp_path / "none.sqlite")
    with pytest.raises(ExperimentError, match="name: expected an experiment that was started"):
        find_page(folder, "c")


def test_a_unit_that_the_log_does_not_keep_is_refused(series, tmp_path):
    "Nobody could read such an experiment by its units."
    model = fit_amounts(series)[0]
    page = {"experiment_unit": "sales"}
    challenger = save_amounts(series, tmp_path, model, threshold=0.0, life=page)
    serve_amounts(series, tmp_path, model=model, threshold=1.0, life=page)
    with pytest.raises(ExperimentError, match="life.experiment_unit: expected a column"):
        start_experiment(tmp_path, challenger, "shadow", name="x")


def test_an_empty_log_shows_nothing_yet(shop, tmp_path):
    "No unit has a label: too few."
    folder, _, challenger = shop
    start_experiment(folder, challenger, "ab", name="fresh")
    open_log(tmp_path / "log.sqlite", "sales").close()
    reading = read_experiment(folder, tmp_path / "log.sqlite")
    assert reading.verdict == "too few" and str(FEWEST_UNITS) in describe_reading(reading)


def test_a_plan_is_made_from_test_rows(penguins, root):
    "For any project: power by number of units, and what the test rows show."
    from mlprod.contract import read_contract

    folder, challenger, rows = penguins
    contract = read_contract(root / "data" / "penguins" / "contract.yaml")
    found, plan = plan_experiment(folder, challenger, rows, contract, effect=0.05)
    assert found.units == len(rows) and isinstance(plan, pd.DataFrame)
    assert plan.apply(lambda powers: powers.is_monotonic_increasing).all()
    assert "probability to find the effect" in describe_plan(found, plan, contract)
