"""How long does a newcomer wait? Clones the repository and times set-up and `make run` apart.

    python benchmarks/first_run.py            # with the package cache that this machine has
    python benchmarks/first_run.py --cold     # once more with an empty one: everything downloaded
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def seconds_of(folder: Path, verb: str, environment: dict) -> float:
    "Run one verb of make.py in the clone, its output on the screen."
    started = time.perf_counter()
    command = [sys.executable, "make.py", verb]
    status = subprocess.run(command, cwd=folder, env=os.environ | environment).returncode
    if status:
        sys.exit(f"first_run: make {verb} ended with status {status} in the clone: no figures")
    return time.perf_counter() - started


def size_of(path: Path) -> int:
    "Bytes of a file, or of all files in a folder; 0 where it is missing."
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cold", action="store_true", help="also set up with an empty cache")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mlprod-first-run-") as temporary:
        clone = Path(temporary) / "mlprod"
        started = time.perf_counter()
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        rows = [("git clone", f"{time.perf_counter() - started:.1f} s")]
        if options.cold:
            empty = {
                "PIP_CACHE_DIR": f"{temporary}/pip-cache",
                "UV_CACHE_DIR": f"{temporary}/uv-cache",
            }
            rows.append(("set-up, empty cache", f"{seconds_of(clone, 'setup', empty):.1f} s"))
            shutil.rmtree(clone / ".venv")
        setup = seconds_of(clone, "setup", {})
        work = seconds_of(clone, "run", {})
        again = seconds_of(clone, "setup", {})
        artifacts = [path.parent for path in clone.glob("artifacts/*/*/manifest.json")]
        rows += [
            ("set-up", f"{setup:.1f} s"),
            ("make run, after set-up", f"{work:.1f} s"),
            ("set-up that is done already", f"{again:.2f} s"),
            ("requirements.lock", f"{size_of(clone / 'requirements.lock') / 1000:,.0f} kB"),
            (".venv", f"{size_of(clone / '.venv') / 1e6:,.0f} MB"),
            ("app/", f"{size_of(clone / 'app') / 1000:,.0f} kB"),
        ]
        for artifact in sorted(artifacts):
            name = artifact.relative_to(clone).as_posix()
            rows.append((name, f"{size_of(artifact) / 1000:,.0f} kB"))
        installer = "uv" if shutil.which("uv") else "pip"
        print(f"\nPython {sys.version.split()[0]}, {installer}, {os.cpu_count()} cores")
        for name, value in rows:
            print(f"  {name:<40} {value:>10}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
