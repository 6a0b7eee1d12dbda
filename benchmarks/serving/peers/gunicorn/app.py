"""The textbook's app for gunicorn."""

import os
import pickle
from pathlib import Path

import pandas as pd
from flask import Flask, jsonify, request

app = Flask(__name__)
model = pickle.loads(Path(os.environ["MODEL"]).read_bytes())


@app.post("/predict")
def predict():
    return jsonify(model.predict_proba(pd.DataFrame(request.get_json()))[:, 1].tolist())
