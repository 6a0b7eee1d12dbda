"""The rows that every server is asked about, and the model that every peer serves."""

import hashlib
import json
import subprocess
from pathlib import Path

from servers import HERE, ROOT, SetupError, clean_environment

DATA = ROOT / "data" / "flights"
SENT = ["departs_at", "origin", "carrier", "distance"]  # what the app is sent
READY = ["hour", "weekday", "origin", "carrier", "distance"]  # what the peers are sent
N_ROWS = 10_000


def prepare_model(cache: Path) -> str:
    "Write the rows and train the pipeline, unless that is done; say which."
    import pandas as pd  # here: a mistake on the command line need not wait for it

    folder, train = cache / "model", HERE / "train.py"
    parts = [DATA / "flights-2013.parquet", train, Path(__file__)]
    stamp = hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()
    if (folder / "done.txt").exists() and (folder / "done.txt").read_text() == stamp:
        return "there already"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "done.txt").unlink(missing_ok=True)
    rows = pd.read_parquet(DATA / "flights-2013.parquet")
    rows = rows[rows["arrival_delay"].notna()]
    lived = rows["departs_at"].dt.tz_convert("America/New_York")
    rows = rows.assign(
        hour=lived.dt.hour, weekday=lived.dt.day_of_week,
        late=(rows["arrival_delay"] > 15).astype(int),
    )  # fmt: skip
    first = rows["departs_at"] < pd.Timestamp("2013-07-01T00:00:00-04:00")
    rows[first][[*READY, "late"]].to_csv(folder / "train.csv", index=False)
    sample = rows[~first].sample(N_ROWS, random_state=0)
    (folder / "sample.json").write_text(sample[READY].to_json(orient="records"))
    texts = [moment.isoformat() for moment in lived[sample.index]]
    sent = sample.assign(departs_at=texts)[SENT]
    (folder / "sample-app.json").write_text(sent.to_json(orient="records"))
    python = cache / "environments/flask/bin/python"
    trained = subprocess.run(
        [python, train, folder], capture_output=True, text=True, env=clean_environment({})
    )
    if trained.returncode:
        raise SetupError(f"train.py: {trained.stderr.strip()[-400:]}")
    (folder / "done.txt").write_text(stamp)
    return "trained"


def read_sample(cache: Path) -> tuple[dict[bool, list[dict]], list[float]]:
    "The rows (by whether they are the app's) and the scores that the pipeline gives them."
    read = [json.loads((cache / "model" / name).read_bytes())
            for name in ("sample.json", "sample-app.json", "expected.json")]  # fmt: skip
    return {False: read[0], True: read[1]}, read[2]


def find_artifact(app: Path) -> Path:
    "The artifact that the app has in service."
    version = json.loads((app / "artifacts/in_service.json").read_bytes())["version"]
    return app / "artifacts" / version


def write_matrix(app: Path, rows: list[dict], file: Path) -> None:
    "Write the rows as the artifact's own matrix, for the bare call; made without the app's code."
    import numpy as np

    contract = json.loads((find_artifact(app) / "contract.json").read_bytes())
    matrix = np.empty((len(rows), len(contract["features"])), np.float32)
    for place, feature in enumerate(contract["features"]):
        name = feature.rpartition(".")[2]
        values = contract["columns"].get(feature, {}).get("values")
        codes = {value: code for code, value in enumerate(values or [])}
        matrix[:, place] = [codes.get(row[name], -1) if codes else row[name] for row in rows]
    np.save(file, matrix)
