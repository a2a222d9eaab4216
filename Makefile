# Baton. `make help` lists what there is. Nothing but Python 3.11 or newer and make must be installed.

PYTHON ?= python3
UV_VERSION := 0.13.9
UV := .uv/bin/uv
RUN := .venv/bin
SOURCES := contracts/src libs/chassis/src libs/simulators/src services/*/src cli/src
PACKAGES := contracts chassis simulators config gateway runtime panel_bridge ledger baton
TOPOLOGY ?= together
# Calls wait in real time: three keep two cores busy.
WORKERS ?= 3
T ?=
EXAMPLES ?= 30

# Compiled once, not at every start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup fmt check test test-unit demo up bench lint-api fuzz-api contracts clean

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.synced ## Install everything that the lock file names, into .venv

$(UV):
	@infra/setup/uv.sh "$(PYTHON)" "$(UV_VERSION)"

.venv/.synced: $(UV) uv.lock pyproject.toml $(wildcard contracts/pyproject.toml libs/*/pyproject.toml services/*/pyproject.toml cli/pyproject.toml)
	@echo "Installing the locked packages into .venv …"
	@$(UV) sync --quiet --frozen --all-packages --compile-bytecode --python "$(PYTHON)"
	@touch $@

fmt: setup ## Format the code
	@$(RUN)/ruff format . && $(RUN)/ruff check --fix .

check: setup ## Format, lint, types, imports, generated files, manifests (under a minute)
	@$(RUN)/ruff format --check .
	@$(RUN)/ruff check .
	@$(RUN)/mypy $(addprefix -p ,$(PACKAGES))
	@$(RUN)/lint-imports --no-cache
	@$(RUN)/python -m contracts.export --check
	@$(RUN)/python -m baton openapi --check
	@$(RUN)/python infra/k8s/check.py

test-unit: setup ## The unit tests alone (under a minute; T=path narrows)
	@$(RUN)/pytest -q -m unit -n $(WORKERS) $(T)

test: check ## Everything: check, then all tests on the real parts (T=path narrows)
	@$(RUN)/python -m baton fetch-livekit
	@$(RUN)/pytest -q -n $(WORKERS) --dist loadgroup $(T) || { \
	    echo "Once more, one at a time, what failed: calls run in real time, and machines are shared. Twice is a failure."; \
	    $(RUN)/pytest -q -n 1 --dist loadgroup --last-failed --last-failed-no-failures none $(T); }

demo: setup ## Hold a real call on the real parts, and show it (TOPOLOGY=split: five processes)
	@$(RUN)/python -m baton demo --topology $(TOPOLOGY)

up: setup ## Run all of Baton on this machine until Ctrl-C
	@$(RUN)/python -m baton up --topology $(TOPOLOGY)

bench: setup ## Measure against baselines in the same run; writes bench/out/results.json
	@$(RUN)/python -m bench

lint-api: infra/openapi/node_modules/.package-lock.json ## Lint docs/openapi.json with Redocly (needs Node 20 or newer and npm)
	@infra/openapi/node_modules/.bin/redocly lint docs/openapi.json --config infra/openapi/redocly.yaml

infra/openapi/node_modules/.package-lock.json: infra/openapi/package-lock.json
	@npm ci --prefix infra/openapi --no-fund --no-audit --silent

fuzz-api: setup ## Ask the API at random for some minutes (EXAMPLES=30 of each operation, another seed each time)
	@BATON_FUZZ_EXAMPLES=$(EXAMPLES) $(RUN)/pytest -q --timeout 0 tests/baton/test_schemathesis.py

contracts: setup ## Write the JSON Schemas of the published language and the OpenAPI document anew
	@$(RUN)/python -m contracts.export
	@$(RUN)/python -m baton openapi

clean: ## Remove what make made here (not the user's cache)
	@rm -rf .venv .uv .mypy_cache .ruff_cache .pytest_cache bench/out
