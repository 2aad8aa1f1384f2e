# Every target works first, alone, on a clean checkout: `make help` lists them.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint bench figures lock clean

BIN := .venv/bin
UV := uv==0.13.9
# One version of each package for every Python from 3.11 on (fewest): the same code computes the same scores everywhere.
COMPILE := .venv-lock/bin/uv pip compile --quiet --universal --fork-strategy fewest --generate-hashes --no-header \
	--python-version 3.11 pyproject.toml --extra dev --extra keyring --extra pdf --extra plots --extra provenance
FIND_PYTHON := for name in python3.13 python3.12 python3.11 python3; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$name; break; }; done

# The interpreter that .venv is made from: the newest that the lock was tried with.
PYTHON ?= $(shell $(FIND_PYTHON))

help:  ## List what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' Makefile

demo: .venv/.installed  ## Make an event with known truth, search it, show the report
	@$(BIN)/houselights demo

test: lint  ## Check the code, then run every test, two at a time
	@$(BIN)/pytest --numprocesses 2 --dist worksteal

lint: .venv/.installed  ## Check style, types and the order of the layers
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: .venv/.benched  ## Measure speed and tracking beside the peers
	@set -e; for script in bench/[a-z]*.py; do echo "== $$script"; $(BIN)/python $$script; done

figures: .venv/.benched  ## Measure what docs/odds.md says, and write it there
	@$(BIN)/python bench/recognisers.py models ideas --docs
	@$(BIN)/python bench/odds.py --docs

lock: .venv-lock/.installed  ## Choose the newest versions again and write their hashes
	@$(COMPILE) --upgrade --output-file requirements.lock
	@$(COMPILE) --upgrade --extra bench --constraint requirements.lock --output-file requirements-bench.lock

clean:  ## Remove what make and the tools made; caches of weights stay
	rm -rf .venv .venv-lock .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist houselights-demo
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +

# A changed lock makes a fresh .venv, so that nothing of the old lock stays behind.
# --no-deps: the lock is complete. --only-binary: nothing is built, so no code runs at install.
PIP_LOCKED := install --quiet --require-hashes --no-deps --only-binary :all:

define new_venv
@python="$(PYTHON)"; test -n "$$python" || { echo "Houselights needs Python 3.11 or newer; none of python3.13, python3.12, python3.11, python3 is." >&2; \
	echo "hint: apt install python3 python3-venv, or name one: make PYTHON=/path/to/python3.12" >&2; exit 1; }; \
$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$python is not Python 3.11 or newer." >&2; exit 1; }; \
$$python -c 'import ensurepip, venv' 2>/dev/null || { echo "$$python has no venv." >&2; \
	echo "hint: apt install python3-venv ($$($$python -c 'import sys; print("python3.%d-venv" % sys.version_info[1])') for this one)" >&2; exit 1; }; \
$$python -m venv --clear $(@D)
endef

.venv/.locked: requirements.lock
	$(new_venv)
	@echo "Installing the locked packages into .venv: about 300 MB to download the first time."
	@$(BIN)/pip $(PIP_LOCKED) -r requirements.lock
	@touch $@

# The package itself, from this tree: built by the hatchling of the lock, without network.
.venv/.installed: .venv/.locked pyproject.toml src/houselights/__init__.py
	@$(BIN)/pip install --quiet --no-build-isolation --no-deps --editable .
	@touch $@

.venv/.benched: .venv/.installed requirements-bench.lock
	@$(BIN)/pip $(PIP_LOCKED) -r requirements-bench.lock
	@touch $@

.venv-lock/.installed: Makefile
	$(new_venv)
	@.venv-lock/bin/pip install --quiet $(UV)
	@touch $@
