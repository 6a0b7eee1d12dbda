# ruff: noqa: E501
"""What may know the answer is named, and what is only good is left alone."""

import numpy as np
import pandas as pd
import pytest

from mlprod.contract import Contract, read_contract
from mlprod.data import DataError, read_rows, split_rows
from mlprod.leaks import find_leaks, measure_auc, refuse_leaks, score_columns

N = 1000
CHANCE = np.random.default_rng(1)
SICK = CHANCE.random(N) < 0.3
ORDER = np.argsort(np.argsort(SICK + 0, kind="stable"))  # places after sorting by the answer
NOISE = CHANCE.normal(size=N)


def make_contract(rows, amount=False, **checked):
    "A contract in which each column but the target is a feature."
    columns = {}
    for name, values in rows.items():
        number = values.dtype.kind in "iuf"
        columns[name] = {"kind": "number" if number else "category", "description": name,
                         "available": "after" if name == "answer" else "before",
                         "may_be_missing": True, "checked": checked.get(name)}  # fmt: skip
        if number:
            columns[name] |= {"range": [-1e9, 1e9], "example": 0}
        else:
            listed = [value for value in values.unique() if isinstance(value, str)]
            columns[name] |= {"values": listed, "example": listed[0]}
    labels = {} if amount else {"labels": ["well", "sick"]}
    return Contract.model_validate(
        {"project": "toy", "title": "Toy", "question": "Who?",
         "decision": {"action": "call", "owner": "a nurse", "made": "daily"},
         "target": {"name": "outcome", "from": "answer"} | labels,
         "data": {"rows": "rows.parquet", "licence": "CC0-1.0"}, "split": {"at_random": 0.3},
         "features": [name for name in columns if name != "answer"], "columns": columns}
    )  # fmt: skip


def find_reason(values, answer=None, **checked):
    "Why one column is a suspect beside a column of noise, or nothing."
    amount = answer is not None
    answer = pd.Series(answer) if amount else pd.Series(np.where(SICK, "sick", "well"))
    rows = pd.DataFrame({"noise": NOISE[: len(answer)], "column": values, "answer": answer})
    contract = make_contract(rows, amount, **checked)
    found = {each.column: each.reason for each in find_leaks(rows, contract)}
    assert "noise" not in found
    return found.get("column", "")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (np.where(SICK, "yes", "no"), "it goes with the target one to one"),
        (SICK + 0, "it goes with the target one to one"),
        (SICK * 50 + CHANCE.normal(size=N), "alone it tells the labels apart: AUC 1.000"),
        (np.where(SICK, "s", "w") + pd.Series(CHANCE.integers(0, 9, N)).astype(str), "alone it tells"),
        (np.where(SICK & (NOISE > 1), 3.0, np.nan), "it is there only where the label is sick, in"),
        (np.where(SICK & (NOISE > -1) | (np.where(SICK, -9, NOISE).argmax() == np.arange(N)), 3.0, np.nan), "it is there nearly only where"),
        (np.where(SICK & (NOISE > 0.5), np.nan, NOISE**2), "it is missing only where the label is sick"),  # filled in 90% of the rows
        (np.where(CHANCE.random(N) < 0.9, NOISE**2, np.nan), ""),
        (CHANCE.integers(-100, 100, N).astype("int8"), ""),
        (pd.Series(np.where(SICK & (NOISE > 1), None, "left")), "it is missing only where the label is sick, in"),
        (CHANCE.permutation(N) + 10**6, "1,000 of 1,000 rows have a value of their own, as in an identifier"),
        (pd.Series(CHANCE.permutation(N)).map("id-{:05}".format), "1,000 of 1,000 rows have a value"),
        (pd.Series(ORDER).map("id-{:05}".format), "the order of its values tells the labels apart: AUC"),
        (pd.Series(ORDER // 2).map("id-{:05}".format), "the order of its values tells the labels apart: AUC"),
        (ORDER + 10**6, "alone it tells the labels apart: AUC"),
        # what is only good, or only odd, is no suspect
        (SICK * 2.5 + CHANCE.normal(size=N), ""),
        (np.where(CHANCE.random(N) < 0.9, SICK, ~SICK) + 0, ""),
        (np.where(NOISE > 1, 3.0, np.nan), ""),
        (np.where(SICK & (NOISE > 2.6), 3.0, np.nan), ""),
        (CHANCE.normal(size=N).round(6), ""),
        (CHANCE.integers(0, 50_000, N), ""),
        (pd.Series(CHANCE.integers(0, 300, N)).astype(str), ""),
        (np.full(N, 7), ""),
        (np.full(N, np.nan), ""),
    ],
)  # fmt: skip
def test_a_feature_that_may_know_the_answer_is_a_suspect(values, reason):
    "With its reason; chance, and what a measurement may reach, are none."
    found = find_reason(values)
    assert found.startswith(reason) and bool(found) == bool(reason)


AMOUNT = np.exp(2 * NOISE)  # a few are large, as amounts of money are


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (AMOUNT * 1.2 + 3, "it goes with the target one to one"),
        (-np.log(AMOUNT), "alone it tells the labels apart"),
        (NOISE + CHANCE.normal(0, 0.3, N), ""),
        (np.where(AMOUNT > 5, 3.0, np.nan), ""),
    ],
)
def test_an_amount_has_suspects_too(values, reason):
    "A copy in another currency, or in another scale; a good estimate is none."
    rows = pd.DataFrame({"column": values, "answer": AMOUNT})
    found = [each.reason for each in find_leaks(rows, make_contract(rows, amount=True))]
    assert [text[: len(reason)] for text in found] == [reason] * bool(reason)


@pytest.mark.parametrize("whole", [lambda a, b: a + b, lambda a, b: (a * b).round(2), lambda a, b: 2 * a - b])
def test_the_parts_of_an_amount_are_suspects(whole):
    "A sum, a difference or a product of two features, rounded; a part alone is only good."
    rows = pd.DataFrame({"a": CHANCE.gamma(4, 20, N).round(), "b": CHANCE.gamma(4, 20, N).round(2)})
    rows["c"], rows["answer"] = NOISE, whole(rows["a"], rows["b"])
    noisy = rows.assign(answer=rows["answer"] * (1 + 0.01 * CHANCE.normal(size=N)))
    found = {each.column: each.reason for each in find_leaks(rows, make_contract(rows, amount=True))}
    assert found == {"a": "it gives the amount together with b", "b": "it gives the amount together with a"}
    assert find_leaks(noisy, make_contract(noisy, amount=True)) == []
    checked = make_contract(rows, amount=True, a="on the order", b="on the order")
    assert find_leaks(rows, checked) == []


def test_what_a_person_has_checked_is_no_suspect():
    "The contract says why; the message names the key."
    copy = np.where(SICK, "yes", "no")
    rows = pd.DataFrame({"column": copy, "answer": np.where(SICK, "sick", "well")})
    with pytest.raises(DataError) as caught:
        refuse_leaks(rows, make_contract(rows))
    assert caught.value.problems == [
        "column: it goes with the target one to one; "
        "if it is known in time, say how in the contract's columns.column.checked"
    ]
    refuse_leaks(rows, make_contract(rows, column="the nurse asks on the phone"))


def test_the_baseline_of_an_amount_is_known_in_time():
    "A series that hardly moves: yesterday's value tells today's, and a person decides by it."
    level = np.cumsum(CHANCE.normal(size=N))
    rows = pd.DataFrame({"yesterday": level[:-1], "answer": level[1:]})
    contract = make_contract(rows, amount=True)
    assert [each.column for each in find_leaks(rows * 1.0, contract)] in ([], ["yesterday"])
    assert not find_leaks(rows, contract.model_copy(update={"baseline": "yesterday"}))


@pytest.mark.parametrize(("n", "rare", "amount"), [(12, 2, False), (12, 2, True), (30, 2, False), (200, 10, False)])
def test_chance_finds_no_suspects_in_many_columns(n, rare, amount):
    "Three hundred columns of noise: of a dozen rows one column tells all by chance."
    random = np.random.default_rng(0)
    rows = pd.DataFrame(random.normal(size=(n, 300))).add_prefix("c")
    rows["answer"] = np.where(np.arange(n) % rare == 0, "sick", "well")
    if amount:
        rows["answer"] = random.normal(size=n)
    assert find_leaks(rows, make_contract(rows, amount)) == []


@pytest.mark.parametrize("project", ["flights", "penguins"])
def test_the_projects_have_no_suspects(project, root):
    "Long bills tell species well, and the hour late flights; neither tells them alone."
    contract = read_contract(root / f"data/{project}/contract.yaml")
    name = contract.data.sample or contract.data.rows
    train, _ = split_rows(read_rows(root / f"data/{project}" / name, contract), contract, seed=1)
    assert find_leaks(train, contract) == []
    before = score_columns(train, contract).query("known == 'before'")
    assert before["auc"].max() < 0.95


def test_a_column_written_afterwards_stands_out(root):
    "The delay at departure leads, far ahead of what is known before."
    contract = read_contract(root / "data/flights/contract.yaml")
    table = score_columns(read_rows(root / "data/flights/sample.parquet", contract), contract)
    assert table.index[0] == "departure_delay" and table["auc"].iloc[0] > 0.85
    assert table.loc[table["known"] == "before", "auc"].max() < 0.7
    assert contract.target.column not in table.index


def test_auc_counts_pairs():
    "Of every pair of rows with different labels, the share that is in the right order."
    for n_labels in (2, 3):
        labels = CHANCE.integers(0, n_labels, 60)
        scores = CHANCE.integers(0, 9, (60, n_labels)) / 9
        codes, shares = ([1] if n_labels == 2 else range(3)), []
        for code in codes:
            gaps = scores[labels == code, code][:, None] - scores[labels != code, code]
            shares.append(((gaps > 0) + (gaps == 0) / 2).mean())
        assert measure_auc(labels, scores) == pytest.approx(np.mean(shares), abs=1e-12)
