# What a newcomer needs: make demo. Everything else is listed by: make help

PYTHON ?= python3
STARTED := $(shell date +%s.%N)
BIN := .venv/bin
PROCESSES ?= 3
# Tests with servers wait more than they compute.
SERVER_PROCESSES ?= 4
# Damage to single processes, whole nights of learning, packages of other languages: with make test-faults, test-swaps
# and test-clients.
DAMAGE := $(addprefix tests/integration/,test_worker_health.py test_worker_ending.py test_gateway_faults.py)
# Faults that are mostly waited for: workers that are frozen or cut off for longer than their session, brokers that die.
TAKEOVERS := $(addprefix tests/faults/,test_frozen_worker.py test_frozen_at_each_step.py test_network_cut.py test_three_brokers.py test_other_incarnation.py test_large_records.py)
NIGHTS := tests/integration/test_nightly.py tests/integration/test_line_release.py
LANGUAGES := tests/integration/test_foreign_client.py
INSTALL_PYTHON := [ "$(PYTHON)" = python3 ] && [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y --no-install-recommends python3 python3-venv
INSTALL_CHROMIUM := [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -y --no-install-recommends chromium

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo test unit integration test-faults test-emails test-swaps test-clients test-page soak lint lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## bring environments, broker and Triton up to date; PYTHON=path takes that Python 3.11 or 3.12
	@command -v $(PYTHON) >/dev/null || { $(INSTALL_PYTHON); } || { echo "setup: $(PYTHON) is missing; run: sudo apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "setup: $(PYTHON) is older than 3.10; run: make setup PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -m deploy.setup $(if $(filter-out python3,$(PYTHON)),--python $(PYTHON))

demo: setup ## run everything on this machine; PURCHASES=n stops after so many, RATE=n sets purchases per second
	@$(BIN)/nextup demo --started-at $(STARTED) $(if $(PURCHASES),--purchases $(PURCHASES)) $(if $(RATE),--rate $(RATE))

test: lint unit integration ## what must pass with each commit; the targets below go deeper

unit: setup ## tests that need no server
	$(BIN)/pytest tests/unit -n $(PROCESSES) --dist loadfile --no-loadscope-reorder

integration: setup ## tests against a real broker and a real Triton server, which they start and stop
	$(BIN)/pytest tests/integration -n $(SERVER_PROCESSES) --dist loadfile --no-loadscope-reorder $(addprefix --ignore=,$(DAMAGE) $(NIGHTS) $(LANGUAGES))

test-faults: setup ## do damage to the running system, and see that nothing is lost or doubled (under 20 minutes)
	$(BIN)/pytest $(DAMAGE) -n $(PROCESSES) --dist loadfile
	$(BIN)/pytest $(TAKEOVERS) -n $(PROCESSES)
	$(BIN)/pytest tests/faults $(addprefix --ignore=,$(TAKEOVERS))

test-swaps: setup ## change versions under load, undo it, and offer versions that must not serve (under 10 minutes)
	$(BIN)/pytest tests/swaps $(NIGHTS)

test-clients: setup ## publish and subscribe from Java, Node and Kafka's own tools, as the examples stand (2 minutes)
	$(BIN)/pytest $(LANGUAGES)

test-emails: setup ## a month of emails in fast motion, with a sender that is killed and a server that misbehaves (4 minutes)
	$(BIN)/pytest tests/emails

test-page: setup ## the page in a real browser: buy, swap versions, take parts away, keyboard, phone, axe (3 minutes)
	@test -x /usr/bin/chromium || { $(INSTALL_CHROMIUM); } || { echo "test-page: Chromium is missing; run: sudo apt-get install chromium"; exit 1; }
	$(BIN)/pytest tests/page

soak: setup ## the first of these damages at ten times its size, with the worker's memory over time (half an hour)
	$(BIN)/pytest tests/faults/soak.py

lint: setup ## style, types, and the floors that imports must keep
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

lock: setup ## write the locks anew; UPGRADE=1 takes the newest versions
	@$(BIN)/python -m deploy.setup.lock $(if $(UPGRADE),--upgrade)

clean: ## remove what setup and running have made: environments, jars, all run-time data
	rm -rf .venv .venv-triton .jars .npm .nextup .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .schemathesis *.egg-info
