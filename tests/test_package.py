"""settings.ini is the package's single source, and what is built from it is complete."""

import ast
import configparser
import importlib.metadata
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def settings():
    parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    parser.read(ROOT / "settings.ini", encoding="utf-8")
    return parser["DEFAULT"]


def requirements(text: str) -> list[Requirement]:
    "One requirement a line."
    return [Requirement(line) for line in text.split("\n") if line.strip()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    "The wheel, built from the source distribution, built from a copy of the repository."
    folder = tmp_path_factory.mktemp("package")
    source = folder / "source"
    source.mkdir()
    for name in ("setup.py", "settings.ini", "pyproject.toml", "MANIFEST.in", "LICENSE"):
        shutil.copy(ROOT / name, source)
    if (ROOT / "README.md").exists():
        shutil.copy(ROOT / "README.md", source)
    shutil.copytree(
        ROOT / "mlprod", source / "mlprod", ignore=shutil.ignore_patterns("__pycache__")
    )
    # Names that a search for packages could pick up by mistake.
    for name in ("app", "tests", "nbs", "data"):
        (source / name).mkdir()
        (source / name / "__init__.py").touch()
    result = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", source],
        capture_output=True,
        text=True,
    )

    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    assert len(list((folder / "dist").glob("*.tar.gz"))) == 1
    return next((folder / "dist").glob("*.whl"))


def test_the_wheel_holds_every_module_and_file_and_nothing_else(wheel):
    "Modules, templates and Dockerfile travel; lessons, tests and data stay in the repository."
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "mlprod").rglob("*.py")}
    files = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "mlprod" / "files").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert packed == modules | files


def test_the_command_of_the_wheel_answers(wheel, tmp_path):
    "`mlprod --help` works from the unpacked wheel, away from the repository."
    zipfile.ZipFile(wheel).extractall(tmp_path)
    text = next(tmp_path.glob("*.dist-info/entry_points.txt")).read_text()
    module, function = re.search(r"^mlprod = ([\w.]+):(\w+)$", text, re.MULTILINE).groups()
    program = (
        f"import sys; sys.argv = ['mlprod', '--help']; sys.path.insert(0, {str(tmp_path)!r})\n"
        f"import {module}; print({module}.__file__); sys.exit({module}.{function}())"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True
    )

    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.splitlines()[0]).is_relative_to(tmp_path)
    assert "run" in result.stdout


def test_the_wheel_says_what_settings_ini_says(wheel, settings):
    "Name, version, licence, Python and requirements."
    content = zipfile.ZipFile(wheel)
    name = next(name for name in content.namelist() if name.endswith("/METADATA"))
    metadata = importlib.metadata.PathDistribution(zipfile.Path(wheel, name).parent).metadata

    assert metadata["Name"] == settings["name"]
    assert metadata["Version"] == settings["version"]
    assert metadata["License-Expression"] == settings["license"]
    assert metadata["Requires-Python"] == f">={settings['min_python']}"
    assert metadata["Home-page"] == settings["repository"]
    declared = {Requirement(line) for line in metadata.get_all("Requires-Dist")}
    assert set(requirements(settings["requirements"])) <= declared


def test_the_version_is_one(settings):
    "The number in settings.ini is the one that the library reports."
    text = (ROOT / "mlprod" / "__init__.py").read_text()

    assert re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE).group(1) == settings["version"]


def test_pyproject_holds_tools_alone():
    "A [project] table would be a second source."
    assert set(tomllib.loads((ROOT / "pyproject.toml").read_text())) == {"build-system", "tool"}


LEAVES = ("postgres", "database", "site", "move")


def test_every_import_is_a_declared_requirement(settings):
    "At the top of a module only what `pip install mlprod` brings; inside functions, extras too."
    needed = {canonicalize_name(each.name) for each in requirements(settings["requirements"])}
    kinds = [name for name in settings if name.endswith("_requirements")]
    extra = {canonicalize_name(x.name) for kind in kinds for x in requirements(settings[kind])}
    owners = importlib.metadata.packages_distributions()
    missing = []
    app = {path.stem for path in (ROOT / "mlprod" / "app").glob("*.py")}
    for path in sorted((ROOT / "mlprod").rglob("*.py")):
        # the app's folder is flat where it runs: there modules import each other by name
        own = {"mlprod"} | (app if path.parent.name == "app" else set())
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            else:
                continue
            leaf = path.stem in LEAVES  # imported only where its extra is asked for
            allowed = needed if node in tree.body and not leaf else needed | extra
            for name in {name.split(".")[0] for name in names} - own:
                brought = {canonicalize_name(owner) for owner in owners.get(name, [])}
                if name not in sys.stdlib_module_names and not brought & allowed:
                    missing.append(f"{path.relative_to(ROOT)}: {name}")

    assert not missing, "\n".join(missing)


def test_the_lock_is_whole(settings):
    "Every requirement is pinned within its bounds, every pin has hashes, no address, no path."
    text = (ROOT / "requirements.lock").read_text()
    entries = re.split(r"\n(?=\S)", text.strip())
    pins = {}
    for entry in entries[1:]:
        pin = Requirement(entry.split(" \\\n")[0])
        pins.setdefault(canonicalize_name(pin.name), []).append(next(iter(pin.specifier)).version)
        assert "--hash=sha256:" in entry, entry
    wanted = requirements(settings["requirements"] + "\n" + settings["dev_requirements"])

    assert entries[0].startswith("#")
    assert len(pins) > 100
    assert "://" not in text
    assert "file:" not in text
    for each in wanted:
        versions = pins.get(canonicalize_name(each.name))
        assert versions, f"{each} is not locked: make lock"
        assert all(version in each.specifier for version in versions), f"{each}: {versions}"
