# Everything sets itself up: a machine with Python 3.11 or later, pip and make is enough.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := demo

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow lint types bench reliability docs clean

help: ## Show this list.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "unrolled needs Python 3.11 or later: make PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,docs]'
	touch $@

demo: $(READY) ## See every experiment of the field guide work: open demo/index.html afterwards (minutes).
	$(BIN)/unrolled tour -o $(DEMO)

test: $(READY) ## Run the tests (minutes).
	$(BIN)/python -m pytest

test-slow: $(READY) ## Run the slow tests too (an hour).
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[notebooks]'
	HYPOTHESIS_PROFILE=slow $(BIN)/python -m pytest -m "slow or not slow"

lint: $(READY) ## Check format and style.
	$(BIN)/ruff format --check src tests benchmarks examples reliability
	$(BIN)/ruff check src tests benchmarks examples reliability

types: $(READY) ## Check types.
	$(BIN)/mypy

bench: $(READY) ## Measure against the peers that are installed.
	$(BIN)/unrolled bench --plot docs/speed.png
	$(BIN)/python -m benchmarks.import_time

QUICK ?= --quick
reliability: $(READY) ## Try what can go wrong, and print a table of what holds (minutes; QUICK= for all, hours).
	$(BIN)/python -m reliability $(QUICK)

docs: $(READY) ## Build the documentation into site/.
	$(BIN)/mkdocs build --strict --quiet

clean: ## Remove what was made here.
	rm -rf $(VENV) $(DEMO) site .pytest_cache .mypy_cache .ruff_cache .hypothesis
