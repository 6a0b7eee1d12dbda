"""What keeps a model out of service, whatever its contract asks."""

import pytest
from make_artifacts import ROOT, train_parts

from mlprod.contract import Limits, read_contract
from mlprod.gate import FEWEST_PER_LABEL, Verdict, judge_model, make_verdict
from mlprod.report import Check, NotApplicable


@pytest.fixture(scope="module", params=["flights", "penguins"])
def judged(request):
    "A report with its contract, of two labels and of three."
    contract = read_contract(ROOT / "data" / request.param / "contract.yaml")
    return train_parts(request.param, "logistic")[1], contract


def failed(verdict):
    "The names of the checks that failed."
    return [check.name for check in verdict.checks if not check.passed]


def change(part, **values):
    "Another state of a part of the contract or of the report."
    return part.model_copy(update=values)


def better(report, sure=True):
    "A report whose model is better than the baseline, beyond noise or not."
    main = change(report.advantages[-1], more_than_noise=sure)
    return change(report, advantages=[*report.advantages[:-1], main])


def without_limits(contract):
    "A contract that asks for nothing."
    return change(contract, limits=Limits(), behaviour=[])


def test_a_contract_without_limits_still_asks_two_questions(judged):
    "Better than the baseline beyond noise, and enough test rows; each of them alone refuses."
    report, contract = judged
    report, contract = change(report, behaviours=[]), without_limits(contract)
    verdict = judge_model(better(report), contract)
    assert verdict.passed and len(verdict.checks) == 2
    assert failed(judge_model(better(report, sure=False), contract)) == ["better than the baseline"]
    assert failed(judge_model(change(better(report), rows=30), contract)) == ["test rows"]


def test_every_limit_is_a_check_pass_or_fail(judged):
    "Floors, ceilings, groups with enough rows, behaviours: by name, with both numbers."
    report, contract = judged
    slices = change(
        contract.limits.slices, floors={"accuracy": 0.0}, ceilings={"brier": 5.0}, min_rows=1
    )
    limits = change(contract.limits, floors={"auc": 0.0}, ceilings={"brier": 5.0}, slices=slices)
    report = change(report, slices=[change(part, judged=True) for part in report.slices])
    verdict = judge_model(better(report), change(contract, limits=limits))
    assert verdict.passed, verdict.failures
    names = [check.name for check in verdict.checks]
    assert names[:2] == ["limits.floors.auc", "limits.ceilings.brier"]
    for kind in ("floors.accuracy", "ceilings.brier"):
        found = [name for name in names if name.startswith(f"limits.slices.{kind}: ")]
        assert len(found) == len(report.slices)
    assert sum(name.startswith("behaviour[") for name in names) == len(contract.behaviour)
    assert len(names) == len(set(names))
    harder = change(limits, floors={"auc": 1.01}, ceilings={"brier": 0.0})
    assert failed(judge_model(better(report), change(contract, limits=harder))) == names[:2]


def test_groups_with_too_few_rows_are_not_judged(judged):
    "They are shown in the report, and refuse nothing."
    report, contract = judged
    slices = change(contract.limits.slices, floors={"accuracy": 1.01})
    contract = change(contract, limits=Limits(slices=slices))
    few = change(better(report), slices=[change(part, judged=False) for part in report.slices])
    assert judge_model(few, contract).passed
    enough = change(few, slices=[change(part, judged=True) for part in report.slices])
    assert len(failed(judge_model(enough, contract))) == len(report.slices)
    without = NotApplicable(reason="these rows have only one label")
    parts = [change(part, metrics=change(part.metrics, accuracy=without)) for part in enough.slices]
    assert judge_model(change(enough, slices=parts), contract).passed, "a figure that no group has"


def test_a_metric_that_makes_no_sense_keeps_no_floor(judged):
    "The reason stands where the number would."
    report, contract = judged
    metrics = change(report.metrics, auc=NotApplicable(reason="one label only"))
    contract = change(without_limits(contract), limits=Limits(floors={"auc": 0.5}))
    verdict = judge_model(change(better(report), metrics=metrics), contract)
    assert verdict.failures == [
        "limits.floors.auc: expected at least 0.5; got none (one label only)"
    ]


@pytest.mark.parametrize(
    "shares, passes",
    [((0.6, 0.4), True), ((0.9, 0.1), True), ((0.91, 0.09), False), ((1.0, 0.0), False)],
)
def test_the_rarest_label_decides_whether_there_are_enough_rows(judged, shares, passes):
    "Ten of a hundred rows are enough, nine are not, and none is not."
    report, contract = judged
    rows = 10 * FEWEST_PER_LABEL
    report = change(better(report), rows=rows, label_shares=dict(zip("ab", shares, strict=True)))
    verdict = judge_model(change(report, behaviours=[]), without_limits(contract))
    assert verdict.passed == passes
    assert verdict.checks[-1].got == f"{round(rows * min(shares))} of b".replace(
        "50 of b", "50 of a"
    )


def test_an_override_is_kept_only_where_a_check_failed():
    "And a verdict is read back as it was written."
    checks = [Check(name="a", expected="b", got="c", passed=False)]
    verdict = make_verdict(checks, "the hour", " for a week ")
    assert (verdict.passed, verdict.override) == (False, "for a week")
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict
    passed = [change(checks[0], passed=True)]
    assert make_verdict(passed, "the hour", "for a week").override == ""
