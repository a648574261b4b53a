# make demo          the whole pipeline on the built-in recordings
# make quick         the tests that need no TensorFlow, browser, published data, servers or whole runs: a minute
# make test          all tests: eight minutes on two cores
# make install-test  the tests that build an environment, the documentation or a wheel
# make check         ruff, mypy and bandit
# make docs         the documentation site, into build/docs
# make bench         the benchmarks
PYTHON ?= python3
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
# A module's tests stay in one process, for what they share.
PARALLEL := -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# Compiled tests are kept for the next time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo quick test install-test check docs bench web clean

demo: $(VENV)/.run
	$(BIN)/har run watch

# In this folder lie a TensorFlow and a JAX that refuse to be imported.
quick: $(VENV)/.dev
	PYTHONPATH="$(CURDIR)/tests/no_tensorflow$${PYTHONPATH:+:$$PYTHONPATH}" $(BIN)/python -m pytest \
	  $(PARALLEL) -m 'not (tensorflow or browser or processes or dataset or install or slow)'

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(PARALLEL)

install-test: $(VENV)/.dev
	$(BIN)/python -m pytest -m install

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/bandit --quiet --recursive har -ll
	$(BIN)/codespell

# A warning, a dead link and a tutorial that fails are errors. Nothing is fetched.
docs: $(VENV)/.dev
	$(BIN)/python -m sphinx -W --keep-going -n -q -c docs . build/docs
	@echo "build/docs/index.html"

bench: $(VENV)/.dev
	$(BIN)/python -m pytest tests/benchmarks -o addopts="--strict-markers --import-mode=importlib" --benchmark-only

# The phone page's libraries, into an ignored folder; needs Node and npm.
web:
	cd har/phone/web && npm ci --no-audit --no-fund && node vendor.mjs

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "TensorFlow needs Python 3.11, 3.12 or 3.13; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
