# Everything needs only Python 3.11 or newer, make and a package index.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := .throughline/demo
export PREFECT_HOME ?= $(CURDIR)/.throughline/prefect
export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false

.DEFAULT_GOAL := help
.PHONY: help demo test unit chaos e2e serve check coverage lock benchmark clean

help:  ## Show these targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/installed: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: $(VENV)/installed  ## Run a real job both ways on the simulator and compare (no key, no cost)
	@PATH="$(CURDIR)/$(BIN):$$PATH" DEMO=$(DEMO) bash deployments/demo.sh

test: $(VENV)/installed  ## Run the tests, a process for each core
	$(BIN)/python -m pytest -q -p xdist -n auto --dist loadfile --no-loadscope-reorder

unit: $(VENV)/installed  ## Run the pure tests only: some five seconds
	$(BIN)/python -m pytest -q -p xdist -n auto --dist loadfile tests/unit

chaos: $(VENV)/installed  ## Prove that nothing is lost or paid twice: kills, faults, random chaos (about 10 minutes)
	$(BIN)/python -m pytest -q -p xdist -n auto --dist loadfile -m chaos

e2e: $(VENV)/installed  ## Prove the deployed service: Prefect server, workers, PostgreSQL, Redis, a browser (.ci/packages installs them; 15 to 20 minutes)
	$(BIN)/python -m pytest -q -p xdist -n auto --dist loadfile -m e2e

serve: $(VENV)/installed  ## Run the whole service on this machine until Ctrl-C
	$(BIN)/throughline serve

check: $(VENV)/installed  ## Format, lint, types, imports, migrations, domain coverage
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/storage/test_migrations.py
	$(MAKE) coverage

coverage: $(VENV)/installed  ## Branch coverage of the domain: 100 %
	$(BIN)/coverage run -m pytest -q tests/unit tests/sources tests/checks
	$(BIN)/coverage report

benchmark: $(VENV)/installed  ## Measure the overhead beside the raw SDK
	$(BIN)/python -m benchmarks.overhead

lock:  ## Renew requirements.lock from pyproject.toml (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --group dev --no-header \
	  --no-emit-index-url pyproject.toml -o requirements.lock

clean:  ## Remove what the targets made
	rm -rf $(VENV) .throughline .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage
