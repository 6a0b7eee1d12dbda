"""The contract in other people's words: valid by their own validators, and nothing is lost."""

import json
import os
import runpy
import subprocess
import sys
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
import yaml
from uv import find_uv_bin

from mlprod.contract import Contract, read_contract
from mlprod.data import read_rows
from mlprod.frames import to_json_rows
from mlprod.standards import STANDARDS, StandardError, from_odcs, to_odcs

DATA = Path(__file__).resolve().parent.parent / "data"
PROJECTS = sorted(path.parent.name for path in DATA.glob("*/contract.yaml"))


def write(project, standard):
    "A project's contract, and the text of it in a standard."
    contract = read_contract(DATA / project / "contract.yaml")
    return contract, STANDARDS[standard](contract, DATA / project)


@pytest.mark.parametrize("project", PROJECTS)
def test_odcs_is_valid_by_the_standards_own_schema_and_loses_nothing(project):
    "What is written is read back as the same contract."
    contract, text = write(project, "odcs")
    document = yaml.safe_load(text)
    schema = resources.files("open_data_contract_standard").joinpath("schema.json").read_text()

    jsonschema.validate(document, json.loads(schema))
    assert Contract.model_validate(from_odcs(document)) == contract


VALIDATE = """
import sys, mlcroissant
for path in sys.argv[1:]:
    metadata = mlcroissant.Dataset(path).metadata
    assert not metadata.ctx.issues.errors, metadata.ctx.issues.errors
    print(*[field.name for field in metadata.record_sets[0].fields], sep="\\t")
"""


def test_croissant_is_valid_by_its_own_library_without_an_error(tmp_path):
    "Every column is a field. The validator has to be built, so it has an environment of its own."
    columns, paths = [], []
    for project in PROJECTS:
        contract, text = write(project, "croissant")
        columns.append(list(contract.columns))
        paths.append(tmp_path / f"{project}.json")
        paths[-1].write_text(text)
    uv = [find_uv_bin(), "run", "--quiet", "--no-project", "--isolated", "--python", sys.executable]
    command = [*uv, "--with", "mlcroissant==1.1.1", "python", "-c", VALIDATE, *map(str, paths)]
    index = runpy.run_path(str(DATA.parent / "make.py"))["index_settings"]()  # as pip's is set
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | index, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stderr
    assert [line.split("\t") for line in done.stdout.splitlines()] == columns


@pytest.mark.parametrize("project", PROJECTS)
def test_json_schema_takes_the_rows_that_the_app_takes(project):
    "Rows of the project's own table are valid; without a column or with another type they are not."
    contract, text = write(project, "jsonschema")
    schema = json.loads(text)
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    from mlprod.app.rows import read_features

    features = read_features(contract.model_dump(mode="json", by_alias=True))
    path = DATA / project / (contract.data.sample or contract.data.rows)
    rows = to_json_rows(read_rows(path, contract).head(20), features)

    assert not list(validator(schema).iter_errors(rows))
    name = next(iter(rows[0]))
    for bad in (rows[0] | {name: ["x"]}, {key: rows[0][key] for key in rows[0] if key != name}):
        assert list(validator(schema).iter_errors([bad]))


def test_a_changed_range_in_the_standards_words_wins():
    "Other tools edit what they know; our own extension keeps the rest."
    contract, text = write("flights", "odcs")
    document = yaml.safe_load(text)
    columns = {each["name"]: each for each in document["schema"][0]["properties"]}
    columns["distance"]["logicalTypeOptions"]["maximum"] = 7000
    changed = Contract.model_validate(from_odcs(document))

    assert changed.columns["distance"].range == (10, 7000)
    assert changed.decision == contract.decision


MAP = {"name": "x", "logicalType": "map"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "Other"}, "expected kind: DataContract with a schema"),
        ({"schema": []}, "expected kind: DataContract with a schema"),
        ({"schema": [{"name": "a"}, {"name": "b"}]}, "expected one table; got a, b"),
        ({"schema": [{"name": "a", "properties": [MAP]}]}, "x: logicalType: expected one of"),
    ],
)
def test_a_document_that_cannot_be_a_contract_is_refused_in_one_line(change, words):
    document = to_odcs(read_contract(DATA / "penguins" / "contract.yaml"))
    with pytest.raises(StandardError, match=words):
        from_odcs(document | change)
