# make demo   restore a degraded portrait with the shipped weights
# make train  a first training run of a few minutes on the faces in ../shared/faces
# make test   the whole test suite, and the linters
# make benchmark  all LiteRT files of both models, measured on this machine: docs/benchmarks/
# make lint   ruff, import rules, types
# make notebooks  run the notebooks of examples/, results in runs/notebooks
# make docs   the documentation with its API reference, in site/
# All build their own virtual environment in .venv first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PRECISIONS := float32,float16,int8-dynamic,int8-weights,int8
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo train test benchmark lint notebooks docs clean

demo: $(VENV)/installed
	@$(BIN)/python -m psfr_tf.demo --output demo

train: $(VENV)/installed
	@$(BIN)/psfr train --config configs/quick_start.yaml --output runs/quick_start
	@echo "curves: runs/quick_start/curves.png   faces: runs/quick_start/grids/"

test: $(VENV)/installed-dev $(VENV)/tflite-runtime/installed lint
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# psfrgan-512 has random weights: the published ones are not part of the project, and the speed is
# the same. About an hour, most of it for psfrgan-512; the machine should do nothing else.
benchmark: $(VENV)/installed-dev
	@$(BIN)/psfr export litert --weights psfr-mobile-256 --precision $(PRECISIONS) \
		--output runs/benchmark/psfr-mobile-256
	@$(BIN)/psfr export onnx --weights psfr-mobile-256 --output runs/benchmark/psfr-mobile-256
	@$(BIN)/python tools/random_model.py --preset psfrgan-512 \
		--output runs/benchmark/weights/psfrgan-512
	@$(BIN)/psfr export litert --weights runs/benchmark/weights/psfrgan-512 --allow-degraded --no-gpu \
		--output runs/benchmark/psfrgan-512
	@rm -f docs/benchmarks/results.json
	@$(BIN)/psfr benchmark local --plan configs/bench_local.yaml --output docs/benchmarks

lint: $(VENV)/installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python tools/lint_package.py

notebooks: $(VENV)/installed-dev
	@$(BIN)/python tools/run_notebooks.py --output runs/notebooks

docs: $(VENV)/installed-docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	@echo site/index.html

clean:
	rm -rf $(VENV) demo site

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "Python 3.10 or newer is needed: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Making a virtual environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "Python's venv module is needed (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }

$(VENV)/installed: setup.py pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing psfr_tf and its dependencies (TensorFlow is large; a few minutes) ..."
	@$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/installed-docs: $(VENV)/installed-dev
	@$(PIP_INSTALL) --editable '.[docs]'
	@touch $@

$(VENV)/installed-dev: setup.py pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing psfr_tf with the development dependencies (a few minutes) ..."
	@$(PIP_INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/installed

# The oldest LiteRT runtime that exported files must run in. It has no wheels for Python 3.12 and
# newer; the test that needs it is skipped there.
$(VENV)/tflite-runtime/installed: | $(BIN)/python
	@$(PYTHON) -m venv $(VENV)/tflite-runtime
	@$(VENV)/tflite-runtime/bin/python -m pip install --quiet --disable-pip-version-check \
		tflite-runtime==2.14.0 'numpy<2' || \
		{ echo "tflite-runtime 2.14 does not install here; its test will be skipped"; \
		rm -rf $(VENV)/tflite-runtime; mkdir -p $(VENV)/tflite-runtime; }
	@touch $@
