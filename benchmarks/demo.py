"""How heavy, how fast and how exact is the demo in the visitor's browser?

    python benchmarks/demo.py     # minutes, with Chromium, and with Firefox where it is

The flights' model is trained on half a year, as `mlprod run` does. Sizes are those of the files,
compressed by gzip as a server would. The other figures come from headless browsers that open the
page from the disk: the time from the page's text to the first answer, scores beside those of ONNX
Runtime (1,000 rows with gaps, unknown categories and both sides of the trees' thresholds; an amount
relative to its size), and a file of 10,000 departures dropped on the page.
"""

import gzip
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from browser import FIREFOX, open_browser  # noqa: E402
from make_demos import ESTIMATORS, Project, compare, make_projects, run, score_file  # noqa: E402

from mlprod.contract import read_contract  # noqa: E402
from mlprod.data import read_rows, split_rows  # noqa: E402
from mlprod.demo import write_demo  # noqa: E402
from mlprod.package import convert_model  # noqa: E402
from mlprod.train import train_model  # noqa: E402

START = """
(({ domInteractive, domContentLoadedEventEnd }) => domContentLoadedEventEnd - domInteractive)(
  performance.getEntriesByType("navigation")[0])
"""
LOAD = """
const bytes = toBytes(demoPage.model), began = performance.now();
onnx.load(bytes);
return performance.now() - began;
"""
FLIGHTS = ROOT / "data" / "flights" / "contract.yaml"


def write_flights(folder: Path) -> tuple[Path, pd.DataFrame]:  # the demo's page, test rows
    "Train the flights' model on half a year, and write its demo."
    contract = read_contract(FLIGHTS)
    rows = read_rows(FLIGHTS.parent / contract.data.rows, contract)
    train_rows, test_rows = split_rows(rows, contract, seed=0)
    model = convert_model(train_model("hist_gradient_boosting", train_rows, contract, seed=0))
    project = Project(FLIGHTS)
    artifact = project.save(folder / "artifacts", model, threshold=0.37)
    return write_demo(artifact, folder / "demo"), test_rows[list(project.features.columns)]


def measure_weight(folder: Path) -> dict[str, int]:  # bytes by file
    "Compress each file of a demo."
    files = sorted(path for path in folder.iterdir() if path.is_file())
    return {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in files}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        page, test_rows = write_flights(folder)
        weights = measure_weight(page.parent)
        for file, size in weights.items():
            print(f"{file:<12} {size / 1000:7.1f} KB gzipped")
        print(f"{'all':<12} {sum(weights.values()) / 1000:7.1f} KB gzipped")
        some = test_rows.sample(10_000, random_state=0).to_csv(index=False).encode()
        browsers = {name: open_browser(name) for name in ("Chromium", *["Firefox"] * bool(FIREFOX))}
        for name, browser in browsers.items():
            starts, loads = [], []
            for _ in range(5):
                browser.open(page.as_uri())
                starts.append(browser.ask(START))
                loads.append(run(browser, LOAD))
            print(f"{name}: first answer after {min(starts):.0f} ms: five scripts loaded, ", end="")
            print(f"the model read in {min(loads):.0f} ms of it")
            answer = score_file(browser, some)
            print(f"a file in {answer['seconds']:.2f} s: {answer['text'].splitlines()[0]}")
        print("\nlargest difference and flips of 1,000:", *browsers)
        projects = make_projects(folder / "projects", 1000)
        for project, estimator in ESTIMATORS:
            model = projects[project].train(estimator)
            found = [compare(each, projects[project], model) for each in browsers.values()]
            shown = "".join(f"{difference:12.1e} {flips:4}" for difference, flips in found)
            print(f"{project:<12} {estimator:<23}{shown}", flush=True)


if __name__ == "__main__":
    began = time.monotonic()
    main()
    print(f"\n{time.monotonic() - began:.0f} s in all")
