"""Build the package from settings.ini, the single source of its metadata and dependencies."""

import configparser
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
with open(HERE / "settings.ini", encoding="utf-8") as file:
    parser.read_file(file)
settings = parser["DEFAULT"]


def lines(name):
    "The lines of a setting that holds one entry per line."
    return [line.strip() for line in settings[name].splitlines() if line.strip()]


readme = HERE / "README.md"

setup(
    name=settings["name"],
    version=settings["version"],
    description=settings["description"],
    long_description=readme.read_text(encoding="utf-8") if readme.exists() else "",
    long_description_content_type="text/markdown",
    keywords=settings["keywords"],
    author=settings["author"],
    license_expression=settings["license"],
    license_files=["LICENSE"],
    url=settings["repository"],
    classifiers=[
        f"Programming Language :: Python :: {version}"
        for version in settings["python_versions"].split()
    ],
    packages=find_packages(include=["mlprod", "mlprod.*"]),
    package_data={"mlprod": ["files/**/*", "files/**/.*"]},
    python_requires=f">={settings['min_python']}",
    install_requires=lines("requirements"),
    extras_require={
        name: lines(f"{name}_requirements") for name in ("dev", "nbgrader", "scale", "site", "sql")
    },
    entry_points={
        "console_scripts": lines("console_scripts"),
        "jupyter_serverproxy_servers": lines("jupyter_servers"),
    },
    zip_safe=False,
)
