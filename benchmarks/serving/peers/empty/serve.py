"""Serve the app.py beside this file on the server and with the settings of the generated app."""

import importlib.util
import os
from pathlib import Path

import granian

HERE = Path(__file__).resolve().parent


def make_server(target: str, **options) -> granian.Granian:
    "Take the settings that serve.py chose; its own app and the look of its log stay behind."
    options = options | {"working_dir": HERE}
    options.pop("log_dictconfig", None)
    return granian.Granian("app:create_app", **options)


if __name__ == "__main__":
    spec = importlib.util.spec_from_file_location("settings", os.environ["SERVE"])
    settings = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(settings)
    settings.Granian = make_server
    import app  # noqa: F401 (before there are workers, as serve.py does)

    settings.serve(int(os.environ["PORT"]), "127.0.0.1", 2)
