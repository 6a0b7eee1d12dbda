# ruff: noqa: E501
"""The contract refuses what would only show up in production."""

from copy import deepcopy
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from mlprod.contract import Contract, ContractError, column_of, read_contract

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
    "Leaving out any required part is reported at its place."
    optional = {"data.sample", "data.later", "decision.capacity", "decision.value", "life.keep_days"}
    for part, value in load(project).items():
        page = load(project)
        del page[part]
        assert any(line.startswith(f"{part}: expected a value") for line in problems_of(page, tmp_path))
        if part in ("decision", "target", "data", "limits", "life"):
            for key in value:
                page = load(project)
                del page[part][key]
                said = problems_of(page, tmp_path)
                missed = any(line.startswith((f"{part}.{key}", f"{part}: ", "decision")) for line in said)
                assert missed or f"{part}.{key}" in optional or key == "above"


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (["features", 2], "arrival_delay", "features[2]: expected a column other than the target"),
        (["features", 2], "late", "features[2]: expected a column other than the target"),
        (["features", 2], "departure_delay", "features[2]: expected a column available before"),
        (["features", 2], "orign", "features[2]: expected a column; got 'orign' (did you mean 'origin'?)"),
        (["features", 2], "departs_at", "features[2]: expected a moment with one of its parts"),
        (["features", 2], "carrier", "features: expected each feature once"),
        (["features", 2], "flight", "columns.flight.range: expected a value, for it is a feature"),
        (["baseline"], "departs_at.hours", "baseline: expected one of the features"),
        (["target", "from"], "carrier", "target.from: expected a column, a number"),
        (["target", "labels"], ["a", "b", "c"], "target: expected two labels with 'above'"),
        (["target", "labels"], ["a", "a"], "target: expected labels that differ"),
        (["split", "by"], "origin", "split.by: expected a column, a moment"),
        (["split", "at_random"], 0.3, "split: expected either 'by' with 'test_from', or 'at_random'"),
        (["split", "test_from"], "2013-07-01", "split.test_from: expected"),
        (["columns", "distance", "range"], [6000, 10], "columns.distance.range: expected the lower end"),
        (["columns", "distance", "range"], ["a", "b"], "columns.distance.range: expected two numbers"),
        (["columns", "distance", "range"], [1], "columns.distance.range"),
        (["columns", "distance", "kind"], "numeric", "columns.distance.kind: expected one of number,"),
        (["columns", "distance", "uint"], "km", "columns.distance.uint: expected a known key; got 'uint' (did you mean 'unit'?)"),
        (["columns", "distance", "may_be_missing"], "no", "columns.distance.may_be_missing: expected"),
        (["columns", "distance", "values"], ["a"], "columns.distance.values: expected a range"),
        (["columns", "distance", "example"], 9, "columns.distance.example: expected a number within"),
        (["columns", "distance", "personal"], "yes", "columns.distance.personal: expected"),
        (["columns", "distance", "persnal"], True, "columns.distance.persnal: expected a known key; got 'persnal' (did you mean 'personal'?)"),
        (["life", "keep_days"], 0, "life.keep_days: expected greater than 0; got 0"),
        (["life", "keep_days"], 1.5, "life.keep_days: expected a valid integer; got 1.5"),
        (["life", "keep_days"], True, "life.keep_days: expected a valid integer; got True"),
        (["life", "keep_days"], "90", "life.keep_days: expected a valid integer; got '90'"),
        (["columns", "origin", "values"], ["EWR", "EWR"], "columns.origin.values: expected each value once"),
        (["columns", "origin", "values"], ["EWR", True], "columns.origin.values[1]: expected"),
        (["columns", "departs_at", "timezone"], "Mars/Base", "columns.departs_at.timezone: expected a name"),
        (["columns", "departs_at", "timezone"], "../../etc/passwd", "columns.departs_at.timezone"),
        (["decision", "capacity"], 10, "decision.capacity: expected"),
        (["decision", "capacity"], float("nan"), "decision.capacity: expected"),
        (["behaviour", 0, "feature"], "distnce", "behaviour[0].feature: expected one of the features"),
        (["behaviour", 0, "from"], "far", "behaviour[0].from: expected a number"),
        (["limits", "floors", "acu"], 0.6, "limits.floors.acu"),
        (["limits", "slices", "columns"], ["orign"], "limits.slices.columns[0]: expected a column, a category; got 'orign' (did you mean 'origin'?)"),
        (["project"], "../elsewhere", "project: expected"),
        (["columns"], "none", "columns: expected"),
        (["features"], [], "features: expected"),
        (["behaviour"], [3], "behaviour[0]: expected"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_place(place, value, said, change):
    "Each mistake comes with its place and what was expected."
    problems = change("flights", (place, value))
    assert any(problem.startswith(said) for problem in problems), problems


def test_all_mistakes_come_at_once(change):
    "A mistake of type in one part hides no leak in another."
    problems = change(
        "flights",
        (["decision", "capacity"], "ten"),
        (["columns", "origin", "kind"], "categry"),
        (["features", 3], "departure_delay"),
    )
    places = {problem.split(":")[0] for problem in problems}
    assert {"decision.capacity", "columns.origin.kind", "features[3]"} <= places


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
