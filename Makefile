# Every command of this project. Each makes what it needs first: a clone and Python 3.13 are enough.
SHELL := /bin/bash
PYTHON ?= python3.13
BIN := .venv/bin
# `sam build` calls python3.13 and, if it is there, uv by name. No tool sends telemetry.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export SAM_CLI_TELEMETRY := 0
# Where this is set, such as in container images, each process of a test run would compile all files again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run unit test clients coverage check types style templates imports format build deploy bench soak fuzz pictures dump lock clean help

help: ## list the commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: .venv/ready .venv-sam/ready .venv-ministack/ready ## deploy the template on this machine and keep it running (FRESH=1 deletes its data first, PORT=N sets the port)
	@$(BIN)/python -m dev.run $(if $(FRESH),--fresh)

unit: .venv/ready ## run the unit tests, which need nothing but Python
	$(PYTEST) --dist worksteal tests/unit

test: .venv/ready .venv-sam/ready .venv-ministack/ready ## run all tests except those of `make clients` (ARGS="-k NAME": only tests whose name contains NAME)
	@# Once, instead of in each process: the artifacts. In a new clone, beside them the bytecode of all tests.
	@$(if $(ARGS),,$(if $(wildcard .aws-sam/errata-build.json),,$(BIN)/python -m pytest -qq --collect-only $(TESTS) >/dev/null &) $(BIN)/python -m dev.build && wait)
	@# Four processes on two cores: those with tests of the deployed stack mostly wait. These come first,
	@# with the longest, so that nothing is left to wait for at the end.
	$(PYTEST) --numprocesses 4 --dist loadfile --no-loadscope-reorder tests/e2e/test_webhooks.py $(TESTS)

clients: .venv/ready .venv-sam/ready .venv-ministack/ready .venv-mcp/ready .venv-mcp-before/ready ## run the tests with SDKs, snippets, a browser, requests made from the OpenAPI document, and an upgrade of the release before, which need Node.js, PHP, Ruby, curl and Chromium (SYSTEM=1 installs them on Debian and Ubuntu)
	@dev/tools.sh
	@# Three processes on two cores: a deployment and a browser wait now and then. The longest files come first (FIRST in
	@# tests/clients/conftest.py), so that nothing is left to wait for at the end.
	$(PYTEST) --numprocesses 3 --dist loadfile --no-loadscope-reorder -p schemathesis.pytest.plugin tests/openapi tests/clients

coverage: .venv/ready ## print the lines that no unit, integration or contract test runs
	$(PYTEST) --dist worksteal --cov --cov-report=term-missing:skip-covered tests/unit tests/integration tests/contract

TESTS = tests/e2e tests/unit tests/integration tests/contract
PYTEST = $(BIN)/python -m pytest --numprocesses 2 --durations=10 $(ARGS)

check: .venv/ready .venv-sam/ready ## run the linter and the type checker, and check the templates and the direction of imports
	@# The type checker takes as long as all others: it begins first, beside them. Each shows its output when it ends.
	@$(MAKE) --no-print-directory --jobs=2 --keep-going $(filter --output-sync,$(.FEATURES:%=--%)) types style templates imports

types: .venv/ready
	$(BIN)/mypy

style: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

templates: .venv-sam/ready
	.venv-sam/bin/cfn-lint template.yaml templates/*.yaml

imports: .venv/ready
	$(BIN)/python -m pytest -q tests/unit/test_architecture.py

format: .venv/ready ## format the code and fix what the linter can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

build: .venv/ready .venv-sam/ready ## build the artifacts into .aws-sam/build, if their sources have changed
	@$(BIN)/python -m dev.build

deploy: .venv/ready .venv-sam/ready ## build, and deploy to the AWS account of your credentials (SET="Name=value …" changes settings, STACK=NAME names the stack, YES=1 does not ask), then check it (READ_ONLY=1: without requests)
	@# Through the environment: a setting may contain quotation marks.
	@$(BIN)/python -m dev.deploy --stack "$${STACK:-errata}" --set "$$SET" $(if $(YES),--yes) $(if $(READ_ONLY),--read-only)

bench: build $(PEER:%=.venv-%/ready) ## measure speed and cost, and check them against their limits (ARGS=--deterministic: only what is counted; ARGS=--json: as JSON; PEER=bugsink: CPU time beside that of Bugsink, on Linux)
	$(BIN)/python -m bench $(PEER:%=--peer %) $(ARGS)

soak: .venv/ready .venv-sam/ready .venv-ministack/ready ## send events to a local stack for ten minutes, with copies, closed connections and killed functions, and check every count (ARGS="--minutes N --seed TEXT")
	$(BIN)/python -m bench.soak $(ARGS)

fuzz: .venv/ready .venv-fuzz/ready ## fuzz the parsers of SDK requests for a minute (ARGS=-max_total_time=N: for N seconds)
	PYTHONPATH=layers/common .venv-fuzz/bin/python -m tests.fuzz.sentry $(ARGS)

pictures: .venv/ready .venv-sam/ready .venv-ministack/ready ## take the README's screenshots of the dashboard again
	@dev/tools.sh
	$(BIN)/python -m dev.pictures

dump: .venv/ready ## save what this release stores, for the tests of later releases (tests/upgrades/README.md)
	$(BIN)/python -m tests.upgrades.dump
	git archive --format tar.gz --output tests/upgrades/$(VERSION)/source.tar.gz HEAD template.yaml $(wildcard templates) samconfig.toml functions layers
	cp template.yaml tests/upgrades/$(VERSION)/
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

lock: .venv/ready ## update and pin all dependencies, with hashes
	cd layers/common && $(LOCK) $(PYDANTIC:%=--no-emit-package=%) requirements.in -o requirements.txt
	for function in compile_maps dashboard monitors web_api webhook_dispatcher; do $(LOCK) functions/$$function/requirements.in -c layers/common/requirements.txt \
		$$(sed -n 's/^\([a-z0-9-]*\)==.*/--no-emit-package=\1/p' layers/common/requirements.txt) -o functions/$$function/requirements.txt || exit; done
	$(LOCK) requirements-dev.in -c layers/common/requirements.txt -o requirements-dev.txt
	for tool in sam ministack uv fuzz mcp mcp-before bugsink; do $(LOCK) dev/requirements-$$tool.in -o dev/requirements-$$tool.txt; done
	npm install --prefix tests/clients/sdks --package-lock-only --save-exact --omit-lockfile-registry-resolved --no-audit --no-fund @jridgewell/trace-mapping@latest @sentry/browser@latest @sentry/node@latest express@latest
	npm install --prefix tests/clients/builds --package-lock-only --save-exact --omit-lockfile-registry-resolved --no-audit --no-fund @rollup/plugin-node-resolve@latest @sentry/rollup-plugin@latest @sentry/vite-plugin@latest @sentry/webpack-plugin@latest esbuild@latest esbuild-loader@latest rollup@latest rollup-plugin-esbuild@latest webpack@latest
# The parts of pydantic that are not in the layer: it has only the core. No function repeats what the layer has.
PYDANTIC = annotated-types pydantic typing-inspection
LOCK = $(CURDIR)/$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links --python-version 3.13

clean: ## remove environments, builds and local data
	rm -rf .venv .venv-* .aws-sam .errata .coverage tests/clients/*/node_modules

# One environment per tool: SAM CLI and MiniStack pin their own botocore, atheris (the fuzzer) has
# wheels only for x86-64, two versions of the client of the Model Context Protocol are tested, and
# Bugsink is only measured.
.venv/ready: requirements-dev.txt pyproject.toml dev/requirements-uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null || { dev/python.sh "$(PYTHON)"; exit 1; }
	@echo "Installing packages into .venv ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r dev/requirements-uv.txt
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --allow-empty-requirements dev/requirements-uv.txt requirements-dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.venv-%/ready: dev/requirements-%.txt | .venv/ready
	@echo "Installing packages into .venv-$* ..."
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .venv-$*
	@$(BIN)/uv pip sync --quiet --python .venv-$*/bin/python $<
	@touch $@
