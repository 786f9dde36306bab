# Each target makes the environment it needs. Only Python 3.10+, pip, make and git have to be there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
KILLS ?= --trials 1000 --megabytes 20
# uv installs in half a minute what takes pip seven; bytecode is made where it is imported. It does not read pip.conf,
# so where it fails pip tries.
comma := ,
export PYTHONDONTWRITEBYTECODE :=  # a thousand processes that compile what they import take minutes
define install
	@$(BIN)/python -m uv pip install --quiet --python $(BIN)/python $(1) || { \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1" && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check $(1); }
	@touch $@
endef

.PHONY: help demo test coverage test-all trials kills lint bench mutation mutation-trust clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/ -/'

demo: $(VENV)/.demo  ## plan, run, damage and repair a pipeline over 336,776 real flights
	@$(BIN)/python examples/flights/demo.py

test: $(VENV)/.test  ## the test suite
	$(BIN)/python -m pytest -q -n $(WORKERS) -m "not slow"

coverage: $(VENV)/.test  ## the same, and which lines it never runs; costs half as much again
	@rm -f .coverage .coverage.*
	$(BIN)/python -m pytest -q -n $(WORKERS) -m "not slow" --cov --cov-report=term --cov-fail-under=95

test-all: $(VENV)/.test  ## also the long runs
	EXAMPLES=4 $(BIN)/python -m pytest -q -n $(WORKERS)

trials: $(VENV)/.test  ## kill workers and interrupt runs, each 100 times (or TRIALS=n)
	TRIALS=$(or $(TRIALS),100) $(BIN)/python -m pytest -q -m trials

lint: $(VENV)/.lint  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.test  ## measure beside Kedro 1.7, which gets an environment of its own
	$(BIN)/python benchmarks/run.py

kills: $(VENV)/.test  ## kill 1,000 runs and resume them; stop and start at will, KILLS="... --part 1/4" splits
	$(BIN)/python tests/faults/killer.py $(KILLS)

mutation: $(VENV)/.mutation  ## break the planner in every small way and see whether a test notices
	EXAMPLES=0.1 $(BIN)/python -m mutmut run "incremental.planner*"
	$(BIN)/python -m mutmut results

mutation-trust: $(VENV)/.mutation  ## the same for ledger and staging
	EXAMPLES=0.1 $(BIN)/python -m mutmut run "incremental.state*" "incremental.io.files*"
	$(BIN)/python -m mutmut results

clean:  ## remove environments and caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage .coverage.* mutants build dist

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "Python 3.10 or later is needed; pass one with make PYTHON=..." >&2; exit 2; }
	@echo "making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile uv

$(VENV)/.demo: $(BIN)/python pyproject.toml
	@echo "installing incremental and what the flights example needs ..."
	$(call install,--editable ".[flights]")

$(VENV)/.test: $(VENV)/.demo
	$(call install,--editable ".[s3$(comma)dask]" --group test --group kedro)

$(VENV)/.lint: $(VENV)/.demo
	$(call install,--group lint)

$(VENV)/.mutation: $(VENV)/.test
	$(call install,--group mutation)
