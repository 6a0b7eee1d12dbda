"""FastAPI; `async def` and a plain answer, which was faster than `def` and a checked one."""

import os
import pickle
from pathlib import Path

import pandas as pd
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

app = FastAPI()
model = pickle.loads(Path(os.environ["MODEL"]).read_bytes())


@app.post("/predict")
async def predict(request: Request):
    rows = pd.DataFrame(await request.json())
    return JSONResponse(model.predict_proba(rows)[:, 1].tolist())
