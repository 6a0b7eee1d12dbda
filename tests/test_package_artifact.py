"""An artifact is written once, named after its content, promoted and taken back."""

import dataclasses
import json
import os
import re
import subprocess
import sys

import numpy as np
import onnx
import pytest
from projects import write_few, write_groups, write_series
from ruamel.yaml import YAML

from mlprod.app.model import load_artifact
from mlprod.consistency import find_blanks
from mlprod.contract import read_contract
from mlprod.data import hash_file, read_rows, split_rows
from mlprod.drift import make_reference
from mlprod.frames import encode_frame
from mlprod.gate import judge_model
from mlprod.package import (
    FILES,
    LatencyError,
    ParityError,
    SizeError,
    VersionError,
    check_parity,
    convert_model,
    hash_bytes,
    list_versions,
    name_version,
    plain,
    quoted,
    run_model,
    save_artifact,
    write_card,
)
from mlprod.report import evaluate_model, make_report
from mlprod.train import ESTIMATORS, train_baseline, train_model


def make_parts(root, name):
    "A contract, a model, its report, the hash of the data and the test matrix."
    path = root / f"data/{name}/contract.yaml"
    data = read_contract(path).data
    return make_parts_of(path, path.parent / (data.sample or data.rows))


def make_parts_of(path, rows_file):
    "The same of a contract and a file of rows, wherever they are."
    contract = read_contract(path)
    train_rows, test_rows = split_rows(read_rows(rows_file, contract), contract, seed=1)
    name = "logistic" if contract.target.labels else "ridge"
    model = train_model(name, train_rows, contract, seed=1)
    baseline = train_baseline(train_rows, contract, seed=1)
    report = evaluate_model(model, baseline, test_rows, contract)
    return contract, model, report, hash_file(rows_file), encode_frame(test_rows, model.features)[0]


@pytest.fixture(scope="module", params=["flights", "penguins"])
def parts(request, root):
    return make_parts(root, request.param)


@pytest.fixture(scope="module")
def penguins(root):
    return make_parts(root, "penguins")


def save(parts, folder, **changed):
    contract, model, report, rows_hash, matrix = parts
    known = {
        "contract": contract,
        "model": model,
        "report": report,
        "rows_hash": rows_hash,
        "test_matrix": matrix,
        "reference": {"rows": len(matrix)},
        "verdict": judge_model(report, contract, override="few rows, for tests"),
    }
    return save_artifact(**(known | changed), folder=folder)


def test_an_artifact_is_complete_and_its_hashes_hold(parts, tmp_path):
    "Seven files; the manifest names hash, libraries, data and seed; its name is its content's."
    contract, model, report, rows_hash, _ = parts
    saved = save(parts, tmp_path / "artifacts" / contract.project)

    manifest = json.loads((saved / "manifest.json").read_text())
    assert sorted(file.name for file in saved.iterdir()) == sorted([*FILES, "manifest.json"])
    assert manifest["files"] == {name: hash_bytes((saved / name).read_bytes()) for name in FILES}
    assert manifest["version"] == saved.name == name_version(manifest)
    assert len(saved.name) == 12
    assert (manifest["project"], manifest["rows"], manifest["seed"]) == (
        contract.project,
        rows_hash,
        1,
    )
    assert (manifest["threshold"] is None) == (len(model.labels) > 2)
    assert set(manifest["libraries"]) == {
        "numpy",
        "onnx",
        "onnxruntime",
        "scikit-learn",
        "skl2onnx",
    }
    page = contract.model_dump(mode="json", by_alias=True)
    assert json.loads((saved / "contract.json").read_text()) == page
    assert make_report(json.loads((saved / "report.json").read_text())) == report


def test_an_artifact_holds_no_pickle_no_path_and_no_time(parts, tmp_path):
    "Nothing in it can be executed, and nothing in it is this machine's."
    saved = save(parts, tmp_path)
    for file in saved.iterdir():
        content = file.read_bytes()
        assert not content.startswith(b"\x80") and b"sklearn" not in content
        assert str(tmp_path).encode() not in content and os.getcwd().encode() not in content


def test_the_graph_has_one_input_and_one_output(parts):
    "Rows in, scores out, float32, any number of rows; no metadata that differs."
    _, model, *_ = parts
    written = onnx.load_from_string(convert_model(model))
    domains = [opset.domain for opset in written.opset_import]
    assert domains == sorted(domains), "the converter lists them in the order of a set"
    graph = written.graph
    for tensors, name, width in [
        (graph.input, "rows", len(model.features.names)),
        (graph.output, "scores", len(model.labels)),
    ]:
        assert [tensor.name for tensor in tensors] == [name]
        kind = tensors[0].type.tensor_type
        assert kind.elem_type == onnx.TensorProto.FLOAT
        if name == "rows":
            assert kind.shape.dim[1].dim_value == width


def test_the_same_model_gives_the_same_bytes_in_another_process(penguins, root):
    "Whatever Python's hash seed: the version must not depend on it."
    code = (
        "import sys; sys.path.insert(0, 'tests'); from pathlib import Path\n"
        "from test_package_artifact import *\n"
        "print(hash_bytes(convert_model(make_parts(Path('.'), 'penguins')[1])))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True,
        timeout=120, env=os.environ | {"PYTHONHASHSEED": "3", "PYTHONPATH": str(root)},
    )  # fmt: skip
    assert other.stdout.strip() == hash_bytes(convert_model(penguins[1]))


def test_the_same_content_is_saved_once_and_left_untouched(parts, tmp_path):
    "Not a byte and not a time stamp of the first is changed."
    first = save(parts, tmp_path)
    before = {file.name: file.stat().st_mtime_ns for file in first.iterdir()}

    assert save(parts, tmp_path) == first
    assert {file.name: file.stat().st_mtime_ns for file in first.iterdir()} == before
    assert [each.name for each in tmp_path.iterdir()] == [first.name], "nothing is left aside"


def test_a_version_is_never_overwritten(parts, tmp_path):
    "One that was changed by hand is refused, and stays as it is for somebody to look at."
    saved = save(parts, tmp_path)
    (saved / "card.md").write_text("mine")

    with pytest.raises(VersionError, match=f"version {saved.name}: expected the card.md"):
        save(parts, tmp_path)
    assert (saved / "card.md").read_text() == "mine"
    assert [each.name for each in tmp_path.iterdir()] == [saved.name]


def test_other_data_is_another_version(penguins, tmp_path):
    "The hash of the rows is part of the content."
    versions = {save(penguins, tmp_path, rows_hash=letter * 64).name for letter in "abca"}
    assert len(versions) == 3 and list_versions(tmp_path) == sorted(versions)


def test_a_model_beyond_the_size_of_the_contract_is_refused(penguins, tmp_path):
    "Nothing is written."
    limits = penguins[0].limits.model_copy(update={"size_mb": 0.001})
    contract = penguins[0].model_copy(update={"limits": limits})
    with pytest.raises(
        SizeError, match="limits.size_mb: logistic: expected at most 0.001 MB; got 0.00"
    ):
        save(penguins, tmp_path / "new", contract=contract)
    assert not (tmp_path / "new").exists()


def test_a_model_that_disagrees_is_refused(penguins, tmp_path):
    "A tolerance of nothing at all is not kept by float32."
    parity = penguins[0].limits.parity.model_copy(update={"difference": 0.0})
    limits = penguins[0].limits.model_copy(update={"parity": parity})
    with pytest.raises(ParityError, match="limits.parity: logistic: expected scores within 0"):
        save(penguins, tmp_path / "new", contract=penguins[0].model_copy(update={"limits": limits}))
    assert not (tmp_path / "new").exists()


def test_a_model_that_answers_too_late_is_refused(penguins, tmp_path):
    "Nothing computes in a millionth of a millisecond; the message is one line with the way out."
    limits = penguins[0].limits.model_copy(update={"latency_ms": 0.000001})
    contract = penguins[0].model_copy(update={"limits": limits})
    with pytest.raises(
        LatencyError,
        match=r"limits.latency_ms: logistic: expected a row's answer within 1e-06 ms; got .* ms:",
    ) as refused:
        save(penguins, tmp_path / "new", contract=contract)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "new").exists()


def front_matter(card: str) -> dict:
    _, yaml, _ = card.split("---\n", 2)
    return YAML(typ="safe", pure=True).load(yaml)


def empty_places(page, path="") -> list[str]:
    if isinstance(page, dict):
        return [
            each for key, value in page.items() for each in empty_places(value, f"{path}.{key}")
        ]
    if isinstance(page, list) and page:
        return [
            each
            for number, value in enumerate(page)
            for each in empty_places(value, f"{path}[{number}]")
        ]
    return [path] if page in ("", None, []) else []


def test_the_card_is_filled(parts):
    "Its front matter is YAML without an empty field, and no line of it is half a sentence."
    contract, _, report, rows_hash, _ = parts
    card = write_card(report, contract, rows_hash, judge_model(report, contract))
    head = front_matter(card)

    assert {
        "license",
        "language",
        "library_name",
        "tags",
        "datasets",
        "metrics",
        "model-index",
    } <= set(head)
    assert empty_places(head) == []
    assert head["license"] == contract.data.licence.lower()
    figures = {
        each["type"]: each["value"] for each in head["model-index"][0]["results"][0]["metrics"]
    }
    assert figures["roc_auc"] == report.metrics.auc
    for text in (
        contract.decision.owner,
        contract.life.retrain,
        contract.life.roll_back,
        rows_hash,
    ):
        assert plain(text) in card
    assert all(f"| [{plain(part.column)} {plain(part.value)}](" in card for part in report.slices)
    body = card.split("---\n", 2)[2]
    for word in ("None", "nan", "Undefined", "{{", "{%", "reason=", "|  |", "* *"):
        assert word not in body.replace("| | |", ""), word


EVIL = [
    'x"\nlicense: mine\nevil: "yes', "a: b # c", "---\n...", "{{ 7 * 7 }}", "{% raw %}",
    "<script>alert(1)</script>",
    "| a | b |", "[click](javascript:alert(1))", "`rm -rf`", "\x85\u2028\u2029\ufeff", "\ud800",
    "😀 ü", "!!python/x", "'",
]  # fmt: skip


@pytest.mark.parametrize("text", EVIL, ids=range(len(EVIL)))
def test_nothing_from_the_contract_can_break_out_of_the_card(penguins, text):
    "Whatever a title says, the front matter keeps its keys, and the page its tables and its text."
    contract, _, report, rows_hash, _ = penguins
    decision = contract.decision.model_copy(update={"owner": text, "action": text})
    changed = contract.model_copy(update={"title": text, "question": text, "decision": decision})
    verdict = judge_model(report, contract, override=text)
    card, calm = (write_card(report, each, rows_hash, verdict) for each in (changed, contract))
    head = front_matter(card)

    assert set(head) == set(front_matter(calm))
    kept = text.encode("utf-8", "replace").decode()
    assert head["model-index"][0]["name"] == kept
    assert len(card.splitlines()) == len(calm.splitlines())
    body = card[card.index("\n---\n", 4) :]
    assert "<" not in body and not re.search(r"(?<!\\)\]\((?!\w+\.json#)", body)
    assert "49" not in body.split("## The rows")[0], "nothing in the text is computed"
    card.encode("utf-8")


def test_quoted_text_is_read_as_it_was():
    "Every character below 256, and the odd ones above."
    text = "".join(map(chr, range(256))) + "\u2028\u2029\ufeff\ufffe\uffff😀"
    assert YAML(typ="safe", pure=True).load(f"a: {quoted(text)}") == {"a": text}


def test_a_card_with_a_field_that_nobody_filled_is_an_error(penguins, monkeypatch):
    "StrictUndefined: a misspelt field is not an empty line."
    from jinja2 import UndefinedError

    from mlprod import package

    class Template:
        def joinpath(self, name):
            return self

        def read_text(self, encoding):
            return "{{ contract.titel }}"

    monkeypatch.setattr(package.resources, "files", lambda name: Template())
    with pytest.raises(UndefinedError):
        write_card(penguins[2], penguins[0], "x", judge_model(penguins[2], penguins[0]))


def test_versions_of_many_writers_at_once_are_whole(penguins, tmp_path):
    "Eight threads save the same content: one folder, nothing aside."
    from concurrent.futures import ThreadPoolExecutor

    written = {
        f"file-{number}": np.random.default_rng(number).bytes(100_000) for number in range(5)
    }
    from mlprod.package import write_version

    with ThreadPoolExecutor(8) as pool:
        saved = list(pool.map(lambda _: write_version(tmp_path, "one", written), range(40)))
    assert set(saved) == {tmp_path / "one"}
    assert [each.name for each in tmp_path.iterdir()] == ["one"]
    assert {file.name: file.read_bytes() for file in (tmp_path / "one").iterdir()} == written


@pytest.fixture(scope="module")
def series(tmp_path_factory):
    "The folder of a project whose target is an amount, and its parts."
    path = write_series(tmp_path_factory.mktemp("series"))
    return path.parent, make_parts_of(path, path.parent / "rows.parquet")


def test_amounts_are_packaged_as_labels_are(series, tmp_path):
    "One score a row, in the target's unit, equal to scikit-learn's; the manifest has the interval."
    contract, model, report, _, matrix = series[1]
    artifact = load_artifact(save(series[1], tmp_path, reference=reference_of(series[1])))
    scores = artifact.score(matrix)
    assert scores.shape == (len(matrix), 1) and scores.dtype == "float32"
    assert np.allclose(scores, model.score(matrix), rtol=1e-6, atol=0)
    assert artifact.interval == report.interval > 0
    assert artifact.threshold == contract.decision.threshold


def reference_of(parts):
    "What the app compares live rows with."
    contract, model, _, _, matrix = parts
    return make_reference(
        matrix, model.score(matrix), contract.model_dump(mode="json", by_alias=True)
    )


@pytest.mark.parametrize(
    "name", [name for name in ESTIMATORS if name not in ("logistic", "calibrated")]
)
def test_every_estimator_of_amounts_agrees_with_its_onnx(series, name):
    "The difference is divided by the usual size of the amounts; a row alone scores the same."
    folder, (contract, _, _, _, matrix) = series
    train_rows, _ = split_rows(read_rows(folder / "rows.parquet", contract), contract, seed=1)
    model = train_model(name, train_rows, contract, seed=1)
    written = convert_model(model)
    assert check_parity(model, written, matrix, None, contract).difference < 1e-6
    alone = np.concatenate([run_model(written, row[None]) for row in matrix[:20]])
    assert (alone == run_model(written, matrix[:20])).all()


def test_parity_of_amounts_is_relative_to_their_size(series):
    "A model of other amounts is refused, and so is the same one where amounts are a millionth."
    contract, model, _, _, matrix = series[1]
    written = convert_model(model)
    smaller = dataclasses.replace(model, held_out_labels=model.held_out_labels / 1e6)
    assert check_parity(model, written, matrix, None, contract).difference < 1e-6
    with pytest.raises(ParityError, match="expected scores within 1e-05 of their size"):
        check_parity(smaller, written, matrix, None, contract)


@pytest.mark.parametrize("write", [write_series, write_groups, write_few])
def test_the_card_of_every_kind_of_project_is_filled(write, tmp_path):
    "Amounts, groups, few rows, nothing named: no blank, and better only where it is shown."
    path = write(tmp_path)
    contract, _, report, rows_hash, _ = make_parts_of(path, path.parent / "rows.parquet")
    verdict = judge_model(report, contract, override="so that it serves")
    card = write_card(report, contract, rows_hash, verdict)
    assert find_blanks(card) == [] and empty_places(front_matter(card)) == []
    assert ("so that it serves" in card) != verdict.passed
    for line in [*report.doubts, *report.unexamined, *verdict.failures]:
        assert plain(line) in card, line
    assert (" is better than the baseline's" in card) == any(
        advantage.more_than_noise for advantage in report.advantages
    )
    assert "better by -" not in card and "None" not in card
    unit = contract.target_unit if contract.task == "regression" else None
    assert unit is None or f"± [{report.interval:.4g} {unit}](" in card
