# `make` alone lists what there is. Every target installs by itself what it needs, into .venv, once.
.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := .venv/bin

# Interpreter that .venv is made with, e.g. PYTHON=/usr/bin/python3.12; found by itself when empty.
PYTHON ?=
export PYTHON

# Tools keep caches and settings there, and some build machines give none.
ifeq ($(strip $(HOME)),)
export HOME := $(CURDIR)/.local/home
endif

.PHONY: help install bench matrix matrix-constraints docs screenshots test-browser faults kills quota distributed demo demo-ui test test-quick test-all fuzz lint format constraints build sbom clean distclean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: ## the virtual environment, from pinned and hash-checked packages
	@python=$$(tools/find-python) && "$$python" tools/environment.py install

demo: install ## archive two dozen recordings with real Airflow, CXone simulated, and show what happened
	@$(BIN)/python -m tools.demo

demo-ui: install ## the same, and keep Airflow's UI, the simulator and S3 up until Ctrl-C
	@$(BIN)/python -m tools.demo --keep

test: lint ## everything that must hold: static checks, then all tests but the slow ones
	$(BIN)/pytest -m "not slow"

test-quick: install ## the tests that need neither Airflow nor a server: seconds
	$(BIN)/pytest -m "not (airflow or server or slow or e2e)"

test-all: lint ## everything, the slow tests too
	$(BIN)/pytest

test-browser: install ## the archive console in the machine's own Chromium, before a running Airflow
	$(BIN)/pytest -m browser tests/browser

fuzz: install ## coverage-guided fuzzing; FUZZ="answers --minutes 60" for another target or time
	@$(BIN)/python -m tools.fuzz $(FUZZ)

lint: install ## ruff, formatting, mypy --strict, import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install ## let ruff mend what it can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

constraints: install ## resolve pyproject.toml again into constraints.txt, as of the day in tools/environment.py
	@$(BIN)/python tools/environment.py constraints

matrix: install ## the tests on every supported Airflow and Python; MATRIX="3.1:3.11" for one, MATRIX=--write to keep the table
	@$(BIN)/python tools/matrix.py test $(MATRIX)

matrix-constraints: install ## resolve constraints/airflow-*.txt again, as of the days in tools/matrix.py
	@$(BIN)/python tools/matrix.py constraints

bench: install ## speed and memory against peers, kept in docs/performance.md; BENCH=--quick for a minute's look
	@$(BIN)/python -m benchmarks $(or $(BENCH),--write)
	$(BIN)/python -m benchmarks.console

faults: install ## the fault matrix: everything broken in turn, on several S3 servers, beside other tools
	$(BIN)/python -m tests.faults

# How many seeds every step is killed under.
SEEDS ?= 14

kills: install ## processes killed, stopped, overtaken and raced at every step, in a real Airflow too
	$(BIN)/python -m tests.kills --seeds $(SEEDS)

quota: install ## several processes inside one enforced quota, in scaled time; prints how much of it they used
	$(BIN)/python -m tests.quota

distributed: install ## a day of 10,000 recordings on Celery workers that are killed; needs Debian's PostgreSQL and Redis
	$(BIN)/python -m tests.distributed $(or $(DISTRIBUTED),--write)

screenshots: install ## the pictures in docs/images, taken of the running console
	@$(BIN)/python -m tools.screenshots

docs: install ## the documents as a site, in .local/site; a broken link or a warning fails it
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs --quiet build --strict
	@echo "open .local/site/index.html; for its search: $(BIN)/python -m http.server --directory .local/site"

build: install ## wheel and sdist in dist/, checked as the package index checks them
	rm -rf dist
	$(BIN)/hatchling build
	$(BIN)/twine --no-color check --strict dist/*

sbom: build ## what the wheel stands on, as a CycloneDX document in .local/release
	@$(BIN)/python -m tools.sbom dist/*.whl .local/release

clean: ## remove what runs and tests left behind
	rm -rf .local dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

distclean: clean ## remove the virtual environment as well
	rm -rf .venv
