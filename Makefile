# make up     serve the console on http://127.0.0.1:8000 (PORT=8001 make up for another port); Ctrl-C stops it
# make test   the whole suite; what can't run here is skipped by name
# make quick  the part of the suite that fits beside the editor: no browser, nothing marked slow
# make check  what CI runs: format, lint, types, imports, migrations, docs, templates, tests
# make lock   write requirements/*.txt anew (needs uv)

SHELL := /bin/sh
PY := .venv/bin/python
BIN := .venv/bin
PYTEST_ARGS ?= -n 2 --dist loadfile
export PORT

.PHONY: help setup setup-dev up test quick check check-static lock
.DEFAULT_GOAL := help

help:
	@sed -n 's/^# //p' Makefile

setup:
	@.ci/setup console

setup-dev:
	@.ci/setup dev

up: setup
	@exec $(PY) manage.py up --stop-with-parent

test: setup-dev
	$(PY) -m pytest $(PYTEST_ARGS)

quick: setup-dev
	$(PY) -m pytest $(PYTEST_ARGS) -m "not slow and not e2e"

check: check-static test

check-static: setup-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy audit datasets promotions kfm_console
	$(BIN)/lint-imports
	$(PY) manage.py makemigrations --check --dry-run
	@if $(PY) manage.py help --commands | grep -qx generate_docs; then \
	  echo "$(PY) manage.py generate_docs --check"; $(PY) manage.py generate_docs --check; \
	else echo "No command generate_docs: the generated docs were NOT compared." >&2; exit 1; fi
	$(BIN)/djlint templates --lint

lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  pyproject.toml -o requirements/console.txt
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --group dev -c requirements/console.txt pyproject.toml -o requirements/dev.txt
