"""Time decoding and the bare ONNX Runtime call, in the app's environment; run by run.py.

    python floor.py MODEL.onnx BODY.json MATRIX.npy
"""

import json
import statistics
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime


def time_of(call, times: int = 7) -> float:
    "Median seconds of a call, after two to warm up."
    seconds = []
    for _ in range(times + 2):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[2:])


def main(model: str, body: str, matrix: str) -> None:
    "Print both times in seconds, and the scores, as JSON."
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # as the app has it
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    content, rows = Path(body).read_bytes(), np.load(matrix)
    sorted_rows = rows[np.lexsort(rows.T)]
    name = session.get_inputs()[0].name
    said = {
        "decode": time_of(lambda: msgspec.json.decode(content)),
        "run": time_of(lambda: session.run(None, {name: rows})),
        "run_sorted": time_of(lambda: session.run(None, {name: sorted_rows})),
        "scores": session.run(None, {name: rows})[0][:, -1].tolist(),
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
