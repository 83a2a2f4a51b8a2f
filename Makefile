# make demo: set everything up and run the main job on real footage.
# make test: set everything up and pass the tests.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed
MODELS := $(VENV)/.installed-models
TORCH := torch==2.13.0
HOIGEN := $(VENV)/bin/hoigen

.PHONY: setup demo test lint types bench clean
.DEFAULT_GOAL := setup

setup: $(STAMP)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "hoigen needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "python venv is missing: apt-get install python3-venv"; exit 1; }
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

demo: setup
	$(HOIGEN) demo

# The tests of models in this process need PyTorch. TORCH=... takes another build of it.
$(MODELS): $(STAMP)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check '$(TORCH)' -e '.[dev,models]'
	@touch $@

test: setup $(MODELS)
	$(VENV)/bin/python -m pytest

lint: setup
	$(VENV)/bin/ruff check src tests benchmarks
	$(VENV)/bin/ruff format --check src tests benchmarks

types: setup
	$(VENV)/bin/mypy

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
