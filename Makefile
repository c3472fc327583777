# `make` alone lists what there is. Everything installs into .venv from hashed lock files.
.DEFAULT_GOAL := help
.PHONY: help run web screenshots test test-slow test-cluster fuzz check fix bench bench-whisper bench-accuracy openapi docs lock clean test-faults check-deploy
# What the web app is made of, its API's document too.
WEB := $(shell find web -name node_modules -prune -o -name generated -prune -o -type f -print) docs/reference/openapi.json tools/web
export UV_PYTHON_DOWNLOADS := never
# Every child is a new Python: without its compiled files each would compile Tiro anew.
export PYTHONDONTWRITEBYTECODE :=

# The gate runs what failed once more, and wants it noted: AGAIN=file.
PYTEST = $(if $(AGAIN),tools/again $(AGAIN)) .venv/bin/pytest

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.venv/run.stamp: requirements.lock pyproject.toml tools/setup
	@tools/setup requirements.lock && touch $@

.venv/dev.stamp: requirements-dev.lock pyproject.toml tools/setup
	@tools/setup requirements-dev.lock && touch $@ .venv/run.stamp

# Named after what is built, so that an app that was removed is built again.
src/tiro/web/index.html: $(WEB) | .venv/run.stamp
	@tools/web build && touch $@

web: src/tiro/web/index.html ## build the web app, where its sources have changed

run: .venv/run.stamp ## install what is needed, start the server, transcribe the sample call
	@$(MAKE) -s web || echo "The web app could not be built, as said above; the API runs without it." >&2
	@.venv/bin/tiro serve --demo

screenshots: .venv/dev.stamp web ## pictures of every page, into docs/images
	.venv/bin/python -m tests.e2e.screenshots

test: .venv/dev.stamp web ## the default tests, three at a time since many of them wait; COVERAGE=1 measures it too
	@$(PYTEST) -m "not slow" -n 3 --dist loadfile --no-loadscope-reorder $(if $(COVERAGE),--cov --cov-report=)
	@tools/web test
	@$(if $(COVERAGE),echo "coverage: $$(.venv/bin/coverage report --format=total) %")

test-slow: .venv/dev.stamp web ## the tests that take minutes, which the gate runs too
	@HYPOTHESIS_PROFILE=long $(PYTEST) -m "slow or hypothesis" -n 2 --dist loadfile --timeout 900

test-faults: .venv/dev.stamp ## kill workers, Redis and PostgreSQL, three times each
	@.venv/bin/pytest tests/faults/cluster

test-cluster: .venv/dev.stamp ## the suites of features, faults and security on PostgreSQL
	@TIRO_TEST_DATABASE=postgresql .venv/bin/pytest -m "not slow" -n 2 --dist loadfile --no-loadscope-reorder \
		tests/features tests/faults tests/security

fuzz: .venv/dev.stamp ## look for an answer that breaks the OpenAPI document, MINUTES=15
	@.venv/bin/python -m tests.fuzz --minutes $(or $(MINUTES),15) $(if $(SEED),--seed $(SEED))

check: .venv/dev.stamp ## lint, types, import contracts, formatting, generated documents, of the web app too
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/python tools/reference --check
	tools/web check

check-deploy: .venv/dev.stamp ## check deploy/: images, Compose, nginx, alerts, Kubernetes, Terraform; STRICT=1 leaves nothing out
	@tools/check-deploy $(if $(STRICT),--strict)

fix: .venv/dev.stamp ## format, and mend what a machine can mend
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .
	tools/web fix

docs openapi: .venv/dev.stamp ## write docs/reference anew
	.venv/bin/python tools/reference

bench: .venv/dev.stamp ## measure all but Whisper and the many kills (python -m bench faults)
	.venv/bin/python -m bench

bench-whisper: .venv/dev.stamp ## Whisper beside faster-whisper and CTranslate2, most of an hour
	.venv/bin/python -m bench whisper

bench-accuracy: .venv/dev.stamp ## word errors and words invented in noise, of the engines that are here
	.venv/bin/python -m bench.accuracy

lock: .venv/dev.stamp ## resolve the dependencies anew
	tools/lock

clean: ## remove the environment and caches, never the data
	rm -rf .venv .node web/node_modules src/tiro/web .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage*
