# make test    set up .venv and run every check and test
# make demo    run Argos on a real project and show what it saved
# make bench   measure against the targets
# make wheel   build dist/*.whl
# make lock    pin the newest versions of all dependencies, with hashes
# make clean   remove what the targets above made
#
# Another interpreter: make test PYTHON=/path/to/python3.12

ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif

NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	if $$p -c '$(NEW_ENOUGH)' >/dev/null 2>&1; then echo $$p; break; fi; done)
PYTHON := $(or $(PYTHON),python3)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK := $(BIN)/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe --strip-extras \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options --no-header --no-annotate

.PHONY: test lint types tests demo bench wheel lock clean

test: lint types tests

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready
	$(BIN)/mypy

tests: .venv/ready
	$(BIN)/python -m pytest --cov --cov-report=term

demo: .venv/ready
	$(BIN)/python -m demo

bench: .venv/ready
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

wheel: .venv/ready
	$(BIN)/python -m build --wheel --no-isolation --outdir dist

# The second step installs the package itself, so that a change of its commands or dependencies is taken up.
.venv/ready: .venv/locked pyproject.toml
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/locked: requirements/dev.txt
	@$(PYTHON) -c '$(NEW_ENOUGH)' || { \
		echo "Argos needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv --clear .venv
	$(PIP) install --require-hashes --requirement requirements/dev.txt
	@touch $@

lock: .venv/ready
	$(LOCK) --no-build-isolation --extra postgres --output-file requirements/dev.txt pyproject.toml requirements/dev.in
	$(LOCK) --output-file requirements/demo.txt requirements/demo.in

clean:
	rm -rf .venv .demo .cache build dist htmlcov .coverage .coverage.* .hypothesis .import_linter_cache \
		.mypy_cache .pytest_cache .ruff_cache
	find src tests demo benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
