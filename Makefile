# Every target sets up what it needs: `make demo` and `make test` work in a fresh clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
# Asked once whether the peer of the CRF can be compiled here.
CRF_STAMP := $(VENV)/crf_asked
# The peer of the benchmarks, apart from what this project needs.
BENCH_VENV := .venv-bench
BENCH_STAMP := $(BENCH_VENV)/installed

# Processes of the tests, which mostly wait for one core each.
WORKERS ?= 2

export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: demo test lint format bench faults clean

# The stamp is written last, so an interrupted installation is done again; a folder
# without pip, left by an interrupted venv, is made anew.
$(STAMP): setup.py pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "deeplab_tf needs Python 3.11 or newer; set PYTHON=python3.11")'
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev]'
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/python -m deeplab_tf.cli.demo --output_dir=runs/demo

# It needs a C++ compiler and an older Python than the newest. Nothing else does.
$(CRF_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[crf]' \
		|| echo 'pydensecrf2 cannot be built here: comparisons with it are skipped.'
	touch $(CRF_STAMP)

test: $(STAMP) $(CRF_STAMP)
	$(BIN)/python -m pytest -m "not gpu and not network" \
		--numprocesses=$(WORKERS) --dist=loadfile --no-loadscope-reorder \
		--durations=15

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# torchvision is installed alone: it would ask for another torch than there is.
$(BENCH_STAMP): benchmarks/constraints.txt
	$(PYTHON) -m venv --clear $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint benchmarks/constraints.txt torch numpy pillow
	$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint benchmarks/constraints.txt --no-deps torchvision
	touch $(BENCH_STAMP)

# An hour on two cores that have nothing else to do.
bench: $(STAMP) $(BENCH_STAMP) $(CRF_STAMP)
	$(BIN)/python -m benchmarks.batch_norm
	$(BIN)/python -m benchmarks.forward
	$(BIN)/python -m benchmarks.training_step
	$(BIN)/python -m benchmarks.input_pipeline
	$(BIN)/python -m benchmarks.operations
	$(BIN)/python -m benchmarks.variants
	$(BIN)/python -m benchmarks.loading
	$(BIN)/python -m benchmarks.dense_crf

# Half an hour on two cores; full disks need root.
faults: $(STAMP)
	$(BIN)/python -m benchmarks.fuzz
	$(BIN)/python -m benchmarks.faults

clean:
	rm -rf $(VENV) $(BENCH_VENV) build dist *.egg-info
