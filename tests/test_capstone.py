"""`mlprod capstone check`: each check finds the fault that it is for, and passes without it."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from make_amounts import put, sign
from make_artifacts import make_artifact
from ruamel.yaml import YAML

from mlprod.app.model import FILES, POINTER
from mlprod.capstone import CHECKS, CapstoneError, check_capstone, list_results, write_result
from mlprod.contract import ContractError
from mlprod.generate import generate_app

ROOT = Path(__file__).parent.parent
PENGUINS = ROOT / "data" / "penguins"
QUESTION = YAML(typ="safe", pure=True).load(PENGUINS / "contract.yaml")["question"]
LATER = ("library, notebooks, README and app fit together",)  # test_own.py runs it


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    "A repository in small, whose capstone are the penguins: every check passes."
    root = tmp_path_factory.mktemp("finished")
    shutil.copytree(PENGUINS, root / "data" / "penguins")
    make_artifact("penguins", root / "artifacts" / "penguins")
    generate_app(root / "artifacts" / "penguins", root / "app")
    (root / "README.md").write_text(f"# Penguins\n\n> {QUESTION}\n", encoding="utf-8")
    (root / "tests").mkdir()
    (root / "tests" / "suite.py").write_text("print('all passed')\n")
    return root


@pytest.fixture
def capstone(finished, tmp_path):
    "A copy of it, to be broken."
    return shutil.copytree(finished, tmp_path / "broken")


def check(root, *names):
    "The problems of some checks."
    left_out = tuple(name for name in CHECKS if name not in names)
    found = check_capstone(root, root / "data" / "penguins" / "contract.yaml", left_out)
    return [problem for name, problems in found if name in names for problem in problems]


def change_contract(root, **parts):
    "Say something else in the contract."
    path = root / "data" / "penguins" / "contract.yaml"
    page = YAML(typ="safe", pure=True).load(path) | parts
    with open(path, "w", encoding="utf-8") as file:
        YAML(typ="safe", pure=True).dump(page, file)
    return page


def change_artifact(root, **files):
    "Put a version into service that differs in some of its files."
    folder = root / "artifacts" / "penguins"
    version = json.loads((folder / POINTER).read_text())["version"]
    manifest = json.loads((folder / version / "manifest.json").read_text())
    manifest = {key: manifest[key] for key in manifest if key not in ("version", "files")}
    content = {name: (folder / version / name).read_bytes() for name in FILES}
    for name, text in files.items():
        content[name.replace("_", ".")] += text.encode()
    put(folder, POINTER, version=sign(folder, content, **manifest), previous=None, override="")


def test_a_finished_capstone_passes(finished):
    "Its app starts and answers, too; what was left out has not passed."
    path = finished / "data" / "penguins" / "contract.yaml"
    results = list(check_capstone(finished, path, LATER))
    assert [(name, found) for name, found in results if found] == []
    listed = list_results(results)
    assert not listed["passed"] and len(listed["questions"]) >= 5
    assert list_results([each for each in results if each[0] not in LATER])["passed"]
    assert write_result(*results[0]) == "ok  the decision is stated"
    assert write_result(LATER[0], None).startswith("--  ")


@pytest.mark.parametrize("said", ["TODO who decides?", "not stated yet"])
def test_what_people_have_to_say_is_said(capstone, said):
    "A question of the draft, and what --yes has written, are none."
    page = change_contract(capstone)
    change_contract(capstone, decision=page["decision"] | {"owner": said})
    (problem,) = check(capstone, "the decision is stated")
    assert "decision.owner" in problem and said in problem


def test_what_cannot_be_read_before_it_is_answered_is_asked_for(capstone):
    "A TODO where a number has to be is named as what it is, with the others."
    page = change_contract(capstone)
    said = {"capacity": "TODO what share?", "owner": "TODO who?"}
    change_contract(capstone, decision=page["decision"] | said)
    with pytest.raises(ContractError) as caught:
        check(capstone, "the decision is stated")
    answers = [line.partition(";")[0] for line in sorted(caught.value.problems)]
    assert answers == [f"decision.{key}: expected an answer" for key in sorted(said)]


def test_the_source_is_written_down(capstone):
    "A README with a TODO, and no README."
    readme = capstone / "data" / "penguins" / "README.md"
    name = "the data's source is written down"
    readme.write_text("- TODO: who made it?\n")
    line = "penguins/README.md line 1: expected an answer; got '- TODO: who made it?'"
    assert check(capstone, name) == [line]
    readme.unlink()
    assert "got no file" in check(capstone, name)[0]


def test_a_limit_that_is_broken_is_named(capstone):
    "By the verdict of the version in service; without one, that cannot be checked."
    name = "every limit is kept, and the baseline beaten"
    folder = capstone / "artifacts" / "penguins"
    version = json.loads((folder / POINTER).read_text())["version"]
    verdict = json.loads((folder / version / "verdict.json").read_text())
    verdict["checks"][0] |= {"passed": False, "got": "0.1"}
    (folder / version / "verdict.json").write_text(json.dumps(verdict))
    assert check(capstone, name)[0].startswith("could not be checked: "), "the hash differs"
    (folder / POINTER).unlink()
    assert check(capstone, name)[0].startswith("could not be checked: ")


def test_a_feature_that_gives_the_answer_away_is_named(capstone):
    "As in every run of the line."
    path = capstone / "data" / "penguins" / "penguins.parquet"
    rows = pd.read_parquet(path)
    rows["bill_length"] = pd.factorize(rows["species"])[0] + 40.0
    rows.to_parquet(path)
    (problem,) = check(capstone, "no feature gives the answer away")
    assert problem.startswith("bill_length: it goes with the target")


def test_groups_are_named(capstone):
    "Without slices nobody has looked."
    limits = change_contract(capstone)["limits"]
    change_contract(capstone, limits={key: limits[key] for key in limits if key != "slices"})
    assert check(capstone, "groups are looked at") == [
        "contract: limits.slices: expected groups of rows to look at; got none "
        "(slices: {columns: [NAME], min_rows: 30})"
    ]


@pytest.mark.parametrize("line", ["| accuracy | |", "| accuracy | nan |", "- owner: TODO"])
def test_a_blank_on_the_card_is_named(capstone, line):
    "An empty cell, a figure that is none, an answer that nobody has given."
    change_artifact(capstone, card_md=f"\n{line}\n")
    (problem,) = check(capstone, "the card has no blanks")
    assert problem.startswith("card.md") and line in problem


def test_the_readme_is_the_template_s(capstone):
    "The way out is named."
    shutil.copy(ROOT / "README.md", capstone)
    (problem,) = check(capstone, "the README is your own")
    assert "mlprod own NAME" in problem


def test_an_app_that_does_not_answer_is_named(capstone):
    "One that ends at once, and one that is not there."
    name, serve = "the app starts and answers", capstone / "app" / "serve.py"
    serve.write_text("raise SystemExit(1)\n")
    assert "expected an answer" in check(capstone, name)[0]
    serve.unlink()
    assert check(capstone, name) == ["app: expected serve.py; got none: `mlprod run` writes it"]


def test_tests_that_fail_are_named(capstone):
    "With the file that says which."
    (capstone / "tests" / "suite.py").write_text("import sys\nprint('1 failed')\nsys.exit(3)\n")
    (problem,) = check(capstone, "the tests pass")
    place = problem.rpartition("read ")[2]
    assert "got 3" in problem and (capstone / place).read_text() == "1 failed\n"


def test_a_check_that_does_not_exist_is_refused(finished):
    "As are a contract that is none, and one that is not there."
    path = finished / "data" / "penguins" / "contract.yaml"
    with pytest.raises(CapstoneError, match="--skip: expected one of .*; got 'the test'"):
        list(check_capstone(finished, path, ("the test",)))
    with pytest.raises(ContractError):
        list(check_capstone(finished, path.with_name("nothing.yaml")))
