"""The production line: any project that has a contract goes through the same notebook."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import projects
import pytest
from jupyter_client import launcher
from jupyter_client.provisioning import local_provisioner
from ruamel.yaml import YAML

from mlprod.run import NotebookFailed, export_html, run_notebook

ROOT = Path(__file__).parent.parent
LINE = ROOT / "nbs" / "18_run.ipynb"
PENGUINS = ROOT / "data" / "penguins" / "contract.yaml"
pytestmark = pytest.mark.usefixtures("forked_kernels")


def run_line(contract, folder, **parameters):
    "Run the line as the command line does, into a folder."
    places = {"contract": contract, "artifacts": folder / "artifacts", "app": folder / "app"}
    parameters |= {name: str(place) for name, place in places.items()}
    return run_notebook(LINE, folder / "report.ipynb", parameters)


def read_files(folder):
    "Every file below a folder, wherever it lies, by name; but for those that tell the time."
    timed = ("runs.jsonl", "service.jsonl", "in_service.json")
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().replace(str(folder).encode(), b"")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in timed
    }


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory, forked_kernels):
    "The penguins through the line, twice, from kernels of two processes: no hash seed is shared."
    folders = [tmp_path_factory.mktemp(name) for name in ("one", "two")]
    run_line(PENGUINS, folders[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_provisioner, "launch_kernel", launcher.launch_kernel)
        run_line(PENGUINS, folders[1])
    return folders


def test_two_runs_give_the_same_files(two_runs):
    "Artifact, app and executed copy are the same, byte for byte."
    one, two = (read_files(folder) for folder in two_runs)
    assert {name for name in one if one[name] != two.get(name)} == set()
    assert one.keys() == two.keys()


def test_three_labels_have_no_capacity_and_say_so(two_runs):
    "Figures that make sense for two labels only carry a reason, in report and summary."
    folder = two_runs[0] / "artifacts" / "penguins"
    version = json.loads((folder / "in_service.json").read_text())["version"]
    report = json.loads((folder / version / "report.json").read_text())
    for place in (report["metrics"]["precision_at_capacity"], report["decision"]["threshold"]):
        assert "three labels" in place["reason"]
    assert report["metrics"]["accuracy"] > report["baseline"]["accuracy"]
    summary = (folder / "summary.txt").read_text(encoding="utf-8")
    assert version in summary
    assert "accuracy" in summary
    assert "precision" not in summary


def test_the_app_serves_what_is_in_service(two_runs):
    "The generated app carries the very version that the line has promoted."
    at = [two_runs[0] / "artifacts" / "penguins", two_runs[0] / "app" / "artifacts"]
    versions = [json.loads((each / "in_service.json").read_text())["version"] for each in at]
    assert versions[0] == versions[1]


def test_nothing_in_the_executed_copy_is_about_flights(two_runs):
    "The line knows no project: with other rows its outputs say nothing of the worked example."
    cells = json.loads((two_runs[0] / "report.ipynb").read_text(encoding="utf-8"))["cells"]
    shown = json.dumps([cell["outputs"] for cell in cells if cell["cell_type"] == "code"])
    assert not re.search(r"flight|airport|carrier|crew", shown.lower())


def test_the_page_opens_with_the_verdict_and_ends_with_the_columns(two_runs, tmp_path):
    "Then one picture, then tables; each picture is described, and none of them is empty."
    export_html(two_runs[0] / "report.ipynb", tmp_path / "report.html", "Penguins")
    page = (tmp_path / "report.html").read_text(encoding="utf-8").partition("<main>")[2]

    keys = ("What it is.", "What it is worth.", "Its limits.", "Where it fails.", "The decision.")
    places = [page.index(f"<strong>{key}</strong>") for key in keys]
    assert places == sorted(places)
    assert places[-1] < page.index("<img") < page.index("<table")
    assert re.findall(r"<h2[^>]*>([^<]+)", page)[-1] == "The columns"
    described = re.findall(r'<img[^>]*alt="([^"]*)"', page)
    assert len(described) == page.count("<img") == 2  # three labels: nothing to draw of a capacity
    assert all("?" in alt and " against " in alt for alt in described)


def test_a_broken_limit_stops_the_line(tmp_path):
    "The error names the limit, and nothing goes into service."
    page = YAML(typ="safe", pure=True).load(PENGUINS)
    page["limits"]["floors"]["accuracy"] = 0.9999
    page["data"]["rows"] = str(PENGUINS.with_name("penguins.parquet"))
    contract = tmp_path / "penguins" / "contract.yaml"
    contract.parent.mkdir()
    YAML(typ="safe", pure=True).dump(page, contract)
    said = r"limits\.floors\.accuracy: expected at least 0\.9999"
    with pytest.raises(NotebookFailed, match=said):
        run_line(contract, tmp_path)
    saved = tmp_path / "artifacts" / "penguins"
    assert list(saved.glob("*/manifest.json")), "whoever wants to see why finds the artifact"
    assert not (saved / "in_service.json").exists()
    assert not (tmp_path / "app").exists()


def test_a_mistake_in_the_contract_stops_the_line_at_once(tmp_path):
    "The cell's error is the contract's, in one line with its place."
    page = YAML(typ="safe", pure=True).load(PENGUINS)
    page["features"][0] = "iland"
    contract = tmp_path / "penguins" / "contract.yaml"
    contract.parent.mkdir()
    YAML(typ="safe", pure=True).dump(page, contract)
    with pytest.raises(NotebookFailed, match=r"features\[0\]: expected a column; got 'iland'"):
        run_line(contract, tmp_path)


def test_a_contract_that_names_another_project_stops_the_line_at_once(tmp_path):
    "It was copied: nothing of the project that it names is touched."
    contract = tmp_path / "seals" / "contract.yaml"
    contract.parent.mkdir()
    contract.write_text(PENGUINS.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(NotebookFailed, match="project: expected seals, the name of its folder; go"):
        run_line(contract, tmp_path)
    assert not (tmp_path / "artifacts").exists()


def test_what_is_not_shown_to_be_better_serves_only_with_a_reason(tmp_path):
    "Thirty rows: six test rows are no proof; the reason is recorded where everybody sees it."
    contract = projects.write_few(tmp_path / "data")
    with pytest.raises(NotebookFailed, match="test rows: expected at least 10 .*--override"):
        run_line(contract, tmp_path)
    folder = tmp_path / "artifacts" / "few"
    assert not (folder / "in_service.json").exists()
    run_line(contract, tmp_path, override="a trial run, nobody acts on it")
    pointer = json.loads((folder / "in_service.json").read_text())
    assert pointer["override"] == "a trial run, nobody acts on it"
    assert "a trial run" in (folder / "summary.txt").read_text(encoding="utf-8")
    assert "a trial run" in (folder / pointer["version"] / "card.md").read_text(encoding="utf-8")


def test_a_feature_that_knows_the_answer_stops_the_line(tmp_path):
    "Until the contract says that somebody has looked at it."
    contract = projects.write_numbers(tmp_path)
    rows = pd.read_parquet(contract.with_name("rows.parquet"))
    rows["mean_radius"] = rows["target"] + np.random.default_rng(0).normal(0, 0.01, len(rows))
    rows.to_parquet(contract.with_name("rows.parquet"))
    with pytest.raises(NotebookFailed, match="mean_radius: .*checked"):
        run_line(contract, tmp_path)
    assert not (tmp_path / "artifacts").exists()


def test_a_table_that_is_too_large_is_sampled_and_says_so(tmp_path):
    "How many rows were drawn from how many stands in the page, what it costs in report and card."
    contract = projects.write_amounts(tmp_path / "data")
    page = contract.read_text(encoding="utf-8")
    contract.write_text(page.replace("data: {", "data: {at_most: 300, "), encoding="utf-8")
    n_rows = len(pd.read_parquet(contract.with_name("rows.parquet")))
    run_line(contract, tmp_path, override="few rows prove little")
    folder = tmp_path / "artifacts" / contract.parent.name
    version = json.loads((folder / "in_service.json").read_text())["version"]
    report = json.loads((folder / version / "report.json").read_text(encoding="utf-8"))
    trained, of = re.search(r"trained on ([\d,]+) of ([\d,]+) rows", str(report["doubts"])).groups()
    trained, of = (int(each.replace(",", "")) for each in (trained, of))
    assert trained + report["rows"] == 300 and of == round(trained * n_rows / 300)
    assert report["sampled"] == trained
    assert f"{trained:,} of {of:,} rows" in (folder / version / "card.md").read_text("utf-8")
    shown = (tmp_path / "report.ipynb").read_text(encoding="utf-8")
    assert f"The file has {n_rows:,} rows, and these were drawn from it at random." in shown
