# Holdfast's commands.  A fresh machine needs Python >= 3.11, git and make: `make serve`, `make test`.
# Variables: PYTHON=python3.13 (makes the virtual environment)  VENV=.venv  PORT=8000  T=60  ARGS="-k name"

PYTHON ?= python3
VENV   ?= .venv
PORT   ?= 8000
T      ?= 60
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet install

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help serve test test-optimised test-all-pythons check quick fmt lint types tables rfc docs fuzz bench faults clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

serve: $(VENV)/ready-serve ## serve the demo page on 127.0.0.1 (PORT=8000)
	@$(BIN)/holdfast serve examples.demo:mux --host 127.0.0.1 --port $(PORT)

test: $(VENV)/ready-test ## run every test (ARGS="-k name"); what needs a missing program is skipped, with the reason
	$(BIN)/python -m pytest $(ARGS)

test-optimised: $(VENV)/ready-test ## the wire's tests under python -O: no behaviour may hang on an assert
	$(BIN)/python -O -m pytest -q -W ignore::pytest.PytestConfigWarning tests/wire $(ARGS)

test-all-pythons: ## make test on every Python found that we support, each in its own .venv-VERSION
	@tools/pythons | while read -r v program; do \
	$(MAKE) --no-print-directory test PYTHON=$$program VENV=.venv-$$v </dev/null || exit 1; done

check: CHECK = --check
check: fmt lint types tables rfc test-optimised test ## what CI runs: nothing is changed, everything is checked

quick: lint types ## lint, types, the words and the wire: seconds, for every save
	$(BIN)/python -m pytest -q tests/rules tests/words tests/wire $(ARGS)

fmt: $(VENV)/ready-test ## format the code
	$(BIN)/ruff format $(CHECK)

lint: $(VENV)/ready-test ## ruff
	$(BIN)/ruff check

types: $(VENV)/ready-test ## mypy --strict
	$(BIN)/mypy

tables: $(VENV)/ready-test ## render the tables that live in code into docs/
	$(BIN)/python -m tools.tables $(CHECK)

rfc: $(VENV)/ready-test ## render docs/design/rfc.md: which test holds which sentence of which RFC
	$(BIN)/python -m tools.rfc $(CHECK)

docs: tables rfc ## everything generated in docs/, then every link in it
	$(BIN)/python -m pytest -q tests/rules/test_docs.py

fuzz: $(VENV)/ready-test ## every fuzz target for T seconds (T=60)
	$(BIN)/python -m tools.fuzz $(T)

bench: $(VENV)/ready-bench ## micro and load, beside the peers (ARGS="--help")
	$(BIN)/python -m benchmarks $(ARGS)

faults: $(VENV)/ready-test ## the eight demands of operation: signals, slow peers, no descriptors, idle races (ARGS="--help")
	$(BIN)/python -m faults $(ARGS)

clean: ## remove what make made: environments, caches, builds
	rm -rf .venv .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage dist build benchmarks/.build benchmarks/results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment: made once, renewed when pyproject.toml changes.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Holdfast needs Python 3.11 or later: make PYTHON=python3.12 ...")'
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments: install its venv package" \
	"(Debian, Ubuntu: apt-get install python3-venv), or name another: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "setting up $(VENV), once"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/ready-pip: | $(BIN)/python
	@$(PIP) --upgrade 'pip>=25.1' && touch $@

$(VENV)/ready-serve: pyproject.toml $(VENV)/ready-pip
	@$(PIP) --editable . && touch $@

$(VENV)/ready-test $(VENV)/ready-bench: $(VENV)/ready-%: pyproject.toml $(VENV)/ready-serve
	@$(PIP) --group $* && touch $@
