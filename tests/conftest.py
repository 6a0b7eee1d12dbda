"""What every test shares. Warnings are errors: pyproject.toml says so."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def root() -> Path:
    "The repository's folder."
    return Path(__file__).parent.parent
