# One command for each thing that a person does here. `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
MUTANTS := .mutants-venv

.DEFAULT_GOAL := help
.PHONY: help install demo dev test lint unit simulate mutants mistakes parity chaos bench isolation schemas release lock clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(STAMP) ## Make .venv with everything that the project needs

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("closum-flows needs Python 3.11 or newer, this is %s. Name another one: make PYTHON=python3.12 …" % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@echo "Installing into $(VENV) …"
	@$(PYTHON) -m venv $(VENV) || { echo "This Python has no venv module. On Debian and Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

demo: $(STAMP) ## Start everything, send 200 real events through two flows, show what came of them
	@$(BIN)/flows demo

dev: $(STAMP) ## Start everything and keep it running until Ctrl-C
	@$(BIN)/flows dev examples

lint: $(STAMP) ## Style, types and import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

test: lint ## Everything: style, types, import rules, and all tests against real Kafka and PostgreSQL
	@$(BIN)/python -m pytest --numprocesses 3 --dist loadgroup --no-loadscope-reorder

unit: $(STAMP) ## Only the tests that need neither Kafka nor PostgreSQL
	@$(BIN)/python -m pytest tests/unit tests/contract tests/property

simulate: $(STAMP) ## Workers over fakes on made time, several troubles at once: 10,000 seeds, or SEEDS=…; goes on where it was broken off
	@$(BIN)/python -m tests.simulate $(if $(SEEDS),--count $(SEEDS))

# mutmut needs a click that faust refuses, so it has an environment of its own, which sees the packages of ours behind its own.
$(MUTANTS)/bin/mutmut: $(STAMP)
	@$(PYTHON) -m venv $(MUTANTS)
	@$(MUTANTS)/bin/python -m pip install --quiet --disable-pip-version-check mutmut==3.8.1
	@$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' >"$$($(MUTANTS)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/zz_project.pth"
	@touch $@

mutants: $(MUTANTS)/bin/mutmut ## Change lines of our code, one at a time (a sample, of GROUP=…, SEED=… another one, or all of FILE=…): does a test fail?
	@$(BIN)/python -m tests.mutants $(if $(GROUP),--group "$(GROUP)") $(if $(FILE),--file "$(FILE)") $(if $(SEED),--seed "$(SEED)")

mistakes: $(STAMP) ## Two thousand mistakes in the flows of examples: does `flows check` find them before a run dies of them?
	@$(BIN)/python -m tests.bench.mutants

parity: $(STAMP) ## Twenty times a hundred random flows, in `flows test` and on the real parts: do they do the same? (SEED=… one)
	@$(BIN)/python -m tests.parity $(if $(SEED),--seed "$(SEED)")

chaos: $(STAMP) ## Twenty seeds of many troubles at once on the real parts, judged at the destinations (SEED=… one)
	@$(BIN)/python -m tests.chaos $(if $(SEED),--seed "$(SEED)")

bench: $(STAMP) ## Delivered flows a second on this machine, with CPU seconds a process
	@$(BIN)/python -m tests.bench

isolation: $(STAMP) ## What somebody else's trouble costs a healthy contact, half an hour: SEED=1, ONLY="connection: hanging", DOCS=docs/isolation.md
	@$(BIN)/python -m tests.bench.isolation --seed $(or $(SEED),1) $(if $(ONLY),--only "$(ONLY)") $(if $(DOCS),--docs "$(DOCS)")

schemas: $(STAMP) ## Write anew what is made from declarations: schemas, examples, .env.example, docs/reference
	@$(BIN)/python -m services.cli.generate

release: $(STAMP) ## Make a release, RELEASE=0.2.0: version, changelog, schemas, recorded runs, wheel, manifests, notes
	@$(BIN)/python -m deploy.release "$(RELEASE)"
	@touch $(STAMP)

lock: $(STAMP) ## Resolve requirements.lock anew (needs uv)
	@uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --no-header --no-annotate --quiet -o requirements.lock

clean: ## Remove .venv, .flows and caches
	@rm -rf $(VENV) $(MUTANTS) mutants mutants.log .chaos .parity .flows .mypy_cache .ruff_cache .pytest_cache .hypothesis
