# Every task of this repository; `make` alone lists them. Needs Python 3.11 or newer, and nothing else but PyPI.
# Options of the commands behind a target go into ARGS: make demo ARGS="--help", make test ARGS="-k kannel".

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
# The first Python here that is new enough; say `make install PYTHON=/path/to/python3.12` for another.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $$name && break; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check
# --no-compile: Python compiles what is used, when it is used; that halves the time this takes.
PIP_INSTALL := $(PIP) install --no-compile $(if $(CI),--quiet)
ARGS ?=

# Stamps: what is in the virtual environment is newer than the lock file it came from.
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev

.PHONY: help
help: ## List the targets
	@echo "sms-streams: what happened to every SMS"; echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'

#---- the two commands -------------------------------------------------------------------------------------------

.PHONY: demo
demo: $(INSTALLED) ## Show the main job: embedded broker and database, real traffic, real workers (two minutes)
	@$(BIN)/sms-streams demo $(ARGS)

.PHONY: test
test: $(INSTALLED_DEV) ## Run all tests that need nothing but PyPI (a few minutes)
	$(BIN)/python -m pytest -m "not kafka" $(ARGS)

#---- the rest ---------------------------------------------------------------------------------------------------

.PHONY: install
install: $(INSTALLED) ## Make .venv with the command sms-streams in it
	@echo "$(BIN)/sms-streams is there; try: $(BIN)/sms-streams --help"

.PHONY: test-kafka
test-kafka: $(INSTALLED_DEV) ## Run all tests, on real Apache Kafka too (KAFKA_BOOTSTRAP, else Java 17+ and mvn)
	@test -n "$$KAFKA_BOOTSTRAP" || deploy/kafka/kafka fetch || { \
	  echo "Real Kafka is needed: set KAFKA_BOOTSTRAP to a cluster that tests may use, or install what is missing" >&2; \
	  exit 1; }
	$(BIN)/python -m pytest $(ARGS)

.PHONY: bench
bench: $(INSTALLED_DEV) ## Measure correlate against consuming alone and against a plain Faust join
	$(BIN)/python -m benchmarks.bench $(ARGS)

.PHONY: compile
compile: $(INSTALLED_DEV) ## Compile the hot core into build/compiled (needs a C compiler; faster, not necessary)
	$(BIN)/python deploy/compile/build.py build/compiled

.PHONY: test-compiled
test-compiled: compile ## Run the tests of the core on what `make compile` made
	PYTHONPATH=build/compiled:. $(BIN)/python -P -m pytest --import-mode=importlib $(CORE_TESTS) $(ARGS)
CORE_TESTS = tests/unit/test_compiled.py tests/unit/test_rules.py tests/unit/test_step_laws.py \
	tests/unit/test_oracle.py tests/unit/test_changelog.py tests/unit/test_disk_store.py \
	tests/unit/test_route_health.py tests/unit/test_route_notes.py tests/unit/test_resolver.py \
	tests/contract/test_status_encoder.py

.PHONY: lint
lint: $(INSTALLED_DEV) ## Linter, formatter (checks only), strict types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: format
format: $(INSTALLED_DEV) ## Format the code, mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: check
check: lint test ## What must pass before a commit: lint and test

.PHONY: lock
lock: $(INSTALLED_DEV) ## Lock the dependencies anew (UPGRADE=1: take their newest versions)
	$(BIN)/uv pip compile $(LOCK) --group build -o requirements.lock pyproject.toml
	$(BIN)/uv pip compile $(LOCK) --group build --group dev -c requirements.lock -o requirements-dev.lock pyproject.toml
LOCK = --quiet --universal --python-version 3.11 --generate-hashes --no-header $(if $(UPGRADE),--upgrade)

.PHONY: clean
clean: ## Remove .venv, caches and what was built; data (sms-data/) stays
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

#---- how .venv comes about --------------------------------------------------------------------------------------

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and none was found on PATH" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "making $(VENV) failed: on Debian and Ubuntu, install python3-venv" >&2; exit 1; }

$(INSTALLED): requirements.lock pyproject.toml | $(BIN)/python
	@echo "installing the locked dependencies into $(VENV) (1 GB): a minute or two"
	$(PIP_INSTALL) --require-hashes -r requirements.lock
	$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(INSTALLED_DEV): requirements-dev.lock $(INSTALLED)
	@echo "installing the tools for tests and checks into $(VENV)"
	$(PIP_INSTALL) --require-hashes -r requirements-dev.lock
	@touch $@
