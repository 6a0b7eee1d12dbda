"""The past is walked through by the real app, and the same past gives the same result."""

from contextlib import closing
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from test_retrain import make_page, make_rows

from mlprod.app.log import open_log
from mlprod.labelled import STORE
from mlprod.package import to_json
from mlprod.replay import (
    LATE,
    MARK,
    Clock,
    ReplayError,
    list_months,
    look_back,
    replay,
)
from mlprod.service import list_service


def write_past(folder, amount=False, n_later=100):
    "A project whose world turns around after its first file."
    folder.mkdir(parents=True, exist_ok=True)
    make_rows(120, 1, 0, amount, 30).to_parquet(folder / "rows.parquet")
    later = make_rows(n_later, -1, 1, amount, 30)
    later["at"] += pd.Timedelta(days=120)
    later.to_parquet(folder / "later.parquet")
    decay = {"metric": "mae", "above": 0.6} if amount else {"metric": "auc", "below": 0.6}
    page = make_page(amount, life={"window_days": 30, "decay": decay})
    (folder / "contract.yaml").write_bytes(to_json(page))
    return folder / "contract.yaml"


@pytest.mark.parametrize("amount", [False, True])
def test_decay_is_seen_and_mended(tmp_path, amount):
    "When the world turns around, decay cries first, then the gate lets a challenger serve."
    model = ("linear" if amount else "logistic", {})
    result = replay(write_past(tmp_path / "past", amount), tmp_path / "walk", 1.0, model=model)
    events = pd.DataFrame(result["events"])
    first = events.groupby("kind")["day"].min()
    assert "2024-05" < first["decay"] < first["promoted"]
    policies = result["policies"]
    assert policies["monthly, gated"]["against_never"]["2024Q3"][1] > 0  # clearly better than never
    assert policies["monthly, gated"]["promotions"] == (events["kind"] == "promoted").sum()
    history = list_service(tmp_path / "walk" / "artifacts")
    assert len(history) == 1 + policies["monthly, gated"]["promotions"]
    assert history["at"].dt.year.eq(2024).all()  # the clock is that of the past


def test_the_same_seed_gives_the_same_result_after_a_kill_too(tmp_path):
    "A replay that was killed leaves a folder in which the next one begins again."
    path = write_past(tmp_path / "past", n_later=40)
    until = datetime.fromisoformat("2024-06-02T00:00:00+00:00")
    shown = []

    def stop(text):
        shown.append(text)
        if len(shown) == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replay(path, tmp_path / "walk", 0.5, 7, until, model=("logistic", {}), show=stop)
    assert (tmp_path / "walk" / MARK).read_text() == "{}\n"
    results = [
        replay(path, tmp_path / place, 0.5, 7, until, model=("logistic", {}))
        for place in ("walk", "other")
    ]
    assert results[0] == results[1]


def test_labels_come_late_and_are_stored_once(tmp_path):
    "The last days have no label yet; what has one is in the store, each row once."
    path = write_past(tmp_path / "past", n_later=20)
    until = datetime.fromisoformat("2024-05-08T00:00:00+00:00")
    result = replay(path, tmp_path / "walk", 1.0, until=until, model=("logistic", {}))
    folder = tmp_path / "walk" / "artifacts"
    with closing(open_log(folder / "log.sqlite", "toy")) as log:
        sql = "select count(*), count(label) from predictions"
        scored, labelled = log.execute(sql).fetchone()
    assert scored == result["rows"] and labelled == scored - LATE * 30
    ids = pq.read_table(folder / STORE)["id"].to_pylist()
    assert len(ids) == len(set(ids)) > 0


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path):
    "A replay deletes only what a replay has made."
    path = write_past(tmp_path / "past")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all of it")
    with pytest.raises(ReplayError, match="expected an empty folder"):
        replay(path, tmp_path / "mine")
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_rows_without_moments_have_no_past(tmp_path):
    "The message says what is lacking."
    page = make_page(split={"at_random": 0.2})
    (tmp_path / "contract.yaml").write_bytes(to_json(page))
    with pytest.raises(ReplayError, match="split.by: expected a column of moments"):
        replay(tmp_path / "contract.yaml", tmp_path / "walk")


def test_the_clock_only_moves_on():
    "Two requests never have the same moment, so their ids sort as they came."
    clock = Clock(100.0)
    clock.set(50)
    assert clock() == 101
    clock.set(500)
    assert clock() == clock() == 500


def test_months_and_windows_follow_the_calendar():
    "A window of three months before October begins in July; a gap of years holds no months."
    days = np.array(["2013-10-05", "2013-12-31", "2023-01-01"], "datetime64[D]")
    months = list_months(days, np.datetime64("2013-10-01"))
    assert [str(month) for month in months] == ["2013-10-01", "2013-12-01", "2023-01-01"]
    known = np.arange(np.datetime64("2013-01-01"), np.datetime64("2013-10-01"))
    assert known[look_back(known, 3)][0] == np.datetime64("2013-07-01")
    assert look_back(known, 0).all()
