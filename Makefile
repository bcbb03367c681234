# make help lists the words. Needs git, make and Python 3.11 or newer; everything else goes to .venv.
# Another Python: make demo PYTHON=/path/to/python3.12
.DEFAULT_GOAL := help
SHELL := /bin/sh
export PYTHON
BIN := .venv/bin

# The main job: the two pilots of 2025 at the scale that ends within the demo's three minutes.
DEMO_OUT ?= runs/pilots
DEMO_ARGS ?= pilots --out $(DEMO_OUT)
# What to run and how: make test TESTS=tests/rules TEST_ARGS='-x --pdb'
TESTS ?= tests
TEST_ARGS ?= -q -n auto

.PHONY: help demo test check fix coverage postgres outside proof lock wheel clean setup

help: ## the words of this page
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /make \1|/' | awk -F'|' '{ printf "  %-14s %s\n", $$1, $$2 }'

setup: ## .venv from requirements.lock (every word below does this first)
	@.ci/setup

demo: setup ## the main job: how many repeat tests the two pilots avoid, with a report
	@$(BIN)/lienthong run $(DEMO_ARGS)
	@echo
	@echo "Open $(DEMO_OUT)/report.html in a browser (one file, works offline). Then try:"
	@echo "  $(BIN)/lienthong explain $(DEMO_OUT) --sample 3        single orders, told in both worlds"
	@echo "  $(BIN)/lienthong scenarios                             what else there is to run"
	@echo "  $(BIN)/lienthong run pilots-push --out runs/pilots-push"

test: setup ## the tests: only Python, only loopback, about ten minutes on two cores
	@$(BIN)/python -m pytest $(TEST_ARGS) $(TESTS)

check: setup ## format, lint, types, import rules, lock; says how many failed
	@.ci/check

fix: setup ## format, repair what ruff can repair, write the map of ARCHITECTURE.md
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/python .ci/architecture_map.py

coverage: setup ## every branch of the rulebook is taken by its own tests, or failure
	@$(BIN)/python -m coverage run -m pytest -q tests/rules
	@$(BIN)/python -m coverage report --include='coordinator/rules/*' --fail-under=100

postgres: setup ## the FHIR server's tests again over a PostgreSQL server of their own
	@.ci/postgres

outside: setup ## what needs more than Python: the wheel elsewhere, a browser
	@.ci/outside

proof: setup ## long evidence and benchmarks; never in CI
	@.ci/proof

wheel: setup ## dist/: wheel and source distribution
	@$(BIN)/python -m hatchling build -d dist

lock: ## requirements.lock from pyproject.toml (LOCK_ARGS=--upgrade for newer versions)
	@.ci/lock

clean: ## removes .venv, caches and dist/; runs/ stays
	@rm -rf .venv dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache htmlcov .coverage
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
