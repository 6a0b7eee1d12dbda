"""BentoML; with BATCH, that many rows at most are predicted together, none waits past WAIT ms."""

import os
import pickle
from pathlib import Path

import bentoml
import pandas as pd

options = {}
if "BATCH" in os.environ:
    size, wait = int(os.environ["BATCH"]), int(os.environ["WAIT"])
    options = {"batchable": True, "max_batch_size": size, "max_latency_ms": wait}


@bentoml.service(workers=2, traffic={"timeout": 60}, logging={"access": {"enabled": False}})
class Late:
    def __init__(self):
        self.model = pickle.loads(Path(os.environ["MODEL"]).read_bytes())

    @bentoml.api(**options)
    def predict(self, rows: list[dict]) -> list[float]:
        return self.model.predict_proba(pd.DataFrame(rows))[:, 1].tolist()
