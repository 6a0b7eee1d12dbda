# Thin on purpose: every verb is make.py's, which also works where make is not at home.
#   make run ARGS="--contract data/penguins/contract.yaml"     make test PYTHON=python3.12
# The Python that .venv was made with, until another one is asked for.
PYTHON := $(shell test -x .venv/bin/python && echo .venv/bin/python || echo python3)

.DEFAULT_GOAL := help
.PHONY: help run serve lab lessons site test check setup lock

help:
	@$(PYTHON) make.py

run serve lab lessons site test check setup lock:
	@$(PYTHON) make.py $@ $(ARGS)
