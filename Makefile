# What one person needs: `make demo` to see it, `make up` to work with it, `make test` before a change is handed in.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
export PORT ?= 8000
export SECONDS SEED
# Test processes. Each starts services of its own, so there is one where services are named.
WORKERS ?= $(if $(DATABASE_URL)$(REDIS_URL)$(S3_ENDPOINT_URL),1,2)
# Start-up is mostly imports, so their compiled form is kept whatever the shell says.
export PYTHONDONTWRITEBYTECODE :=
# Vite, npm and the rest must not phone home.
export CHECKPOINT_DISABLE := 1
export DO_NOT_TRACK := 1

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo up down status test check check-python check-frontend bench chaos lock

help:
	@echo "make demo    set up, run the demo workflow, serve until Ctrl-C   (PORT=8000)"
	@echo "make up      the same stack in the background; down stops it, status shows it"
	@echo "make test    every check and every test, in a real browser too"
	@echo "make check   format, lint, types, layers, migrations, templates, docs; no services needed"
	@echo "make bench   the benchmarks (ONLY=chain runs one)"
	@echo "make chaos   kills parts of a loaded stack at random, then judges   (SECONDS=60, SEED=)"
	@echo "make lock    pin the dependencies of pyproject.toml anew"

setup:
	@$(PYTHON) deploy/setup.py

setup-dev:
	@$(PYTHON) deploy/setup.py --dev

demo: setup
	@$(BIN)/python -m deploy.stack demo

up: setup
	@$(BIN)/python -m deploy.stack up

# These two must work when the installation is broken, and must not install anything.
down:
	@test -x $(BIN)/python || { echo "The stack does not run: nothing is installed here yet."; exit 0; }; $(BIN)/python -m deploy.stack down

status:
	@test -x $(BIN)/python || { echo "Nothing is installed here yet. Begin with: make demo"; exit 3; }; $(BIN)/python -m deploy.stack status

check: setup-dev check-python check-frontend

# No services: a folder without a stack has no addresses, whatever runs beside it.
OFFLINE := MILLRACE_VAR=var/offline DATABASE_URL= REDIS_URL=

check-python:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy .
	$(BIN)/lint-imports --no-cache
	$(OFFLINE) $(BIN)/python -W ignore::UserWarning manage.py check --fail-level WARNING
	$(OFFLINE) $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	$(BIN)/djlint --quiet --lint templates apps
	$(OFFLINE) $(BIN)/python -m pytest -q -o addopts= tests/test_docs.py

check-frontend:
	@test ! -f package.json || npm run --silent --if-present check
	@test ! -f package.json || npm run --silent --if-present lint

test: check
	@test ! -f package.json || npm run --silent --if-present test
	$(BIN)/python -m pytest $(if $(filter-out 1,$(WORKERS)),-n $(WORKERS)) $(ARGS)

bench: setup-dev
	@$(BIN)/python -m bench $(ONLY)

chaos: setup-dev
	@$(BIN)/python -m chaos

lock:
	uv pip compile $(LOCK) pyproject.toml -o requirements/base.txt
	uv pip compile $(LOCK) --group dev -c requirements/base.txt pyproject.toml -o requirements/dev.txt
	echo uv | uv pip compile $(LOCK) - -o requirements/bootstrap.txt
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-emit-find-links
