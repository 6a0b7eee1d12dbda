# ruff: noqa: E501
"""The contract refuses what would only show up in production."""

import hashlib
import re
from copy import deepcopy
from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from mlprod.contract import Contract, ContractError, column_of, describe_mistake, read_contract

DATA = Path(__file__).parent.parent / "data"
PROJECTS = ["flights", "penguins"]


def load(project):
    return YAML(typ="safe", pure=True).load(DATA / project / "contract.yaml")


def problems_of(page, folder):
    "What the reader says of a page."
    path = folder / "contract.yaml"
    YAML(typ="safe", pure=True).dump(page, path)
    try:
        read_contract(path)
    except ContractError as error:
        return error.problems
    return []


@pytest.fixture
def change(tmp_path):
    "Set one place of a good contract, and give what the reader says."

    def changed(project, *changes):
        page = deepcopy(load(project))
        for place, value in changes:
            part = page
            for step in place[:-1]:
                part = part[step]
            if value is None:
                del part[place[-1]]
            else:
                part[place[-1]] = value
        return problems_of(page, tmp_path)

    return changed


@pytest.mark.parametrize("project", PROJECTS)
def test_a_contract_survives_being_written_and_read(project, change):
    "Both projects' contracts hold, also after a round trip through YAML."
    assert change(project) == []


@pytest.mark.parametrize("project", PROJECTS)
def test_a_contract_survives_json(project):
    "What an artifact keeps of its contract is the contract."
    contract = read_contract(DATA / project / "contract.yaml")
    assert Contract.model_validate_json(contract.model_dump_json(by_alias=True)) == contract


@pytest.mark.parametrize("project", PROJECTS)
def test_every_key_that_is_needed_is_missed(project, tmp_path):
    "Leaving out a part is reported at its place, unless the part is optional."
    optional = {"baseline", "behaviour", "limits", "life"}
    for part in load(project):
        page = load(project)
        del page[part]
        missed = any(line.startswith(f"{part}: expected a value") for line in problems_of(page, tmp_path))
        assert missed != (part in optional)
    needed = ["decision.action", "decision.owner", "decision.made", "target.name", "target.from", "data.rows",
              "data.licence", "limits.slices.columns", "limits.slices.min_rows"]  # fmt: skip
    for place in needed:
        page = load(project)
        part, (*steps, last) = page, place.split(".")
        for step in steps:
            part = part[step]
        del part[last]
        assert problems_of(page, tmp_path) == [f"{place}: expected a value; got nothing"]


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (["features", 2], "arrival_delay", "features[2]: expected a column other than the target"),
        (["features", 2], "late", "features[2]: expected a column other than the target"),
        (["features", 2], "departure_delay", "features[2]: expected a column available before"),
        (["features", 2], "orign", "features[2]: expected a column; got 'orign' (did you mean 'origin'?)"),
        (["features", 2], "departs_at", "features[2]: expected a moment with one of its parts"),
        (["features", 2], "carrier", "features: expected each item once; got 'carrier' twice"),
        (["features", 2], "flight", "columns.flight.range: expected a value, for it is a feature"),
        (["baseline"], "departs_at.hours", "baseline: expected one of the features"),
        (["target", "from"], "carrier", "target.from: expected a column, a number"),
        (["target", "labels"], ["a", "b", "c"], "target.labels: expected two labels with 'above'; got 3"),
        (["target", "labels"], ["a", "a"], "target.labels: expected each item once; got 'a' twice"),
        (["split", "by"], "origin", "split.by: expected a column, a moment"),
        (["split", "at_random"], 0.3, "split: expected either 'by' with 'test_from', or 'at_random'"),
        (["split", "test_from"], "July", "split.test_from: expected a moment with its UTC offset"),
        (["split", "groups"], "carrier", "split.groups: expected 'at_random' with it; got 'carrier'"),
        (["columns", "distance", "range"], [6000, 10], "columns.distance.range: expected the lower end"),
        (["columns", "distance", "range"], ["a", "b"], "columns.distance.range[1]: expected a number; got 'b'"),
        (["columns", "distance", "range"], [1], "columns.distance.range[1]: expected a value; got nothing"),
        (["columns", "distance", "range"], [1, 2, 3], "columns.distance.range: expected at most 2 of them; got [1, 2, 3]"),
        (["columns", "distance", "range"], 3, "columns.distance.range: expected a list of two; got 3"),
        (["columns", "distance", "range"], [True, 2], "columns.distance.range[0]: expected a number; got True"),
        (["columns", "distance", "range"], [0, float("inf")], "columns.distance.range[1]: expected a number; got inf"),
        (["columns", "departs_at", "range", 0], "2013-03-10T02:30", "columns.departs_at.range[0]: expected a moment with its UTC offset, such as 2024-05-31T18:00:00+02:00; got '2013-03-10T02:30'"),
        (["columns", "departs_at", "example"], 20130705, "columns.departs_at.example: expected a moment"),
        (["columns", "departs_at", "example"], "2034-01-01T00:00:01Z", "columns.departs_at.example: expected a moment within the range; got 2034"),
        (["columns", "departs_at", "kind"], "number", "columns.departs_at.timezone: expected no such key for this kind"),
        (["columns", "distance", "kind"], None, "columns.distance.kind: expected one of number, category, moment; got None"),
        (["columns", "distance"], 7, "columns.distance: expected keys and values; got 7"),
        (["columns", "distance", "kind"], "numeric", "columns.distance.kind: expected one of number,"),
        (["columns", "distance", "uint"], "km", "columns.distance.uint: expected a known key; got 'uint' (did you mean 'unit'?)"),
        (["columns", "distance", "may_be_missing"], "no", "columns.distance.may_be_missing: expected"),
        (["columns", "distance", "values"], ["a"], "columns.distance.values: expected no such key for this kind; got ['a']"),
        (["columns", "distance", "example"], 9, "columns.distance.example: expected a number within"),
        (["columns", "distance", "personal"], "yes", "columns.distance.personal: expected"),
        (["columns", "distance", "persnal"], True, "columns.distance.persnal: expected a known key; got 'persnal' (did you mean 'personal'?)"),
        (["life", "keep_days"], 0, "life.keep_days: expected a number greater than 0; got 0"),
        (["life", "keep_days"], 1.5, "life.keep_days: expected a whole number; got 1.5"),
        (["life", "keep_days"], True, "life.keep_days: expected a whole number; got True"),
        (["life", "keep_days"], "90", "life.keep_days: expected a whole number; got '90'"),
        (["columns", "origin", "values"], ["EWR", "EWR"], "columns.origin.values: expected each item once; got 'EWR' twice"),
        (["columns", "origin", "values"], ["EWR", 1.5], "columns.origin.values[1]: expected text; got 1.5"),
        (["columns", "origin", "values"], [1, "1"], "columns.origin.values: expected each item once; got '1' twice"),
        (["columns", "origin", "values"], [], "columns.origin.values: expected at least 1 of them; got []"),
        (["columns", "origin", "range"], [1, 2], "columns.origin.range: expected no such key for this kind"),
        (["columns", "origin", "example"], "JKF", "columns.origin.example: expected one of the values; got 'JKF'"),
        (["columns", "origin", "timezone"], "Europe/Paris", "columns.origin.timezone: expected no such key"),
        (["columns", "departs_at", "timezone"], "Mars/Base", "columns.departs_at.timezone: expected a name"),
        (["columns", "departs_at", "timezone"], "../../etc/passwd", "columns.departs_at.timezone"),
        (["decision", "capacity"], 10, "decision.capacity: expected"),
        (["decision", "capacity"], float("nan"), "decision.capacity: expected"),
        (["behaviour", 0, "feature"], "distnce", "behaviour[0].feature: expected one of the features"),
        (["behaviour", 0, "from"], "far", "behaviour[0].from: expected a number; got 'far'"),
        (["behaviour", 0, "to"], True, "behaviour[0].to: expected a number; got True"),
        (["behaviour", 0, "feature"], "origin", "behaviour[0].from: expected one of the values; got '719'"),
        (["limits", "floors", "acu"], 0.6, "limits.floors.acu: expected one of auc, average_precision, accuracy"),
        (["limits", "floors", "auc"], "0.6", "limits.floors.auc: expected a number; got '0.6'"),
        (["limits", "floors", "auc"], float("nan"), "limits.floors.auc: expected a number; got nan"),
        (["decision", "value", "cost"], float("inf"), "decision.value.cost: expected a number; got inf"),
        (["features", 1], 7, "features[1]: expected text; got 7"),
        (["title"], "", "title: expected text; got ''"),
        (["decision"], "later", "decision: expected keys and values; got 'later'"),
        (["limits", "slices", "columns"], ["orign"], "limits.slices.columns[0]: expected a column, a category; got 'orign' (did you mean 'origin'?)"),
        (["project"], "../elsewhere", "project: expected"),
        (["columns"], "none", "columns: expected keys and values; got 'none'"),
        (["features"], [], "features: expected at least 1 of them; got []"),
        (["behaviour"], [3], "behaviour[0]: expected keys and values; got 3"),
        (["target", "labels"], [0, 1], "target.labels[0]: expected text; got 0: write '0' where the column holds this value, or name each value's label, as in labels: {0: a word}"),
        (["target", "labels"], [False, True], "target.labels[1]: expected text; got true: write 'true'"),
        (["target", "labels"], {0: "no", 1: "yes"}, "target.labels: expected a list with 'above'; got a label for each value"),
        (["target", "labels"], {1: "no", "1": "yes"}, "target.labels: expected each value once, text or whole; got '1'"),
        (["target", "labels"], {0: "no", 1: 7}, "target.labels.1: expected a label, or null for none; got 7"),
        (["target", "labels"], ["late"], "target.labels: expected two labels with 'above'; got 1"),
        (["target", "labels"], [], "target.labels: expected two labels with 'above'; got 0"),
        (["target", "labels"], ["on\ntime", "late"], "target.labels[0]: expected at most 100 characters, none of them a control"),
        (["columns", 'a"b'], {"kind": "category", "description": "x", "available": "after"}, "columns.a\"b: expected at most 100 characters, none of them"),
        (["columns", "x" * 101], {"kind": "category", "description": "x", "available": "after"}, "columns.xxx"),
        (["decision", "threshold"], 0.5, "decision: expected a capacity or a threshold; got both"),
        (["decision", "capacity"], None, "decision.value: expected a capacity or a threshold with it; got neither"),
        (["limits", "ceilings"], {"mae": 3}, "limits.ceilings: expected a metric of labels; got 'mae'"),
        (["limits", "floors"], {"brier": 0.2}, "limits.floors.brier: expected one of auc"),
        (["limits", "floors"], {"r2": 0.2}, "limits.floors: expected a metric of labels; got 'r2'"),
        (["life", "watch"], "hour", "life.watch: expected one of day, week, month; got 'hour'"),
        (["life", "decay"], {"metric": "auc", "above": 0.6}, "life.decay: expected 'below' and not 'above' with auc"),
        (["life", "decay"], {"metric": "brier", "below": 0.6}, "life.decay: expected 'above' and not 'below' with brier"),
        (["life", "serve"], "best", "life.serve: expected one of judged, refit; got 'best'"),
        (["life", "experiment_unit"], "departs", "life.experiment_unit: expected a column, a number or a category or a moment; got 'departs' (did you mean 'departs_at'?)"),
        (["columns", "distance", "checked"], True, "columns.distance.checked: expected text; got True"),
        (["columns", "distance", "range"], [0, 1e39], "columns.distance.range[1]: expected a number; got 1e+39"),
        (["split", "test_from"], "2013-03-10T02:30", "split.test_from: expected a moment with its UTC offset"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(place, value, said, change):
    "Each mistake comes with its place and what was expected."
    problems = change("flights", (place, value))
    assert any(problem.startswith(said) for problem in problems), problems


def test_all_mistakes_of_the_parts_come_at_once(change):
    "A mistake in one part, or in one column, hides none in another."
    problems = change(
        "flights",
        (["decision", "capacity"], "ten"),
        (["columns", "origin", "kind"], "categry"),
        (["columns", "distance", "range"], [2, 1]),
        (["life", "keep_days"], 0),
    )
    assert sorted(problem.split(":")[0] for problem in problems) == [
        "columns.distance.range", "columns.origin.kind", "decision.capacity", "life.keep_days",
    ]  # fmt: skip


def test_all_mistakes_between_the_parts_come_at_once(change):
    "Where each part is right by itself, no leak hides another, nor a reference to nothing."
    problems = change(
        "flights",
        (["features", 3], "departure_delay"),
        (["features", 4], "late"),
        (["split", "by"], "origin"),
        (["baseline"], "distance"),
    )
    places = [problem.split(":")[0] for problem in problems]
    assert places == ["features[3]", "features[4]", "split.by", "baseline", "behaviour[0].feature"]


PLACES = [
    ([], "titel"), (["decision"], "capacty"), (["decision", "value"], "cots"), (["target"], "form"),
    (["data"], "smaple"), (["split"], "test_form"), (["columns", "origin"], "exmaple"),
    (["behaviour", 0], "wihtin"), (["limits"], "slcies"), (["limits", "slices"], "min_row"),
    (["limits", "parity"], "filps"), (["life"], "roll_bakc"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "key"), PLACES, ids=[key for _, key in PLACES])
def test_a_misspelt_key_comes_with_the_one_that_was_meant(place, key, change):
    "In each part of the contract, by the keys that this part may have."
    said = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in [*place, key])[1:]
    (problem,) = change("flights", ([*place, key], 1))
    assert problem.startswith(f"{said}: expected a known key; got '{key}' (did you mean '")


def test_a_column_may_be_called_like_a_part_of_the_contract(change):
    "Its mistakes are still those of a column."
    column = {"kind": "number", "description": "a column", "available": "after", "uint": "km"}
    for name in ("decision", "columns", "number"):
        said = f"columns.{name}.uint: expected a known key; got 'uint' (did you mean 'unit'?)"
        assert change("flights", (["columns", name], column)) == [said]


# What artifacts keep, and what their versions are computed from: a change here changes both.
KEPT = {
    "flights": "e5135fad666e7dd5b92d103bb2fa0ef9d0468ed37f51b375e2d313736d6db57c",
    "penguins": "9e29bdd7d4c9466074de5efd7c7a422b05cfc9239dda1a13cdee72c5648f1ee6",
}


@pytest.mark.parametrize("project", PROJECTS)
def test_an_artifact_keeps_the_same_bytes_of_a_contract(project):
    "Whatever the classes look like inside, contract.json of the same page is the same."
    contract = read_contract(DATA / project / "contract.yaml")
    kept = contract.model_dump_json(by_alias=True).encode()
    assert hashlib.sha256(kept).hexdigest() == KEPT[project], kept.decode()


def test_every_column_is_kept_with_every_key():
    "Keys that a kind does not have are null, so programs may read them; numbers and moments stay."
    columns = read_contract(DATA / "flights/contract.yaml").model_dump(mode="json")["columns"]
    assert columns["distance"] == {
        "kind": "number", "description": "distance between the airports", "unit": "miles",
        "available": "before", "may_be_missing": False, "personal": False, "checked": None, "range": [10, 6000],
        "values": None, "timezone": None, "example": 719,
    }  # fmt: skip
    assert [type(end) for end in columns["distance"]["range"]] == [int, int]
    assert columns["departs_at"]["range"] == ["2013-01-01T00:00:00Z", "2034-01-01T00:00:00Z"]
    assert all(list(column) == list(columns["distance"]) for column in columns.values())


def test_what_is_personal_and_how_long_it_is_kept_may_stay_unsaid(change, tmp_path):
    "Nothing is personal, and everything is kept, unless the contract says otherwise."
    assert change("flights", (["columns", "origin", "personal"], True), (["life", "keep_days"], 1)) == []
    page = load("flights")
    del page["life"]["keep_days"]
    path = tmp_path / "contract.yaml"
    YAML(typ="safe", pure=True).dump(page, path)
    contract = read_contract(path)
    assert contract.life.keep_days is None
    assert not any(column.personal for column in contract.columns.values())


def test_a_capacity_needs_two_labels(change):
    "With three labels nobody knows whom the action is for."
    problems = change("penguins", (["decision", "capacity"], 0.1))
    assert any(problem.startswith("decision.capacity: expected two labels") for problem in problems)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected keys and values; got NoneType"),
        ("- a\n- b\n", "expected keys and values; got list"),
        ("project: [", "expected YAML"),
        ("project: a\nproject: b\n", "expected YAML"),
        ("a: !!python/object/apply:os.system [echo]\n", "expected YAML"),
    ],
)
def test_what_is_no_contract_is_refused_in_one_line(text, said, tmp_path):
    "A file that is empty, broken, ambiguous or dangerous is one line, and nothing is executed."
    path = tmp_path / "contract.yaml"
    path.write_text(text)
    with pytest.raises(ContractError) as caught:
        read_contract(path)
    assert said in str(caught.value)
    assert str(caught.value).count("\n") == 0


def test_a_missing_or_binary_file_is_one_line(tmp_path):
    "The path is named."
    with pytest.raises(ContractError, match="expected a file"):
        read_contract(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ContractError, match="UTF-8"):
        read_contract(tmp_path / "binary.yaml")


def test_words_that_yaml_once_took_for_truth_stay_words(tmp_path):
    "NO is Norway, not false."
    page = load("flights")
    text = (DATA / "flights" / "contract.yaml").read_text(encoding="utf-8")
    path = tmp_path / "contract.yaml"
    path.write_text(text.replace("[EWR, JFK, LGA]", "[EWR, NO, on]"), encoding="utf-8")
    assert read_contract(path).columns["origin"].values == ["EWR", "NO", "on"]
    assert page["columns"]["origin"]["values"] == ["EWR", "JFK", "LGA"]


def test_a_column_may_have_a_dot_in_its_name():
    "Only a part of a moment is split off."
    columns = {"a.hour": {}, "b": {}}
    assert column_of("a.hour", columns) == "a.hour"
    assert column_of("b.hour", columns) == "b"
    assert column_of("b.minute", columns) == "b.minute"


WRONG = [None, True, 7, -1.5, "", "x\n", [], {}, [1], ["a"], {"a": 1}, float("nan"), date(2020, 1, 1), 10**400]


def list_places(part, at=()):
    "Every place of a page."
    for key in part if isinstance(part, dict) else range(len(part)) if isinstance(part, list) else ():
        yield (*at, key)
        yield from list_places(part[key], (*at, key))


def test_whatever_stands_wherever_is_accepted_or_refused_in_our_words():
    "One line for each mistake, with its place; never another library's words, and no other error."
    page, n = load("flights"), 0
    kept = ["departs_at", "origin", "distance", "arrival_delay"]
    page["columns"] = {name: page["columns"][name] for name in kept}
    page["features"].remove("carrier")
    page["limits"]["slices"]["columns"] = ["origin"]
    Contract.model_validate(page)
    for place in list_places(page):
        for value in WRONG:
            changed = deepcopy(page)
            part = changed
            for step in place[:-1]:
                part = part[step]
            part[place[-1]] = value
            try:
                Contract.model_validate(changed)
            except ValidationError as error:
                for line in [line for item in error.errors() for line in describe_mistake(item)]:
                    n += 1
                    assert re.fullmatch(r"[\w.\[\]]+: expected .+", line) and len(line) < 300, line
                    assert not re.search(r"(?i)input|valid|instance|should|pydantic|string|dict", line), line
    assert n > 1500


def test_a_target_may_be_an_amount_or_have_words_for_values(change, tmp_path):
    "The task follows from the target; contract.json keeps the labels as a list."
    page = load("penguins")
    page["target"]["labels"] = {"Adelie": "small", "Chinstrap": "small", "Gentoo": "large", "x": None}
    page["decision"]["threshold"] = 0.4
    contract = Contract.model_validate(page)
    assert (contract.task, contract.target.labels) == ("binary", ["small", "large"])
    assert contract.target.words == {"Adelie": "small", "Chinstrap": "small", "Gentoo": "large", "x": None}
    kept = contract.model_dump_json(by_alias=True)
    assert Contract.model_validate_json(kept) == contract and '"labels":["small","large"]' in kept
    page["target"] = {"name": "weight", "from": "body_mass"}
    page["features"].remove("body_mass")
    page["decision"]["threshold"] = 4500
    for part in ("limits", "life", "behaviour", "baseline"):
        del page[part]
    contract = Contract.model_validate(page)
    assert (contract.task, contract.target.labels, contract.target_unit) == ("regression", [], "g")
    assert (contract.baseline, contract.behaviour, contract.limits.slices) == (None, [], None)
    assert (contract.limits.latency_ms, contract.limits.size_mb, contract.life.watch) == (50, 10, "week")
    assert Contract.model_validate_json(contract.model_dump_json(by_alias=True)) == contract
    page["limits"] = {"floors": {"auc": 0.6}, "ceilings": {"mae": 300}}
    assert problems_of(page, tmp_path) == [
        "limits.floors: expected a metric of an amount; got 'auc'"
    ]
    page["target"]["labels"] = {1: "a", 2: "b", 3: "c"}
    assert "decision.threshold: expected two labels with it; got ['a', 'b', 'c']" in problems_of(page, tmp_path)


def test_categories_may_be_whole_numbers_and_booleans(change):
    "Their text is the category, in values, examples and behaviours."
    page = load("penguins")
    page["columns"]["sex"] |= {"values": [1, 2.0, True], "example": 2}
    page["behaviour"].append({"name": "x", "feature": "sex", "from": 1, "to": True, "expect": "same", "share": 0.5})
    contract = Contract.model_validate(page)
    assert contract.columns["sex"].values == ["1", "2", "true"] and contract.columns["sex"].example == "2"
    assert (contract.behaviour[-1].start, contract.behaviour[-1].end) == ("1", "true")


def test_moments_without_offset_are_local_time(change):
    "In ranges, examples and where the test begins; a plain date is its midnight."
    page = load("flights")
    column = page["columns"]["departs_at"]
    column |= {"range": [date(2013, 1, 1), "2034-01-01 00:00"], "example": "2013-07-05T18:30"}
    page["split"]["test_from"] = date(2013, 7, 1)
    contract = Contract.model_validate(page)
    column = contract.columns["departs_at"]
    assert [end.isoformat()[-6:] for end in column.range] == ["-05:00", "-05:00"]
    assert column.example.isoformat() == "2013-07-05T18:30:00-04:00"
    assert contract.split.test_from == read_contract(DATA / "flights/contract.yaml").split.test_from
