# Needs only make and a Python that can make virtual environments.
# Everything else comes from the lock files, into .venv.

SHELL := /bin/sh
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin

# PYTHON=/path/to/python overrides the choice; the newest that the lock files were made for wins.
PYTHONS := $(PYTHON) python3.13 python3.12 python3.11 python3.14 python3

# The embedded database of `make serve`; a setting of the caller's wins.
INVENTORY_DATA_DIR ?= $(CURDIR)/.data

.PHONY: help
help: ## Show what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

.PHONY: serve
serve: $(VENV)/.runtime ## Serve; without INVENTORY_DATABASE_URL on an embedded PostgreSQL. Flags: ARGS='--listen …'
	@INVENTORY_DATA_DIR='$(INVENTORY_DATA_DIR)' exec $(BIN)/inventory-grpc serve --demo $(ARGS)

.PHONY: test
test: $(VENV)/.dev ## Run all tests, in three processes. Flags for pytest: ARGS='-k …'
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile $(ARGS)

.PHONY: bench
bench: $(VENV)/.dev ## Measure
	$(BIN)/python -m tests.benchmarks $(ARGS)

.PHONY: proto
proto: $(VENV)/.dev ## Generate all that is made of the protos: Python code, descriptor set, reference
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/buf generate
	@$(MAKE) --no-print-directory reference

# What `grpcurl -protoset` needs when a server hides its schema; the package carries it.
DESCRIPTORS := inventory_grpc/v1/inventory.protoset

.PHONY: descriptors
descriptors: $(VENV)/.dev ## Write the descriptor set of the API and of its errors
	$(BIN)/python protos/descriptors.py $(DESCRIPTORS)

.PHONY: reference
reference: descriptors ## Write docs/api.md
	$(BIN)/python protos/reference.py $(DESCRIPTORS) docs/api.md

.PHONY: check
check: lint ## Everything CI checks besides the tests
	$(BIN)/mypy
	$(BIN)/buf lint

.PHONY: lint
lint: $(VENV)/.dev ## Rules and formatting
	$(BIN)/ruff check
	$(BIN)/ruff format --check

.PHONY: fix
fix: $(VENV)/.dev ## Mend what the linter and the formatter can mend
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Written for every platform and Python the project supports, not for this one; hashes pin the
# files, so no registry is named. UV_* and pip settings of the machine stay out.
LOCK := env -u UV_INDEX -u UV_INDEX_URL -u UV_DEFAULT_INDEX -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS \
	$(BIN)/uv pip compile pyproject.toml --no-config --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
	--extra server --extra embedded --extra otel --group build --group serve

.PHONY: lock
lock: $(VENV)/.dev ## Write the lock files again; UPGRADE=1 takes newer versions
	$(LOCK) $(if $(UPGRADE),--upgrade) --output-file requirements.lock
	$(LOCK) $(if $(UPGRADE),--upgrade) --group dev --constraint requirements.lock \
		--output-file requirements-dev.lock

.PHONY: audit
audit: $(VENV)/.dev ## Look for known vulnerabilities of what is locked; asks the package index
	@$(BIN)/pip-audit --strict --require-hashes --disable-pip --progress-spinner off \
		--requirement requirements.lock --requirement requirements-dev.lock $(ARGS) || { \
		echo 'a vulnerability is known, or not everything could be looked up: above it says which.' \
			'This needs an index that knows vulnerabilities, as PyPI itself does and mirrors' \
			"often do not; ARGS='--vulnerability-service osv' asks OSV instead" >&2; \
		exit 1; \
	}

.PHONY: sbom
sbom: $(VENV)/.dev ## Write build/sbom.json: what a server is made of, as CycloneDX
	@mkdir -p build
	@$(BIN)/python -W ignore::UserWarning -m cyclonedx_py requirements requirements.lock \
		--pyproject pyproject.toml --output-reproducible --output-file build/sbom.json

PIP_INSTALL := $(BIN)/python -m pip --disable-pip-version-check install --quiet

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/.made
	@echo 'installing from $<' >&2
	@$(PIP_INSTALL) --require-hashes --requirement $<
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	@echo 'installing from $<' >&2
	@$(PIP_INSTALL) --require-hashes --requirement $<
	@touch $@

$(VENV)/.made:
	@for python in $(PYTHONS); do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		"$$python" -c 'import ensurepip, venv' 2>/dev/null || { lacking="$$python"; continue; }; \
		echo "making $(VENV) with $$python" >&2; \
		"$$python" -m venv $(VENV) && touch $@; \
		exit; \
	done; \
	if [ -n "$$lacking" ]; then \
		echo "$$lacking cannot make virtual environments: install its venv package" \
			"(Debian: python3-venv)" >&2; \
	else \
		echo 'Python 3.11 or later is needed; none of these is one: $(PYTHONS)' >&2; \
	fi; \
	exit 1
