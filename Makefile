# `make demo` and `make test` set up everything they need: a virtual environment in .venv, then run.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP_RUN := $(VENV)/.installed-run
STAMP_DEV := $(VENV)/.installed-dev

.PHONY: help demo test check format lint types layers docs screenshots bench mutants simulate clean

help:
	@echo "make demo    watch sample signals turn into orders, fills and ledger rows"
	@echo "make test    run the tests"
	@echo "make check   format, lint, types, layers, tests"
	@echo "make mutants remove each safeguard in turn, and see the tests notice"
	@echo "make simulate SEEDS=200   the whole system on one thread, a seed a world; a broken promise tells its seed"
	@echo "make docs    build the documents into build/docs"
	@echo "make screenshots  take the documents' pictures of the dashboard anew; needs chromium"
	@echo "make bench   measure, side by side with alpaca-py"

$(STAMP_RUN): setup.cfg setup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Starfill needs Python 3.11 or newer; try: make PYTHON=python3.12 demo")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(STAMP_DEV): $(STAMP_RUN)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(STAMP_RUN)
	$(BIN)/python run.py --demo

test: $(STAMP_DEV)
	$(BIN)/pytest -n 2

format: $(STAMP_DEV)
	$(BIN)/ruff format --check .

lint: $(STAMP_DEV)
	$(BIN)/ruff check .

types: $(STAMP_DEV)
	$(BIN)/mypy
	$(BIN)/mypy run.py actor_tree.py settings.py failpoint.py

layers: $(STAMP_DEV)
	$(BIN)/pytest -q tests/test_layers.py

check: format lint types layers test

SEEDS ?= 200
simulate: $(STAMP_DEV)
	$(BIN)/python -m tests.seeded --seeds $(SEEDS)

docs: $(STAMP_DEV)
	$(BIN)/python -m sphinx -W --keep-going -q docs build/docs
	@echo "build/docs/index.html"

screenshots: $(STAMP_DEV)
	$(BIN)/python -m tests.dashboard.screenshots

bench: $(STAMP_DEV)
	$(BIN)/python -m benchmarks

mutants: $(STAMP_DEV)
	$(BIN)/python -m tests.mutants

clean:
	rm -rf $(VENV) build *.egg-info
