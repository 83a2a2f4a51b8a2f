# make demo: set everything up and run the main job on real footage.
# make review: look at the demo's clips as a reviewer does, in a browser; also at those that the demo drops by hoi_lite.
# make story: from videos to a comparison of models, every step, with one page that leads to all of it (docs/story.md).
# make test: set everything up and pass the tests, but for those whose worth is in their length.
# make test-slow: pass those, and install every extra.
# make smoke: build the wheel and run doctor and demo from it on the newest Python at hand (SMOKE_PYTHON=... takes another).
# make extras: resolve each optional extra alone and all together, without torchvision; install the light ones.
# make check-debian: follow the README on a minimal Debian (DEBIAN=trixie takes another release); needs root, debootstrap.
# make mutants: break 200 lines of the core, one at a time, and see whether a test fails (MUTANTS='--seed 7 --count 50').
# make parity: ask VBench 0.1.5 itself again, in an environment of its own, and pass the tests against what it says.
# make readers: read exports back by the loaders that they are for, in an environment of its own.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed
MODELS := $(VENV)/.installed-models
TORCH := torch==2.13.0
# What setup installs; where PyTorch will be needed it is quicker at once: EXTRAS=dev,models,train.
EXTRAS := dev
FIRST = $(if $(findstring models,$(EXTRAS)),'$(TORCH)')
HOIGEN := $(VENV)/bin/hoigen
VBENCH := .venv-vbench
READERS := .venv-readers
REVIEW := runs/demo-review
PARITY := build/parity

.PHONY: setup demo review story test test-slow audit smoke extras check-debian parity readers mutants lint types bench clean
.DEFAULT_GOAL := setup

setup: $(STAMP)

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "hoigen needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "python venv is missing: apt-get install python3-venv"; exit 1; }
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check $(FIRST) -e '.[$(EXTRAS)]'
	@touch $@

demo: setup
	$(HOIGEN) demo

review: setup
	@test -e runs/demo/run.yaml || $(HOIGEN) demo
	@test -e $(REVIEW)/captions || { echo "A run of the same clips that keeps most of them, for people to decide:"; \
		$(HOIGEN) curate runs/demo/run.yaml --run $(REVIEW) --quiet --set keep.hoi_lite.min=0.1 && $(HOIGEN) caption $(REVIEW) --quiet; }
	$(HOIGEN) review $(REVIEW)

story: setup $(MODELS)
	$(VENV)/bin/python benchmarks/story.py $(STORY)

# The tests of models in this process need PyTorch. TORCH=... takes another build of it.
$(MODELS): $(STAMP)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check '$(TORCH)' -e '.[dev,models,train]'
	@touch $@

# They start hundreds of Pythons, all of which would compile hoigen anew where bytecode is not kept.
test test-slow: export PYTHONDONTWRITEBYTECODE =

test: setup $(MODELS)
	$(VENV)/bin/python -m pytest -m 'not slow' -n auto --maxprocesses 4 --dist loadfile --durations 25 --durations-min 5

test-slow: setup $(MODELS)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[ray]' 'wandb>=0.19,<1' \
		'moto[server]>=5.2,<6' 's3fs>=2025.3'
	$(VENV)/bin/python -m pytest -m slow
	PYTHON='$(PYTHON)' TORCH='$(TORCH)' tests/install/extras.sh --heavy

mutants: export PYTHONDONTWRITEBYTECODE =

mutants: setup $(MODELS)
	nice -n 10 $(VENV)/bin/python benchmarks/mutants.py $(MUTANTS)

smoke:
	SMOKE_PYTHON='$(SMOKE_PYTHON)' tests/install/smoke.sh

extras:
	PYTHON='$(PYTHON)' TORCH='$(TORCH)' tests/install/extras.sh

audit: setup
	VENV='$(VENV)' PYTHON='$(PYTHON)' tests/install/audit.sh

check-debian:
	DEBIAN='$(DEBIAN)' TESTS='$(TESTS)' tests/install/debian.sh

# PyPI's torchvision asks for another torch than the one for CPUs; OpenCV without a window system takes the other's place.
$(VBENCH)/.installed: tests/vbench/requirements.txt
	@test -x $(VBENCH)/bin/python || $(PYTHON) -m venv $(VBENCH) || { rm -rf $(VBENCH); exit 1; }
	$(VBENCH)/bin/python -m pip install --quiet --disable-pip-version-check '$(TORCH)' -r tests/vbench/requirements.txt
	$(VBENCH)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps torchvision==0.28.0 opencv-python-headless==4.11.0.86
	@touch $@

# DINO=... is a copy of github.com/facebookresearch/dino; without it the port that VBench's transformers has stands in.
parity: setup $(MODELS) $(VBENCH)/.installed
	@test -z '$(DINO)' -o -f '$(DINO)/vision_transformer.py' || { echo "DINO=$(DINO): no vision_transformer.py there; it is a copy of github.com/facebookresearch/dino"; exit 1; }
	rm -rf $(PARITY)
	$(VBENCH)/bin/python -W ignore tests/vbench/reference.py $(PARITY) $(DINO)
	HOIGEN_VBENCH_NUMBERS=$(abspath $(PARITY))/numbers.json $(VENV)/bin/python -m pytest -q tests/vbench tests/measures/test_vbench_*.py

$(READERS)/.installed: tests/dataset/requirements.txt pyproject.toml
	@test -x $(READERS)/bin/python || $(PYTHON) -m venv $(READERS) || { rm -rf $(READERS); exit 1; }
	$(READERS)/bin/python -m pip install --quiet --disable-pip-version-check '$(TORCH)' -e '.[dev,models,lance]' -r tests/dataset/requirements.txt
	$(READERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps lerobot==0.4.4 draccus torchvision==0.28.0
	@touch $@

readers: $(READERS)/.installed
	$(READERS)/bin/python -m pytest -q tests/dataset

lint: setup
	$(VENV)/bin/ruff check src tests benchmarks
	$(VENV)/bin/ruff format --check src tests benchmarks

types: setup
	$(VENV)/bin/mypy

clean:
	rm -rf $(VENV) $(VBENCH) $(READERS) build dist .pytest_cache .mypy_cache .ruff_cache
