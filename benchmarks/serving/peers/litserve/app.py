"""LitServe; BATCH requests at most are predicted together, the first of them waits WAIT seconds."""

import os
import pickle
from pathlib import Path

import litserve
import pandas as pd


class Late(litserve.LitAPI):
    def setup(self, device):
        self.model = pickle.loads(Path(os.environ["MODEL"]).read_bytes())

    def decode_request(self, request):
        return request["rows"]

    def predict(self, rows):
        return self.model.predict_proba(pd.DataFrame(rows))[:, 1].tolist()

    def encode_response(self, scores):
        return {"scores": scores}


class LateTogether(Late):
    def predict(self, requests):
        scores = iter(super().predict([row for rows in requests for row in rows]))
        return [[next(scores) for _ in rows] for rows in requests]


if __name__ == "__main__":
    if batch := int(os.environ.get("BATCH", 0)):
        late = LateTogether(max_batch_size=batch, batch_timeout=float(os.environ["WAIT"]))
    else:
        late = Late()
    server = litserve.LitServer(late, accelerator="cpu", workers_per_device=2, timeout=60)
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        num_api_servers=2,
        generate_client_file=False,
        log_level="error",
        access_log=False,
    )
