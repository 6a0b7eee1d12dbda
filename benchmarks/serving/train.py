"""Train the pipeline that every peer serves; run in a peer's environment by run.py.

    python train.py FOLDER     # from train.csv and sample.json there: model.pkl, expected.json
"""

import json
import pickle
import sys
from pathlib import Path

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder

FEATURES = ["hour", "weekday", "origin", "carrier", "distance"]


def main(folder: Path) -> None:
    "Fit the pipeline; keep it, and what it says about the sample."
    rows = pd.read_csv(folder / "train.csv")
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    pipeline = make_pipeline(
        ColumnTransformer(
            [
                ("moment", "passthrough", ["hour", "weekday"]),
                ("categories", encoder, ["origin", "carrier"]),
                ("distance", "passthrough", ["distance"]),
            ]
        ),
        # what the flights' line finds best
        HistGradientBoostingClassifier(
            learning_rate=0.05, max_leaf_nodes=31, early_stopping=False, random_state=0
        ),
    )
    pipeline.fit(rows[FEATURES], rows["late"])
    (folder / "model.pkl").write_bytes(pickle.dumps(pipeline))
    sample = pd.DataFrame(json.loads((folder / "sample.json").read_bytes()))
    expected = pipeline.predict_proba(sample[FEATURES])[:, 1].tolist()
    (folder / "expected.json").write_text(json.dumps(expected))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
