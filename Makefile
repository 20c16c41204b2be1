# Two commands are all a newcomer needs: `make run` and `make test`.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: help setup run test browser screenshots check format schemas lock faults bench bench-rollout audit

help:
	@echo "make run     start everything at http://127.0.0.1:8080 and play the demo; Ctrl-C stops it all"
	@echo "make test    everything that must hold on every change, on real servers; LONG=1 for all cases of the large tests"
	@echo "make browser every page in Chromium, both languages, light and dark, three widths; make screenshots leaves pictures"
	@echo "make check   format, lint, types, import contracts, schema drift"
	@echo "make format  put the sources in shape"
	@echo "make schemas write JSON Schemas and the AsyncAPI document anew"
	@echo "make faults  schedules of work and faults on a real stack, judged from outside; LONG=1 for fifty of them and every planted bug"
	@echo "make bench   how fast it is on this machine; make bench-rollout with 20,000 open issues, half an hour"
	@echo "make audit   known vulnerabilities of the locked packages"
	@echo "make lock    lock newer versions of what requirements*.in name"

run: .venv/.run
	@$(BIN)/huiyin up --demo --play

test: .venv/.dev
	@LONG=$(LONG) $(BIN)/python -m tests

# The pages in Chromium; `make test` has a part of it where Chromium is installed.
browser: .venv/.dev
	@command -v chromium > /dev/null || { echo "make browser needs Chromium and Chinese fonts: apt-get install chromium fonts-noto-cjk"; exit 1; }
	@LONG=1 $(BIN)/python -m tests tests/e2e/test_6_browser.py tests/e2e/test_7_stories.py

# Those that the READMEs show are copied to deploy/pictures.
SHOWN := raise-more-zh-CN track-zh-CN-360-light issue-en-1280-dark figures-en-1280-dark
screenshots: browser
	@cp $(SHOWN:%=build/screenshots/%.png) deploy/pictures/
	@echo "Pictures of every page are in build/screenshots."

check: .venv/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python -m shared.contracts.schemas --check

format: .venv/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

schemas: .venv/.dev
	$(BIN)/python -m shared.contracts.schemas

faults: .venv/.dev
	@LONG=$(LONG) $(BIN)/python -m tests.faults

bench: .venv/.dev
	@$(BIN)/python -m tests.bench

bench-rollout: .venv/.dev
	@$(BIN)/python -m tests.bench.rollout

audit: .venv/.dev
	$(BIN)/uv tool run pip-audit --require-hashes --disable-pip -r requirements.txt

# No address of a registry gets into the lock files.
lock: .venv/.dev
	$(BIN)/uv pip compile --upgrade --quiet --generate-hashes --universal --python-version 3.11 --no-header --no-annotate -o requirements.txt requirements.in
	$(BIN)/uv pip compile --upgrade --quiet --generate-hashes --universal --python-version 3.11 --no-header --no-annotate -o requirements-dev.txt requirements-dev.in

setup: .venv/.dev

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Huiyin needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) -V 2>&1): try make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv .venv

# `make run` needs no tools of development, so it does not download them.
.venv/.run: requirements.txt pyproject.toml | .venv/bin/python
	@echo "Installing what Huiyin runs on, servers included (about 250 MB the first time) …"
	$(call install,requirements.txt)
	@touch $@

.venv/.dev: requirements-dev.txt .venv/.run
	@echo "Installing what tests and checks need …"
	$(call install,requirements-dev.txt)
	@touch $@

define install
@$(BIN)/python -m pip install --disable-pip-version-check --require-hashes --only-binary :all: -r $(1) || { \
  echo "Not installed: pip says why above. Where it finds no matching distribution, that package has no wheel for this platform ($$(uname -sm))."; exit 1; }
@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
endef
