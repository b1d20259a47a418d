# Every command of this project. Each makes what it needs first: a clone and Python 3.13 are enough.
SHELL := /bin/bash
PYTHON ?= python3.13
BIN := .venv/bin
SAM := .venv-sam/bin/sam
# `sam build` calls python3.13 by name; nothing here talks to anybody about itself.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export SAM_CLI_TELEMETRY := 0

.PHONY: run test check build deploy bench fuzz pictures dump lock clean help

help: ## list the commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: .venv/ready .venv-sam/ready .venv-ministack/ready ## deploy the template on this machine and keep it running (FRESH=1 empties it first, PORT=N moves it)
	@$(BIN)/python -m dev.run $(if $(FRESH),--fresh)

test: .venv/ready .venv-sam/ready .venv-ministack/ready ## every test, e2e included
	@dev/tools.sh
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal tests/unit tests/integration tests/contract
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder tests/e2e

check: .venv/ready .venv-sam/ready ## lint, types, template, import arrows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(SAM) validate --lint --template template.yaml
	$(BIN)/python -m pytest -q tests/unit/test_architecture.py

build: .venv/ready .venv-sam/ready ## build the artifacts into .aws-sam/build
	$(SAM) build --cached

deploy: build ## deploy to the AWS account of your credentials (asks the first time)
	$(SAM) deploy $(if $(GUIDED),--guided,$(if $(shell grep -s "^region" samconfig.toml),,--guided))

bench: build ## print and check the yardsticks of speed and cost (ARGS=--deterministic: those that count)
	$(BIN)/python -m bench $(ARGS)

fuzz: .venv/ready .venv-fuzz/ready ## fuzz what reads the bodies of SDKs, for a minute (ARGS=-max_total_time=N: for longer)
	PYTHONPATH=layers/common .venv-fuzz/bin/python -m tests.fuzz.sentry $(ARGS)

pictures: .venv/ready .venv-sam/ready .venv-ministack/ready ## take the README's pictures of the dashboard anew
	@dev/tools.sh
	$(BIN)/python -m dev.pictures

dump: .venv/ready ## keep what this release stores, for the tests of later ones (tests/upgrades/README.md)
	$(BIN)/python -m tests.upgrades.dump
	git archive --format tar.gz --output tests/upgrades/$(VERSION)/source.tar.gz HEAD template.yaml $(wildcard templates) samconfig.toml functions layers
	cp template.yaml tests/upgrades/$(VERSION)/
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

lock: .venv/ready ## pin every dependency anew, with hashes
	cd layers/common && $(LOCK) requirements.in -o requirements.txt
	for function in billing_webhook dashboard; do $(LOCK) functions/$$function/requirements.in -c layers/common/requirements.txt -o functions/$$function/requirements.txt; done
	$(LOCK) requirements-dev.in -c layers/common/requirements.txt -o requirements-dev.txt
	for tool in sam ministack uv fuzz; do $(LOCK) dev/requirements-$$tool.in -o dev/requirements-$$tool.txt; done
	npm install --prefix tests/e2e/sdks --package-lock-only --save-exact --omit-lockfile-registry-resolved --no-audit --no-fund @sentry/browser@latest @sentry/node@latest express@latest
LOCK = $(CURDIR)/$(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links --python-version 3.13

clean: ## remove environments, builds and local data
	rm -rf .venv .venv-* .aws-sam .errata tests/e2e/sdks/node_modules

# An environment each, since SAM CLI and MiniStack pin their own botocore, and since atheris, which
# fuzzes, has wheels for x86-64 alone.
.venv/ready: requirements-dev.txt pyproject.toml dev/requirements-uv.txt
	@$(call venv,.venv)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r dev/requirements-uv.txt
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --allow-empty-requirements dev/requirements-uv.txt requirements-dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

.venv-%/ready: dev/requirements-%.txt | .venv/ready
	@$(call venv,.venv-$*)
	@$(BIN)/uv pip sync --quiet --python .venv-$*/bin/python $<
	@touch $@

define venv
$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null || \
	{ echo "Errata needs Python 3.13, and '$(PYTHON)' is not on the PATH or another. Install it, or say where: make PYTHON=/path/to/python3.13"; exit 1; }; \
echo "Making the environment $(1) ..."; $(PYTHON) -m venv $(1)
endef
