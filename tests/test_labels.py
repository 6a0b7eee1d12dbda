"""Labels: which rows are asked for, that a part is drawn, and that a file comes back or not."""

import csv
import io
import itertools
import json
from contextlib import closing

import numpy as np
import pytest
from make_amounts import serve_amounts
from make_artifacts import make_artifact, to_json_rows
from projects import write_amounts
from sklearn.metrics import roc_auc_score

from mlprod.app.log import (
    LabelConflict,
    LogError,
    UnknownPrediction,
    drawn,
    first_id,
    open_log,
    write_lines,
)
from mlprod.app.model import load_artifact, read_pointer
from mlprod.app.rows import check_rows, encode_rows
from mlprod.labels import (
    LabelsError,
    add_labels,
    choose_places,
    choose_rows,
    choose_rule,
    measure_margin,
    neutralize,
    request_labels,
)


def write_log(path, artifact, rows, repeat=1):
    "Log rows as the app does; the ids."
    ids = [f"{first_id(1e9 + place)}-0" for place in range(len(rows) * repeat)]
    keep = [n for n in rows[0] if not artifact.contract["columns"][n].get("personal")]
    matrix, _ = encode_rows(check_rows(rows, artifact.features), artifact.features)
    answers = list(zip(*artifact.decide(artifact.score(matrix)), strict=True)) * repeat
    texts = [json.dumps({name: row[name] for name in keep}) for row in rows] * repeat
    with closing(open_log(path, artifact.project)) as log, log:
        write_lines(log, [
            (id, 1e9, artifact.version, text, *answer)
            for id, text, answer in zip(ids, texts, answers, strict=True)
        ])  # fmt: skip
    return ids


def read_labelled(path, project):
    "Labels by id."
    with closing(open_log(path, project)) as log:
        sql = "select id, label from predictions where label is not null"
        return dict(log.execute(sql).fetchall())


def was_chosen(path, project):
    "Whether the log notes that labels are chosen by a rule."
    with closing(open_log(path, project)) as log:
        return log.execute("select chosen from about").fetchone()[0]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    "The penguins' and the flights' artifacts, their rows as JSON."
    found = {}
    for project in ("penguins", "flights"):
        folder = tmp_path_factory.mktemp(project)
        _, rows = make_artifact(project, folder)
        artifact = load_artifact(folder / read_pointer(folder))
        found[project] = artifact, to_json_rows(rows[:100], artifact.features)
    return found


@pytest.fixture
def logged(made, tmp_path):
    "The penguins' artifact, a log of their rows some times over, and the ids in it."
    artifact, rows = made["penguins"]
    path = tmp_path / "log.sqlite"
    return artifact, path, write_log(path, artifact, rows, repeat=4)


def fill_in(sheet, label, **changes):
    "Fill in a file's labels by a function of the record; and change its lines otherwise."
    records = list(csv.DictReader(io.StringIO(sheet.read_text(encoding="utf-8-sig"))))
    for record in records:
        record |= {"label": label(record)} | changes
    with open(sheet, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, records[0])
        writer.writeheader()
        writer.writerows(records)
    return records


def test_the_rules_choose_what_they_say():
    "Smallest margins; nearest to the threshold; unlike each other; and a draw that has a seed."
    random = np.random.default_rng(1)
    score = random.random(500)
    scores, prepared = np.column_stack([1 - score, score]), random.normal(size=(500, 2))
    margin = choose_places("margin", scores, prepared, 20)
    assert set(margin) == set(np.argsort(np.abs(score - 0.5))[:20])
    cut = choose_places("cut", scores, prepared, 20, threshold=0.9)
    assert set(cut) == set(np.argsort(np.abs(score - 0.9))[:20])
    spread = choose_places("spread", scores, prepared, 20)
    assert len(set(spread)) == 20 and measure_margin(scores[spread]).max() < 0.5
    dense = prepared[margin].std() < prepared[spread].std()
    assert dense, "the spread ones are further apart"
    first, again, other = (choose_places("random", scores, prepared, 20, seed=s) for s in (1, 1, 2))
    assert first.tolist() == again.tolist() != other.tolist()


@pytest.mark.parametrize(
    ("rule", "n_labels", "says"),
    [
        ("cut", 2, "expected a model with a threshold for 'cut'; got none: use spread"),
        ("margin", 1, "expected labels for 'margin'; got an amount: use spread"),
        ("sprad", 2, "got 'sprad' (did you mean 'spread'?)"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule, n_labels, says):
    "With what to use instead."
    with pytest.raises(LabelsError) as error:
        choose_places(rule, np.ones((9, n_labels)), np.ones((9, 1)), 3)
    assert says in str(error.value)


def test_rows_that_are_all_the_same_can_be_spread():
    "Fewer kinds of rows than are wanted are no warning and no error."
    places = choose_places("spread", np.full((80, 2), 0.5), np.zeros((80, 3)), 10)
    assert len(set(places)) == 10


@pytest.mark.parametrize("rule", ["margin", "spread", "random"])
def test_a_drawn_part_is_never_chosen_by_the_score(rule):
    "An id is drawn if and only if it stands there as random: the mark follows from the id."
    ids = np.array([f"{first_id(1e9 + place)}-0" for place in range(3000)])
    score = np.random.default_rng(2).random(3000)
    scores = np.column_stack([1 - score, score])
    chosen = choose_rows(ids, scores, scores, 50, rule, share=0.3)
    for place, why in chosen.itertuples(index=False):
        assert drawn(ids[place]) == (why == "random")
    assert len(chosen) == chosen["place"].nunique() == 50
    assert (chosen["chosen"] == "random").sum() == (50 if rule == "random" else 15)


def test_only_the_drawn_part_tells_how_good_a_model_is():
    "AUC: of chosen rows far from the truth, of the drawn part within three standard errors."
    random = np.random.default_rng(3)
    score = np.clip(random.beta(4, 5, 40_000), 0, 1)
    late = random.random(40_000) < score
    scores = np.column_stack([1 - score, score])
    ids = np.array([f"{first_id(1e9 + place)}-0" for place in range(40_000)])
    chosen = choose_rows(ids, scores, scores, 4000, "margin", share=0.5)
    truth = roc_auc_score(late, score)
    for why, low, high in (("random", 0, 0.04), ("margin", 0.1, 1)):
        places = chosen["place"][chosen["chosen"] == why]
        assert low <= abs(roc_auc_score(late[places], score[places]) - truth) <= high


def test_a_file_goes_out_and_comes_back(logged, tmp_path):
    "Its labels are in the log, and those alone; from then on only drawn ids are a sample."
    artifact, log, _ = logged
    sheet = tmp_path / "sheet.csv"
    table = request_labels(log, artifact, 30, sheet, share=0.2)
    assert choose_rule(artifact) == "spread" and (table["chosen"] == "random").sum() == 6
    assert table["id"].is_monotonic_increasing, "the order says nothing of the score"
    truth = artifact.labels[1]
    records = fill_in(sheet, lambda record: truth if record["id"] != table["id"][0] else "")
    assert was_chosen(log, artifact.project) == 0

    done = add_labels(log, artifact, sheet)

    assert done["labels"] == 29 and done["empty"] == 1
    want = {record["id"]: truth for record in records if record["label"]}
    assert read_labelled(log, artifact.project) == want
    assert was_chosen(log, artifact.project) == 1
    assert add_labels(log, artifact, sheet) == done, "again changes nothing"
    with pytest.raises(LabelsError, match="expected a new file; got one that may be filled in"):
        request_labels(log, artifact, 30, sheet)
    rest = request_labels(log, artifact, 1000, tmp_path / "rest.csv")
    assert not set(rest["id"]) & set(want), "what has a label is not asked for again"


def test_one_mistake_and_nothing_is_written(logged, tmp_path):
    "Every mistake is named with its row; no label of the file reaches the log."
    artifact, log, ids = logged
    sheet = tmp_path / "sheet.csv"
    request_labels(log, artifact, 20, sheet)
    good = sheet.read_bytes()
    fine, turns = artifact.labels[0], itertools.cycle(artifact.labels[:2])
    for says, kind, label, changes in (
        ("label: expected one of", LabelsError, lambda record: "Adelei", {}),
        ("chosen: expected", LabelsError, lambda record: fine, {"chosen": "random"}),
        ("expected one label; got another before", LabelsError,
         lambda record: next(turns), {"id": ids[0]}),
        ("expected one from the log, got none", UnknownPrediction, lambda record: fine,
         {"id": next(f"{n:016x}-0" for n in range(99) if not drawn(f"{n:016x}-0")),
          "chosen": "spread"}),
    ):  # fmt: skip
        sheet.write_bytes(good)
        fill_in(sheet, label, **changes)
        with pytest.raises(kind) as error:
            add_labels(log, artifact, sheet)
        assert says in str(error.value)
        assert read_labelled(log, artifact.project) == {}


def test_a_second_label_that_differs_is_a_conflict(logged, tmp_path):
    "As from /feedback; the other labels of the file are not written either."
    artifact, log, _ = logged
    sheet = tmp_path / "sheet.csv"
    table = request_labels(log, artifact, 10, sheet)
    first = fill_in(sheet, lambda record: artifact.labels[0] * (record["id"] == table["id"][3]))
    add_labels(log, artifact, sheet)
    fill_in(sheet, lambda record: artifact.labels[1])
    with pytest.raises(LabelConflict, match=table["id"][3]):
        add_labels(log, artifact, sheet)
    assert len(read_labelled(log, artifact.project)) == 1 and len(first) == 10


def test_a_spreadsheet_may_use_semicolons(logged, tmp_path):
    "As it does where numbers have a comma; without a mark, too."
    artifact, log, _ = logged
    sheet = tmp_path / "sheet.csv"
    table = request_labels(log, artifact, 5, sheet)
    lines = [f"{id};{artifact.labels[0]};{why}" for id, why in table[["id", "chosen"]].to_numpy()]
    sheet.write_text("\n".join(["id;label;chosen", *lines, ""]), encoding="utf-8")
    assert add_labels(log, artifact, sheet)["labels"] == 5


def test_what_is_no_such_file_is_said(logged, tmp_path):
    "One line: the file, what was expected, what came."
    artifact, log, _ = logged
    sheet = tmp_path / "sheet.csv"
    for content, says in (
        (b"id,label\n", "expected one column 'chosen'; got 0"),
        (b"", "expected one column 'id'; got 0"),
        ("id,label,chosen\nä".encode("latin-1"), "expected UTF-8"),
        (b"id,label,chosen\na,b\n", "row 1: expected 3 values; got 2"),
    ):
        sheet.write_bytes(content)
        with pytest.raises(LabelsError) as error:
            add_labels(log, artifact, sheet)
        assert str(error.value).startswith("sheet.csv: ") and says in str(error.value)
    for n, share, says in ((0, 0.2, "rows: expected 1 to 1,000"), (5, 0.0, "a share above 0")):
        with pytest.raises(LabelsError, match=says):
            request_labels(log, artifact, n, tmp_path / "new.csv", share=share)
    with pytest.raises(LogError, match="expected the app's log; got none there"):
        request_labels(tmp_path / "none.sqlite", artifact, 5, tmp_path / "new.csv")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "\r=1"])
def test_no_program_runs_in_a_spreadsheet(text):
    "Text that begins like a formula gets an apostrophe; numbers and other text stay."
    assert neutralize(text) == f"'{text}"
    assert [neutralize(each) for each in (-1, 2.5, "EWR", "a=b", None)] == [
        -1, 2.5, "EWR", "a=b", None,
    ]  # fmt: skip


def test_amounts_are_numbers(tmp_path):
    "Rows are spread over the log; a decimal comma or 'nan' is refused with its row."
    contract = write_amounts(tmp_path)
    folder, log, sheet = tmp_path / "artifacts", tmp_path / "log.sqlite", tmp_path / "sheet.csv"
    artifact = load_artifact(folder / serve_amounts(contract, folder, threshold=200.0))
    write_log(log, artifact, [artifact.example], repeat=200)
    request_labels(log, artifact, 10, sheet)
    for text in ("1,5", "nan", "inf", "many"):
        fill_in(sheet, lambda record, text=text: text)
        with pytest.raises(LabelsError, match="row 1: label: expected a number, got"):
            add_labels(log, artifact, sheet)
    fill_in(sheet, lambda record: "151.50")
    assert add_labels(log, artifact, sheet)["labels"] == 10
    assert set(read_labelled(log, artifact.project).values()) == {"151.5"}


def test_personal_columns_are_neither_needed_nor_written(tmp_path):
    "The log has none, so the logged score ranks the rows, and clusters use what is left."
    contract = write_amounts(tmp_path)
    folder, log, sheet = tmp_path / "artifacts", tmp_path / "log.sqlite", tmp_path / "sheet.csv"
    path = folder / serve_amounts(contract, folder, threshold=200.0)
    plain = load_artifact(path)
    secret = {"age": plain.contract["columns"]["age"] | {"personal": True}}
    artifact = load_artifact(
        folder / serve_amounts(contract, folder, threshold=1.0, columns=secret)
    )
    write_log(log, artifact, [artifact.example], repeat=100)
    table = request_labels(log, artifact, 10, sheet, rule="cut")
    assert len(table) == 10 and "age" not in table and "bmi" in table


def test_two_labels_with_a_threshold(made, tmp_path):
    "The flights: nearest to the cut; a version without unlabelled rows is named."
    artifact, rows = made["flights"]
    log = tmp_path / "log.sqlite"
    open_log(log, "flights").close()
    with pytest.raises(LabelsError, match=f"got none of version {artifact.version}"):
        request_labels(log, artifact, 5, tmp_path / "a.csv")
    write_log(log, artifact, rows)
    table = request_labels(log, artifact, 10, tmp_path / "a.csv", rule="cut", share=0.1)
    assert choose_rule(artifact) == "random" and set(table["chosen"]) == {"cut", "random"}
    assert 0 < (table["chosen"] == "random").sum() <= 1
