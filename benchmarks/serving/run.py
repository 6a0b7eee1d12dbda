"""Compare the generated app with what one would serve a model with instead.

    python benchmarks/serving/run.py                        # all, 3 rounds, under a quarter hour
    python benchmarks/serving/run.py --peers gunicorn-sync fastapi --rounds 1 --seconds 1
    python benchmarks/serving/run.py --list
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import flights
import measure
import servers
import tables
from servers import HERE, ROOT, Entrant, SetupError

N_BODIES = 100  # different bodies of one row, sent in turn
SHORT = 5  # rows of the request that is polled with
LOG = "predictions.sqlite"
ALIKE = 1e-6  # served scores and the pipeline's


def main() -> int:
    options = read_options()
    try:
        return compare(options)
    except SetupError as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("run.py: stopped", file=sys.stderr)
        return 130


def read_options() -> argparse.Namespace:
    "Read the command line."
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", nargs="*", default=[], metavar="NAME",
                        help="only these peers, with the app")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME",
                        help="only these servers, the app only if named")
    parser.add_argument("--tune", action="store_true",
                        help="compare settings of those peers that have some to choose")
    parser.add_argument("--seconds", type=float, default=5, help="of load at 16 connections")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--app", type=Path, default=ROOT / "app", help="the generated app")
    parser.add_argument("--cache", type=Path, default=ROOT / "artifacts/serving",
                        help="where environments, model and logs are kept")
    parser.add_argument("--output", type=Path, help="folder of RESULTS.md and results.json")
    parser.add_argument("--port", type=int, default=19000, help="the first of 90 that are used")
    parser.add_argument("--python", default="3.11", help="of every environment")
    parser.add_argument("--skip-setup", action="store_true", help="use environments as they are")
    parser.add_argument("--setup-only", action="store_true", help="make the environments, and stop")
    parser.add_argument("--list", action="store_true", help="name the servers, and stop")
    return parser.parse_args()  # fmt: skip


def compare(options: argparse.Namespace) -> int:
    "Set up, measure in rounds, write the tables."
    if options.list:
        for entrant in [*servers.ENTRANTS, *servers.TRIED]:
            print(f"{entrant.name:<22} {entrant.title}")
        return 0
    if options.rounds < 1 or options.seconds < 1:
        raise SetupError("--rounds and --seconds: expected 1 or more")
    entrants = choose(options)
    if not shutil.which("wrk"):
        raise SetupError("wrk is not installed: apt-get install wrk")
    cache, app = options.cache.resolve(), options.app.resolve()
    full = not (options.peers or options.only or options.tune) and options.rounds >= 3
    output = (options.output or (HERE if full else cache)).resolve()
    began, load = time.perf_counter(), os.getloadavg()[0]
    bench = Bench(entrants, cache, app, options)
    if options.setup_only:
        return 0
    say(f"checking {len(entrants)} servers, {options.rounds} rounds to come")
    for entrant in entrants:
        bench.check(entrant)
    for number in range(1, options.rounds + 1):
        for entrant in bench.entrants:
            bench.measure_server(entrant, number)
        bench.measure_floor(number)
    results = bench.results | {
        "machine": describe_machine(), "date": date.today().isoformat(), "load_before": load,
        "seconds": options.seconds, "rounds_asked": options.rounds,
        "minutes": round((time.perf_counter() - began) / 60, 1),
    }  # fmt: skip
    output.mkdir(parents=True, exist_ok=True)
    text = write_results(results, entrants, app)
    (output / "RESULTS.md").write_text(text)
    (output / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    print(text)
    say(f"written to {output}/RESULTS.md and results.json")
    return 1 if results["invalid"] else 0


def choose(options: argparse.Namespace) -> list[Entrant]:
    "The servers that the command line asks for."
    if options.tune:
        folders = {one.folder for one in servers.TRIED}
        return [one for one in servers.ENTRANTS if one.folder in folders] + servers.TRIED
    if options.only:
        return servers.choose(options.only, servers.ENTRANTS + servers.TRIED)
    peers = [one for one in servers.ENTRANTS + servers.TRIED if one.role in ("peer", "batching")]
    if options.peers:
        wanted = servers.choose(options.peers, peers)
        return wanted + [one for one in servers.ENTRANTS if one.role == "app"]
    return servers.ENTRANTS


def say(text: str) -> None:
    "Tell how far it is."
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


class Bench:
    "What a run needs to know: places, rows, what came out so far."

    def __init__(self, entrants: list[Entrant], cache: Path, app: Path, options):
        self.entrants, self.cache, self.app, self.options = list(entrants), cache, app, options
        self.results = {"rounds": [], "floor": [], "invalid": [], "environments": {}}
        self.bodies = cache / "bodies"
        for folder in (self.bodies, cache / "logs"):
            folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(cache / "served", ignore_errors=True)
        for home in dict.fromkeys(["flask", "app", *(one.home for one in entrants)]):
            began = time.perf_counter()
            done = "as it is" if options.skip_setup else servers.make_environment(
                home, cache, app, options.python
            )  # fmt: skip
            if not (cache / "environments" / home / "bin/python").exists():
                raise SetupError(f"environment {home}: not made yet, leave --skip-setup out")
            size = servers.size_of(home, cache)
            self.results["environments"][home] = size
            seconds = time.perf_counter() - began
            say(f"environment {home}: {done}, {size / 1e6:.0f} MB, {seconds:.1f} s")
        say(f"model: {flights.prepare_model(cache)}")
        self.rows, self.scores = flights.read_sample(cache)
        flights.write_matrix(app, self.rows[False], cache / "model/matrix.npy")
        app_first = sorted(entrants, key=lambda one: one.role != "app")
        self.folders = {one.name: servers.place_entrant(one, cache, app) for one in app_first}
        for entrant in entrants:
            rows = self.rows[entrant.form in ("app", "nothing")]
            one = [servers.write_body(entrant.form, [row]) for row in rows[:N_BODIES]]
            (self.bodies / f"{entrant.name}.jsonl").write_bytes(b"\n".join(one) + b"\n")
        (self.bodies / "all.json").write_bytes(servers.write_body("app", self.rows[True]))

    def body(self, entrant: Entrant, n_rows: int) -> bytes:
        "A request for the first rows."
        rows = self.rows[entrant.form in ("app", "nothing")]
        return servers.write_body(entrant.form, rows[:n_rows])

    def is_right(self, entrant: Entrant, answer: bytes, n_rows: int) -> bool:
        "Say whether the scores are the pipeline's own."
        try:
            scores = servers.read_scores(entrant.form, answer)
        except (ValueError, KeyError, TypeError, IndexError):
            return False
        if scores is None:
            return True
        pairs = zip(scores, self.scores, strict=False)
        return len(scores) == n_rows and all(abs(one - other) <= ALIKE for one, other in pairs)

    def start(self, entrant: Entrant) -> measure.Server:
        "Start a server; its port is free and its log of predictions empty."
        place = [one.name for one in servers.ENTRANTS + servers.TRIED].index(entrant.name)
        port = self.options.port + 3 * (place % 30)
        for file in self.cache.glob(f"{LOG}*"):
            file.unlink()
        command, environment = servers.command_of(entrant, self.cache, port)
        log = self.cache / "logs" / f"{entrant.name}.txt"
        folder = self.folders[entrant.name]
        return measure.start_server(command, environment, folder, port, entrant.path, log)

    def check(self, entrant: Entrant) -> None:
        "Does it give the pipeline's own scores, for one row and for all? Leaves byte code behind."
        server = None
        try:
            server = self.start(entrant)
            seconds = self.await_answer(server, entrant)
            for n_rows in (1, len(self.scores)):
                status, answer = measure.ask(server, self.body(entrant, n_rows))
                if status != 200 or not self.is_right(entrant, answer, n_rows):
                    raise measure.Invalid(f"{n_rows} rows: status {status}, {answer[:200]!r}")
            say(f"check {entrant.name}: right, {seconds:.1f} s to the first answer")
        except measure.FAULTS as error:
            self.refuse(entrant, 0, error)
            self.entrants.remove(entrant)  # there is nothing to measure
        finally:
            if server:
                measure.stop_server(server)

    def await_answer(self, server: measure.Server, entrant: Entrant) -> float:
        "Seconds from the process' start to the first right answer."
        body = self.body(entrant, SHORT)
        return measure.await_answer(server, body, lambda said: self.is_right(entrant, said, SHORT))

    def measure_server(self, entrant: Entrant, number: int) -> None:
        "Measure all figures of one server once."
        figures, server, seconds = {}, None, self.options.seconds
        try:
            server = self.start(entrant)
            figures["first_answer"] = self.await_answer(server, entrant)
            bodies = self.bodies / f"{entrant.name}.jsonl"
            warm_up = measure.drive(server, bodies, 16, 1)
            at_16 = measure.drive(server, bodies, 16, seconds)
            figures |= {"per_second_16": at_16["per_second"],
                        "p50_16": at_16["p50"], "p99_16": at_16["p99"]}  # fmt: skip
            at_64 = measure.drive(server, bodies, 64, max(1, seconds * 0.6))
            figures |= {"per_second_64": at_64["per_second"], "p99_64": at_64["p99"]}
            served = sum(one["requests"] for one in (warm_up, at_16, at_64))
            figures |= measure.weigh(server)
            body = self.body(entrant, len(self.scores))
            figures["rows_seconds"], times = measure.time_body(server, body, 7, 3)
            served += times * len(self.scores)
            figures["pss_after_rows"] = measure.weigh(server)["pss"]
        except measure.FAULTS as error:
            self.refuse(entrant, number, error)
        finally:
            if server:
                measure.stop_server(server)
        if "pss_after_rows" in figures and "PREDICTION_LOG" in entrant.environment:
            figures["logged_share"] = measure.count_logged(self.cache / LOG) / served
        figures["environment"] = self.results["environments"][entrant.home]
        if len(self.results["rounds"]) < number:
            self.results["rounds"].append({})
        self.results["rounds"][-1][entrant.name] = figures
        say(f"round {number}, {entrant.name}: {figures.get('per_second_16', 0):,.0f} "
            f"and {figures.get('per_second_64', 0):,.0f} a second")  # fmt: skip

    def refuse(self, entrant: Entrant, number: int, error: Exception) -> None:
        "Keep what made a run invalid."
        text = f"{error or type(error).__name__}".replace(str(ROOT), ".")
        self.results["invalid"].append({"server": entrant.name, "round": number, "what": text})
        say(f"invalid: {entrant.name}: {text}")

    def measure_floor(self, number: int) -> None:
        "Time what no server can do without: decoding, and the bare call of the model."
        if not any(entrant.role == "app" for entrant in self.entrants):
            return
        model = flights.find_artifact(self.app) / "model.onnx"
        done = subprocess.run(
            [self.cache / "environments/app/bin/python", HERE / "floor.py", model,
             self.bodies / "all.json", self.cache / "model/matrix.npy"],
            capture_output=True, text=True, env=servers.clean_environment({}),
        )  # fmt: skip
        if done.returncode:
            raise SetupError(f"floor.py: {done.stderr.strip()[-400:]}")
        said = json.loads(done.stdout)
        scores = said.pop("scores")
        pairs = zip(scores, self.scores, strict=True)
        if not all(abs(one - other) <= ALIKE for one, other in pairs):
            raise SetupError("floor.py: the bare call does not give the pipeline's scores")
        self.results["floor"].append(said)


def describe_machine() -> str:
    "Cores, processor, Python."
    lines = Path("/proc/cpuinfo").read_text().split("\n")
    name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
                platform.machine())  # fmt: skip
    return f"{os.cpu_count()} cores, {name}, Python {platform.python_version()}"


def write_results(results: dict, entrants: list[Entrant], app: Path) -> str:
    "Write both tables, and what one has to know to read them."
    packages = {"flask": "flask", "gunicorn": "gunicorn", "fastapi": "fastapi", "mlflow": "mlflow",
                "bentoml": "bentoml", "litserve": "litserve", "mlserver": "mlserver"}  # fmt: skip
    titles = {
        one.name: f"{one.title}, {servers.read_pin(one.home, packages[one.home], app)}"
        if one.home in packages else one.title
        for one in entrants
    }  # fmt: skip
    medians = tables.take_medians(results["rounds"])
    floor = tables.take_medians([{"floor": one} for one in results["floor"]]).get("floor", {})
    roles = {one.name: one.role for one in entrants}
    workers = {one.name: one.workers for one in entrants}
    targets = tables.list_targets(medians, floor, roles, workers)
    results["medians"], results["targets"], results["floor_medians"] = medians, targets, floor
    pins = ", ".join(f"{name} {servers.read_pin('flask', name, app)}"
                     for name in ("scikit-learn", "pandas", "numpy"))  # fmt: skip
    own = ", ".join(f"{name} {servers.read_pin('app', name, app)}"
                    for name in ("flask", "granian", "onnxruntime", "numpy"))  # fmt: skip
    parts = [
        "# Results\n\nWritten by `python benchmarks/serving/run.py`; README.md says what is fair "
        "about it and what is not.",
        f"{results['date']}, {results['machine']}; load {results['load_before']:.1f} before. "
        f"Medians of {len(results['rounds'])} rounds, {results['seconds']:g} s of load at 16 "
        f"connections; {results['minutes']:g} minutes in all. Peers: {pins}. The app: {own}.",
        tables.write_medians(medians, titles),
    ]
    if targets:
        parts += ["## What should come out", tables.write_targets(targets)]
    if floor:
        parts.append(
            f"10,000 rows, without a server: decoding {floor['decode'] * 1e3:.1f} ms, the bare "
            f"call {floor['run'] * 1e3:.1f} ms ({floor['run_sorted'] * 1e3:.1f} ms with the rows "
            "sorted beforehand, which the app does)."
        )
    share = medians.get("app-logging", {}).get("logged_share")
    if share is not None:
        parts.append(
            # above 1 where wrk hung up before the last answers, which were logged all the same
            f"With the log on, {min(share, 1):.1%} of the rows served were in it when the server "
            "had stopped; /metrics counts the others."
        )
    if invalid := results["invalid"]:
        lines = [f"- {one['server']}, round {one['round']}: {one['what']}" for one in invalid]
        parts += ["## Invalid runs", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.exit(main())
