"""Teaches the road from a notebook to production."""

import os
import sys

__version__ = "0.1.0"

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # ONNX Runtime would report to its maker
# nbformat brings jsonschema, which would spend a second on a grammar of addresses that nobody asks.
sys.modules.setdefault("rfc3987_syntax", None)
