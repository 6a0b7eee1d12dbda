"""The textbook's app, on Flask's own server."""

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


if __name__ == "__main__":
    import logging

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    app.run(port=int(os.environ["PORT"]), threaded=True)
