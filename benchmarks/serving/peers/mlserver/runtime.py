"""MLServer, a runtime of our own, with less to do than the one for scikit-learn."""

import os
import pickle
from pathlib import Path

import pandas as pd
from mlserver import MLModel
from mlserver.types import InferenceResponse, ResponseOutput


class Late(MLModel):
    async def load(self):
        self.model = pickle.loads(Path(os.environ["MODEL"]).read_bytes())
        return True

    async def predict(self, payload):
        rows = pd.DataFrame({column.name: column.data.root for column in payload.inputs})
        scores = self.model.predict_proba(rows)[:, 1].tolist()
        shape = [len(scores), 1]
        output = ResponseOutput(name="score", shape=shape, datatype="FP64", data=scores)
        return InferenceResponse(model_name=self.name, outputs=[output])
