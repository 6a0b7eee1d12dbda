"""Save the pipeline as `mlflow models serve` takes it: python save.py MODEL.pkl FOLDER."""

import pickle
import sys
from pathlib import Path

import mlflow.sklearn

pipeline = pickle.loads(Path(sys.argv[1]).read_bytes())
mlflow.sklearn.save_model(
    pipeline,
    sys.argv[2],
    pyfunc_predict_fn="predict_proba",
    serialization_format="pickle",
    pip_requirements=[],
)
