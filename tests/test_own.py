"""`mlprod own`: a clone becomes somebody's own, and everything fits together afterwards."""

import configparser
import re
import shutil
from pathlib import Path

import pytest
from make_artifacts import make_artifact

from mlprod.app.model import InService
from mlprod.consistency import CHECKS
from mlprod.contract import read_contract
from mlprod.own import OwnError, find_contract, own_repository, write_front

ROOT = Path(__file__).parent.parent
YEAR = 2026


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    "A copy of what a clone has; its capstone are the penguins."
    root = tmp_path_factory.mktemp("clone") / "repository"
    root.mkdir()
    skip = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "flights-20*.parquet")
    for name in ("nbs", "mlprod", "app", "data", "benchmarks"):
        shutil.copytree(ROOT / name, root / name, ignore=skip)
    for name in ("settings.ini", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"):
        shutil.copy(ROOT / name, root)
    make_artifact("penguins", root / "artifacts" / "penguins")
    return root


@pytest.fixture(scope="module")
def owned(clone):
    "The clone, after `mlprod own cold-birds --without-flights`."
    contract = clone / "data" / "penguins" / "contract.yaml"
    own_repository(clone, "cold-birds", contract, "Ada Lovelace", YEAR, without_flights=True)
    write_front(clone)
    return clone


def refuse(root, name="cold-birds", project="penguins", **more):
    "What is said of a wrong call; nothing is changed."
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    with pytest.raises(OwnError) as caught:
        path = root / "data" / project / "contract.yaml"
        own_repository(root, name, path, "Ada Lovelace", YEAR, **more)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_wrong_calls_are_refused_in_one_line(clone):
    "A name that is none, a project that has not run, the flights without the flights."
    for name in ("My Project", "my_project", "", "-a", "a--b", "É"):
        assert "expected lower-case words, as my-project" in refuse(clone, name)
    said = refuse(clone, project="flights")
    assert "artifacts/flights" in said and "`mlprod run --contract data/flights/" in said
    assert "another project to keep" in refuse(clone, project="flights", without_flights=True)


def test_the_project_is_the_one_that_is_not_the_template_s(tmp_path):
    "None and two are refused, with the way out."
    (tmp_path / "data" / "flights").mkdir(parents=True)
    (tmp_path / "data" / "flights" / "contract.yaml").touch()
    with pytest.raises(OwnError, match="got none: `mlprod new TABLE --target COLUMN`"):
        find_contract(tmp_path)
    for name in ("wine", "beer"):
        (tmp_path / "data" / name).mkdir()
        (path := tmp_path / "data" / name / "contract.yaml").touch()
        if name == "wine":
            assert find_contract(tmp_path) == path
    with pytest.raises(OwnError, match="got beer, wine: name one by --contract"):
        find_contract(tmp_path)


def test_name_holder_and_notice_are_theirs(owned):
    "The template is named where its licence asks for it."
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.read(owned / "settings.ini", encoding="utf-8")
    settings = parser["DEFAULT"]
    assert (settings["name"], settings["author"]) == ("cold-birds", "Ada Lovelace")
    assert settings["contract"] == "data/penguins/contract.yaml"
    notice = (owned / "NOTICE").read_text(encoding="utf-8")
    assert notice.startswith(f"cold-birds\nCopyright {YEAR} Ada Lovelace\n") and "mlprod" in notice
    assert (owned / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_the_readme_begins_with_the_question(owned):
    "Its figures are the report's, its links lead somewhere, and no flight is left."
    contract = read_contract(owned / "data" / "penguins" / "contract.yaml")
    readme = (owned / "README.md").read_text(encoding="utf-8")
    assert readme.index(contract.title) < readme.index(contract.question) < 400
    assert "flight" not in readme and "None" not in readme and "nan" not in readme
    for place in re.findall(r"\]\(([^)#]+)", readme):
        assert place.startswith("http") or (owned / place).exists(), place
    assert not (owned / "data" / "flights").exists()


def test_the_app_is_theirs(owned):
    "It holds one version: theirs; and no lesson takes it for the example's."
    lessons = (owned / "nbs").glob("[0-9]*.ipynb")
    assert not [path for path in lessons if re.search(rb"\.\./app\b", path.read_bytes())]
    ours = InService(owned / "artifacts" / "penguins").artifact().version
    served = InService(owned / "app" / "artifacts").artifact()
    assert (served.version, served.project) == (ours, "penguins")
    assert [path.parent.name for path in (owned / "app").rglob("manifest.json")] == [ours]


@pytest.mark.parametrize("name", CHECKS)
def test_everything_fits_together(owned, name):
    "What `mlprod check` checks."
    assert CHECKS[name](owned) == []
