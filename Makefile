PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export DO_NOT_TRACK := 1

.PHONY: help install demo test test-long test-faults soak soak-service check changelog docs audit sbom lock clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

install: $(VENV)/installed  ## make .venv with the pinned dependencies and the project

# torch comes first, so that a CPU build at hand is taken before anything asks for torch.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet torch
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

demo: install  ## lay the demo out, train on the past, run the nights
	$(BIN)/lamplighter demo

# Four processes at once, of about the same length: much of the suite waits for servers and children.
PART_1 := tests/unit
PART_2 := $(wildcard tests/flows/test_s*.py) tests/faults tests/properties
PART_3 := $(wildcard tests/flows/test_[n-rt-z]*.py)
PART_4 := $(wildcard tests/flows/test_[a-m]*.py) tests/browser tests/architecture

test: install  ## the whole suite
	@$(BIN)/python -m pytest $(PART_1) >.test-part-1.log 2>&1 & one=$$!; \
	$(BIN)/python -m pytest $(PART_2) >.test-part-2.log 2>&1 & two=$$!; \
	$(BIN)/python -m pytest $(PART_3) >.test-part-3.log 2>&1 & three=$$!; \
	$(BIN)/python -m pytest $(PART_4); code=$$?; \
	for part in $$one $$two $$three; do wait $$part || code=$$?; done; \
	cat .test-part-1.log .test-part-2.log .test-part-3.log; exit $$code

test-long: install  ## the suite with the fault and scale tests that take minutes
	$(BIN)/python -m pytest -m "slow or not slow"

FAULTS := tests/faults $(addprefix tests/flows/test_,backfill_interrupt.py bit_flips.py forget.py night_kills.py no_outgoing.py \
	prefect.py service.py service_postgresql.py service_server_killed.py training_kills.py) \
	tests/unit/flows/test_clock.py tests/unit/models/test_models_whole_zoo.py

test-faults: install  ## everything of infra/docs/reliability.md and security.md that takes faults
	$(BIN)/python -m pytest -m "slow or not slow" --durations=20 $(FAULTS)

soak: install  ## sixty nights with faults, compared with sixty without
	$(BIN)/python -m tests.faults.soak --nights 60 --seed 0

soak-service: install  ## ten nights of a service whose processes are killed, compared with ten of a quiet one
	$(BIN)/python -m tests.faults.service_soak --nights 10 --seed 0

changelog: install  ## what changed since the last release, from the fragments in changes/
	$(BIN)/towncrier build --draft --version unreleased

docs: install  ## the documentation as pages, in build/docs
	$(BIN)/python infra/reference.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --config-file infra/mkdocs.yml

audit:  ## known vulnerabilities of the pins: found ones fail
	infra/audit.sh

sbom: install  ## what is installed, as CycloneDX 1.6 in lamplighter.cdx.json
	$(BIN)/python infra/sbom.py > lamplighter.cdx.json

check: install  ## format, lint, types, imports, the wheel's contents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python infra/check_wheel.py

lock: install  ## write constraints.txt from what is installed
	$(BIN)/python infra/lock.py > constraints.new && mv constraints.new constraints.txt

clean:  ## remove what the targets made
	rm -rf $(VENV) build dist lamplighter-demo .mypy_cache .ruff_cache .pytest_cache .test-part-*.log
