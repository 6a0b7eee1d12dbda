"""An empty Flask view, on the app's own server."""

from flask import Flask


def create_app():
    app = Flask(__name__)

    @app.post("/predict")
    def predict():
        return {}

    return app
