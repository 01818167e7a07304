# make run: the first experiment; make test: what must hold; make docs: the documentation as a site;
# make numbers: tables and numbers of its pages; make outputs: what their blocks print, and the gallery;
# each of these makes .venv once and reuses it. In environments of their own: make wheel: sdist and wheel,
# installed and used apart from the tree; make lowest, make newest: the tests with other versions.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2
STAMP := $(VENV)/.installed

.PHONY: run test lint chaos docs numbers outputs bench wheel lowest newest clean

run: $(STAMP)
	$(BIN)/vaega run configs/quickstart.yaml --jobs $(JOBS)

# One thread a worker, which waits for no other; a file's tests go to one, which has its fixtures.
test: export OMP_NUM_THREADS = 1
test: export OPENBLAS_NUM_THREADS = 1
test: $(STAMP) lint
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Random damage to results, signals, texts as configurations, hostile folders; what held is counted in
# results/benchmarks/trust.md: make chaos DAMAGES=1000 SIGNALS=0 TEXTS=0 FOLDERS=0 SEED=7
DAMAGES ?= 1000
SIGNALS ?= 100
TEXTS ?= 2000
FOLDERS ?= 200
SEED ?= 100
chaos: $(STAMP)
	$(BIN)/python -m tests.contracts.chaos --damages $(DAMAGES) --signals $(SIGNALS) --texts $(TEXTS) \
		--folders $(FOLDERS) --seed $(SEED) --table results/benchmarks/trust.md

docs: $(STAMP)
	$(BIN)/sphinx-build -W --keep-going -q -d build/doctrees docs build/docs
	@echo "site  build/docs/index.html"

# Numbers and tables of the pages, from the files of results that they name
numbers: $(STAMP)
	$(BIN)/python docs/write_numbers.py

# What the blocks of the pages print, and pictures of report, figures and terminal; needs Chromium
outputs: $(STAMP)
	$(BIN)/python docs/write_outputs.py
	$(BIN)/python docs/gallery.py

bench: $(STAMP)
	@for script in $(filter-out benchmarks/same_results.py,$(wildcard benchmarks/*.py)); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

# Sdist and wheel, an empty environment, shipped configurations, a report, new samples
wheel:
	PYTHON=$(PYTHON) .ci/wheel

# The tests with other versions: make lowest TESTS='tests/data tests/report'
TESTS ?=
lowest newest:
	PYTHON=$(PYTHON) .ci/environment $@ -n $(JOBS) --dist loadfile --no-loadscope-reorder $(TESTS)

clean:
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "vaega needs Python 3.11 or newer; name one with: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	@echo "installing vaega, its tests and its documentation into $(VENV): about 2 GB, some minutes, once"
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	touch $(STAMP)
