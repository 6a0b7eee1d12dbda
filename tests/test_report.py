"""A report says what a model is worth, and refuses to be half empty."""

import json
import math
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import projects
import pytest
from sklearn.metrics import mean_absolute_error, r2_score, roc_auc_score

from mlprod.choose import train_sampled
from mlprod.contract import METRICS, read_contract
from mlprod.data import read_rows, split_rows
from mlprod.evaluate import count_ranks, rank_scores
from mlprod.frames import encode_frame
from mlprod.report import (
    MOST_DRAWN,
    Advantage,
    Metrics,
    NotApplicable,
    ReportError,
    Scored,
    area_under_curve,
    check_limits,
    describe_advantage,
    evaluate_model,
    list_plots,
    main_metric,
    make_report,
    measure_calibration,
    measure_rows,
    plot_slices,
    read_report,
    write_report,
    write_verdict,
)
from mlprod.train import train_baseline, train_model

matplotlib.use("Agg")


def evaluate_project(path, name="ridge"):
    "A contract, a model, its baseline and the test rows."
    contract = read_contract(path)
    rows = read_rows(path.with_name(contract.data.sample or contract.data.rows), contract)
    train_rows, test_rows = split_rows(rows, contract, seed=1)
    model = train_model(name, train_rows, contract, seed=1)
    return contract, model, train_baseline(train_rows, contract, seed=1), test_rows


@pytest.fixture(scope="module", params=["flights", "penguins", "progression"])
def project(request, root, tmp_path_factory):
    "Two labels and time, three labels and missing values, an amount."
    if request.param == "progression":
        return evaluate_project(projects.write_amounts(tmp_path_factory.mktemp("amounts")))
    return evaluate_project(root / f"data/{request.param}/contract.yaml", "logistic")


@pytest.fixture(scope="module")
def report(project):
    contract, model, baseline, test_rows = project
    return evaluate_model(model, baseline, test_rows, contract)


def numbers_in(page) -> list:
    if isinstance(page, dict):
        return [each for value in page.values() for each in numbers_in(value)]
    if isinstance(page, list):
        return [each for value in page for each in numbers_in(value)]
    return [page] if isinstance(page, float) else []


def test_a_report_survives_json_exactly(report):
    "Read and written again, it is equal, and so is the text."
    text = write_report(report)

    assert read_report(text) == report
    assert write_report(read_report(text)) == text


def test_every_figure_is_finite_and_rounded(report):
    "No NaN, no infinity, and no digits that differ from machine to machine."
    numbers = numbers_in(json.loads(write_report(report)))

    assert len(numbers) > 50
    assert all(math.isfinite(number) and round(number, 6) == number for number in numbers)


def test_two_evaluations_give_the_same_bytes(project, report):
    "The bootstrap has a seed."
    contract, model, baseline, test_rows = project

    again = evaluate_model(model, baseline, test_rows, contract)

    assert write_report(again) == write_report(report)


def test_the_order_of_the_test_rows_does_not_matter(project, report):
    "Equal scores share the room: no row is chosen for standing first."
    contract, model, baseline, test_rows = project

    turned = evaluate_model(model, baseline, test_rows.iloc[::-1], contract)

    assert turned.metrics == report.metrics
    assert turned.baseline == report.baseline
    assert turned.slices == report.slices


def test_each_slice_is_there_with_its_rows(project, report):
    "Every value of every slice column; the rows add up."
    contract, _, _, test_rows = project
    for column in contract.limits.slices.columns:
        parts = [part for part in report.slices if part.column == column]
        assert sum(part.rows for part in parts) == len(test_rows)
        assert {part.value for part in parts} == set(test_rows[column])
    assert all(
        part.judged == (part.rows >= contract.limits.slices.min_rows) for part in report.slices
    )


def test_three_labels_have_no_capacity_and_the_report_says_why(project, report):
    "Capacity, threshold, value and curve: a reason instead of a number."
    three = len(report.labels) == 3
    decision = report.decision
    figures = [
        decision.capacity,
        decision.threshold,
        decision.selected,
        decision.value,
        report.curve,
    ]
    figures += [report.metrics.precision_at_capacity, report.base_rate]
    if report.task == "regression":
        pytest.skip("an amount has a capacity here")

    assert [isinstance(each, NotApplicable) for each in figures] == [three] * len(figures)
    if three:
        assert {each.reason for each in figures} == {"three labels: no single one to act on"}
        assert sum(report.label_shares.values()) == pytest.approx(1, abs=1e-5)


def places(page, path=()):
    "Every place of a report that holds something."
    yield path
    if isinstance(page, dict):
        for key, value in page.items():
            yield from places(value, (*path, key))
    elif isinstance(page, list) and page:
        yield from places(page[0], (*path, 0))


OPEN = ("parameters", "label_shares")  # their keys are the project's own


def test_no_field_may_be_missing(report):
    "Whatever is taken out, the one line names it."
    whole = report.model_dump(mode="json")
    checked = 0
    for path in places(whole):
        if not path or isinstance(path[-1], int) or OPEN[0] in path[:-1] or OPEN[1] in path[:-1]:
            continue
        page = json.loads(json.dumps(whole))
        part = page
        for step in path[:-1]:
            part = part[step]
        del part[path[-1]]
        with pytest.raises(ReportError) as caught:
            make_report(page)
        assert "\n" not in str(caught.value)
        assert str(path[-1]) in str(caught.value)
        checked += 1
    assert checked > 60


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, None, "0.5", True, []])
def test_a_figure_that_is_no_finite_number_is_refused(report, wrong):
    "Also as JSON text, where Python's reader lets NaN pass."
    page = report.model_dump(mode="json")
    page["metrics"]["auc"] = wrong

    with pytest.raises(ReportError, match=r"^report: metrics\.auc: expected ") as caught:
        read_report(json.dumps(page))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("field", ["calibration", "advantages", "features"])
def test_empty_lists_are_refused(report, field):
    "There is always something to say of them."
    with pytest.raises(ReportError, match=f"report: {field}: expected "):
        make_report(report.model_dump(mode="json") | {field: []})


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '"report"', "{}"])
def test_what_is_no_report_is_refused(text):
    "In one line."
    with pytest.raises(ReportError, match="^report: "):
        read_report(text)


def test_no_rows_and_rows_without_labels_are_refused(project):
    "There is nothing to say about them."
    contract, model, baseline, test_rows = project
    with pytest.raises(ReportError, match="expected test rows; got none"):
        evaluate_model(model, baseline, test_rows.iloc[:0], contract)
    without = test_rows.copy()
    without[contract.target.column] = without[contract.target.column].where(
        np.arange(len(without)) > 2
    )
    with pytest.raises(ReportError, match="expected rows with labels; got 3 without"):
        evaluate_model(model, baseline, without, contract)


def list_broken(report, contract) -> list[str]:
    return [str(check) for check in check_limits(report, contract) if not check.passed]


def test_what_breaks_the_contract_is_listed(project, report):
    "Floors, slices and behaviours, each in one line with its place."
    contract, *_ = project
    page = report.model_dump(mode="json")
    if report.task == "regression":
        pytest.skip("its limits are ceilings")
    page["metrics"]["auc"] = 0.5
    floor = next(iter(contract.limits.slices.floors))
    page["slices"] = [part | {"judged": number == 0} for number, part in enumerate(page["slices"])]
    for part in page["slices"]:
        part["metrics"] = part["metrics"] | {floor: 0.1}
    page["behaviours"][0] |= {"share": 0.2, "holds": False}

    broken = list_broken(make_report(page), contract)

    auc = contract.limits.floors["auc"]
    assert f"limits.floors.auc: expected at least {auc:g}; got 0.5" in broken
    slices = [line for line in broken if line.startswith(f"limits.slices.floors.{floor}: ")]
    assert len(slices) == 1, "small slices are shown, not judged"
    assert any(line.startswith("behaviour[0]: ") and line.endswith("got 20%") for line in broken)
    assert not any("\n" in line for line in broken)


def test_a_floor_for_a_figure_that_there_is_not_is_broken(project, report):
    "Nobody may pass a limit by having no figure."
    contract, *_ = project
    page, metric = report.model_dump(mode="json"), "lift_over_baseline"
    page["metrics"]["mae" if report.task == "regression" else metric] = {"reason": "nobody looked"}

    broken = list_broken(make_report(page), contract)

    assert any(line.endswith("got none (nobody looked)") for line in broken)


def test_every_plot_that_is_listed_shows_something(report):
    "There are no empty axes: what has nothing to show is not listed."
    several = len(report.labels) > 2
    names = [plot.__name__ for plot in list_plots(report)]
    assert names == ["plot_calibration"] if several else names[0] == "plot_capacity"
    metric = "mae" if report.task == "regression" else "accuracy"
    for plot in [*list_plots(report), lambda report: plot_slices(report, metric)]:
        plot(report)
        axes = matplotlib.pyplot.gca()
        assert axes.get_title(loc="left").endswith("?")
        assert any(len(line.get_xdata()) for line in axes.get_lines())
        assert axes.get_xlabel()
        matplotlib.pyplot.close("all")


def test_counting_gives_the_area_that_scikit_learn_gives():
    "With ties, and with weights."
    random = np.random.default_rng(0)
    for _ in range(50):
        scores, hits = random.integers(0, 9, 60) / 8, random.random(60) < 0.4
        weights = random.integers(0, 4, 60)
        ours = area_under_curve(*count_ranks(rank_scores(scores), hits, weights))
        assert ours == pytest.approx(roc_auc_score(hits, scores, sample_weight=weights))


def test_the_threshold_comes_from_held_out_scores_and_not_from_the_test_rows(project, report):
    "Other held-out scores give another threshold; the test rows stay the same."
    contract, model, baseline, test_rows = project
    if contract.decision.capacity is None:
        pytest.skip("three labels")
    other = replace(model, held_out=model.held_out * 0.5)

    moved = evaluate_model(other, baseline, test_rows, contract)

    assert moved.decision.threshold == pytest.approx(report.decision.threshold / 2, abs=1e-5)
    assert moved.decision.selected > report.decision.selected
    same = {"coverage"} if report.task == "regression" else set()  # the interval moves with them
    assert moved.metrics.model_dump(exclude=same) == report.metrics.model_dump(exclude=same)


def test_the_value_is_gain_less_cost(project, report):
    "Per 1,000 rows, by the owner's estimates."
    contract, *_ = project
    if contract.decision.value is None:
        assert isinstance(report.decision.value, NotApplicable)
        return
    if report.task == "regression":
        pytest.skip("its hits are amounts")
    value, acted = contract.decision.value, 1000 * contract.decision.capacity
    for precision, got in [
        (report.metrics.precision_at_capacity, report.decision.value),
        (report.baseline.precision_at_capacity, report.decision.baseline_value),
        (report.base_rate, report.decision.random_value),
    ]:
        assert got == pytest.approx(acted * (precision * value.gain - value.cost), abs=0.1)


def test_a_model_is_not_better_than_itself(project):
    "No difference, and it is not called more than noise."
    contract, model, _, test_rows = project
    for advantage in evaluate_model(model, model, test_rows, contract).advantages:
        assert advantage.difference == advantage.low == advantage.high == 0
        assert not advantage.more_than_noise


def test_perfect_scores_are_perfect():
    "For two labels and for three."
    for n_labels in (2, 3):
        labels = np.arange(30) % n_labels
        measured = measure_rows(Scored(np.eye(n_labels)[labels], labels))
        assert (measured["auc"], measured["accuracy"], measured["brier"]) == (1, 1, 0)
        assert measured["average_precision"] == 1


def test_rows_with_one_label_have_no_area():
    "And the report says why."
    measured = measure_rows(Scored(np.full((5, 2), 0.5), np.zeros(5, dtype=int), np.zeros(5)))
    assert measured["auc"].reason == "these rows have only one label"
    assert measured["precision_at_capacity"].reason == "none of these rows is chosen"


def test_calibration_has_every_row_once():
    "Also where many scores are equal."
    scores = np.repeat([0.0, 0.5, 1.0], [5, 90, 5])
    bins = measure_calibration(scores, scores > 0.2)
    assert sum(bin.rows for bin in bins) == 100
    assert [bin.predicted for bin in bins] == sorted(bin.predicted for bin in bins)


def test_the_report_of_a_small_case_is_the_stored_one(root):
    "An artifact's version is made from these bytes: they change only when somebody means it."
    contract = read_contract(root / "data/penguins/contract.yaml")
    rows = read_rows(root / "data/penguins/penguins.parquet", contract)
    train_rows, test_rows = split_rows(rows, contract, seed=1)
    island = train_baseline(train_rows, contract, seed=1)

    text = write_report(evaluate_model(island, island, test_rows, contract))

    stored = Path(__file__).with_name("stored") / "report-of-the-island.json"
    assert text == stored.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "place, wrong, names",
    [
        (("decision", "unit"), 3, "decision.unit: expected a valid string; got 3"),
        (("decision", "value"), {}, "decision.value.reason: expected a value; got nothing"),
        (("window",), ["2013-07-01"], "window.1: expected a value; got nothing"),
        (("curve",), [], "curve: expected List should have at least 1 item"),
        (("curve",), [{"share": 0.1}], "curve.0.precision: expected a value; got nothing"),
    ],
)
def test_the_place_of_a_mistake_has_only_names_that_the_report_has(report, place, wrong, names):
    "Whichever case of value or reason it is in."
    page = report.model_dump(mode="json")
    part = page
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = wrong

    with pytest.raises(ReportError) as caught:
        make_report(page)

    assert str(caught.value).startswith(f"report: {names}")


def test_the_verdict_says_what_worth_limits_and_failures(project, report):
    "Four short paragraphs with the report's own figures."
    contract, *_ = project
    verdict = write_verdict(report, contract)

    keys = ["What it is", "What it is worth", "Its limits", "Where it fails"]
    assert list(verdict)[:4] == keys
    assert ("Not examined" in verdict) == bool(report.unexamined)
    assert f"{report.rows:,} rows" in verdict["What it is"]
    main = main_metric(report)
    assert main == main_metric(contract)
    form = ".4g" if main == "mae" else ".1%"
    for metrics in (report.metrics, report.baseline):
        assert f"{getattr(metrics, main):{form}}" in verdict["What it is worth"]
    kept = not list_broken(report, contract)
    assert ("keeps every limit" in verdict["Its limits"]) == kept
    floor = next(iter(contract.limits.slices.floors), None)
    judged = [getattr(part.metrics, floor) for part in report.slices if part.judged and floor]
    assert not judged or f"{min(judged):.3f}" in verdict["Where it fails"]
    few = sum(not part.judged for part in report.slices)
    assert (f"{few} of {len(report.slices)} groups" in verdict["Where it fails"]) == (few > 0)


def test_a_verdict_on_few_rows_says_that_they_are_few(project, report):
    "Fewer rows than the contract asks of one group are too few for all of it."
    contract, *_ = project
    page = report.model_dump(mode="json") | {"rows": contract.limits.slices.min_rows - 1}
    assert "too few" in write_verdict(make_report(page), contract)["What it is worth"]
    assert "too few" not in write_verdict(report, contract)["What it is worth"]


def test_a_broken_limit_is_in_the_verdict(project, report):
    "With what was expected and what came."
    contract, *_ = project
    page = report.model_dump(mode="json")
    page["metrics"] |= {"auc": 0.5, "mae": 100.5}
    limits = write_verdict(make_report(page), contract)["Its limits"]
    assert "breaks" in limits and "got 0.5" in limits.replace("100.5", "0.5")


@pytest.mark.parametrize(
    "difference, low, high, words",
    [
        (0.08, 0.05, 0.1, "better than the baseline's by 0.080 (95% of the resamples: +0.050 to"),
        (0.01, -0.02, 0.04, "not shown to be better than the baseline's (95% of the resamples: -0"),
        (-0.08, -0.1, -0.05, "worse than the baseline's by 0.080"),
        (0.0, 0.0, 0.0, "not shown to be better"),
    ],
)
def test_better_is_said_only_where_the_interval_says_so(difference, low, high, words):
    "And nobody is better by a negative number."
    advantage = Advantage(
        metric="accuracy", difference=difference, low=low, high=high, more_than_noise=low > 0
    )
    assert words in describe_advantage(advantage)


def test_of_many_groups_the_plot_shows_the_lowest_that_are_judged(report):
    "More than forty cannot be read, and a thousand make a page of nine megabytes."
    page = report.model_dump(mode="json")
    part = page["slices"][0]
    page["slices"] = [
        part
        | {"value": f"{n:04}", "judged": n >= 5}
        | {"metrics": part["metrics"] | {"auc": n / 2000}}
        for n in range(1500)
    ]
    plot_slices(make_report(page))
    axes = matplotlib.pyplot.gca()
    names = [label.get_text() for label in axes.get_yticklabels()]
    matplotlib.pyplot.close("all")

    assert len(names) == MOST_DRAWN
    assert {name.split(",")[0].split()[-1] for name in names} == {f"{n:04}" for n in range(5, 45)}
    assert "the lowest 40 of 1,500 groups" in axes.get_xlabel()


def test_amounts_have_errors_and_labels_have_not(project, report):
    "Each metric that makes no sense says why."
    contract, model, _, test_rows = project
    amount = report.task == "regression"
    errors = [report.metrics.mae, report.metrics.r2, report.metrics.coverage, report.interval]
    assert [isinstance(each, NotApplicable) for each in errors] == [not amount] * 4
    assert isinstance(report.metrics.auc, NotApplicable) == amount
    if amount:
        truth = test_rows[contract.target.column].to_numpy()
        predicted = model.score(encode_frame(test_rows, model.features)[0])[:, 0]
        assert report.metrics.mae == pytest.approx(mean_absolute_error(truth, predicted), abs=1e-5)
        assert report.metrics.r2 == pytest.approx(r2_score(truth, predicted), abs=1e-5)
        assert report.metrics.bias == pytest.approx((predicted - truth).mean(), abs=1e-5)
        within = (np.abs(predicted - truth) <= report.interval + 1e-6).mean()
        assert report.metrics.coverage == pytest.approx(within)
        assert 0.8 < report.metrics.coverage <= 1
        lift = report.baseline.mae / report.metrics.mae
        assert report.metrics.lift_over_baseline == pytest.approx(lift, abs=1e-4)
        assert report.unit == "points" and report.labels == [] and report.label_shares == {}
        assert main_metric(report) == "mae" and report.advantages[-1].more_than_noise


def test_an_amount_is_worth_its_mean_in_the_top(tmp_path):
    "The gain is for each unit of the target, less the cost of acting."
    contract, model, baseline, test_rows = evaluate_project(projects.write_amounts(tmp_path))
    report = evaluate_model(model, baseline, test_rows, contract)
    scores = model.score(encode_frame(test_rows, model.features)[0])[:, 0]
    n_top = contract.decision.capacity * len(test_rows)
    order = np.argsort(-scores)
    weights = np.clip(n_top - np.arange(len(order)), 0, 1)
    mean = np.average(test_rows["target"].to_numpy()[order], weights=weights)
    value = contract.decision.value
    expected = 1000 * contract.decision.capacity * (value.gain * mean - value.cost)
    assert report.decision.value == pytest.approx(expected, abs=0.1)
    assert report.decision.value > report.decision.baseline_value > report.decision.random_value


def test_a_threshold_of_the_contract_is_the_threshold(tmp_path):
    "Then no capacity is needed, and what acting selects follows from it."
    contract, model, baseline, test_rows = evaluate_project(projects.write_series(tmp_path))
    report = evaluate_model(model, baseline, test_rows, contract)
    scores = model.score(encode_frame(test_rows, model.features)[0])[:, 0]
    assert report.decision.threshold == contract.decision.threshold == 110
    assert report.decision.selected == pytest.approx((scores >= 110).mean())
    assert report.decision.precision > test_rows["sales"].mean()
    assert isinstance(report.decision.capacity, NotApplicable)
    assert isinstance(report.curve, NotApplicable)


def test_few_test_rows_are_a_doubt_and_never_a_success(tmp_path):
    "Six rows and an AUC of 1.000 say little, and the verdict says so."
    path = projects.write_few(tmp_path)
    contract, model, baseline, test_rows = evaluate_project(path, "logistic")
    report = evaluate_model(model, baseline, test_rows, contract)
    assert len(test_rows) == 6
    assert report.doubts[0].startswith("too few test rows: 3 of short, 3 of long")
    assert "too few test rows" in write_verdict(report, contract)["What to doubt"]
    assert {what.partition(":")[0] for what in report.unexamined} == {
        "groups of rows", "behaviour", "the decision",
        "whether the model is good enough",
    }  # fmt: skip


def test_intervals_draw_whole_days(root):
    "Rows of one day are alike, so the interval is wider than that of single rows."
    contract, model, baseline, test_rows = evaluate_project(
        root / "data/flights/contract.yaml", "logistic"
    )
    by_rows = contract.model_copy(
        update={"split": contract.split.model_copy(update={"by": None, "at_random": 0.5})}
    )
    days = evaluate_model(model, baseline, test_rows, contract).advantages[0]
    rows = evaluate_model(model, baseline, test_rows, by_rows).advantages[0]
    assert days.difference == rows.difference
    assert days.low != rows.low and days.high != rows.high


def test_a_sampled_model_is_a_doubt_with_its_interval(root):
    "The report says how many rows trained, and what twice the rows brought."
    contract = read_contract(root / "data/flights/contract.yaml")
    rows = read_rows(root / "data/flights/sample.parquet", contract)
    train_rows, test_rows = split_rows(rows, contract, seed=1)
    model, learned, sampling = train_sampled("random_forest", train_rows, contract, 1, seconds=0.8)
    report = evaluate_model(
        model, train_baseline(learned, contract, 1), test_rows, contract, sampling
    )
    assert report.sampled == len(learned) < len(train_rows)
    said = f"trained on {len(learned):,} of {len(train_rows):,} rows"
    assert any(said in doubt and "95% of the resamples" in doubt for doubt in report.doubts)


def test_ceilings_are_kept_from_above(project, report):
    "Of a bias, its size counts."
    contract, *_ = project
    limits = contract.limits.model_copy(update={"floors": {}, "ceilings": {"bias": 2.0}})
    contract = contract.model_copy(update={"limits": limits, "behaviour": []})
    page = report.model_dump(mode="json")
    for bias, kept in ((1.9, True), (-1.9, True), (2.1, False), (-2.1, False)):
        page["metrics"]["bias"] = bias
        broken = list_broken(make_report(page), contract)
        assert (not any("ceilings.bias" in line for line in broken)) == kept


def test_every_metric_has_its_place():
    "What a contract can limit is what a report measures."
    assert set(METRICS) == set(Metrics.model_fields)
