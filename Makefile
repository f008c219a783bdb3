# Every target does its own set-up: a fresh machine needs Python 3.11 with venv, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
OURS := domain workflows activities console ovenbird localcloud/src localcloud/tests demo bench worker.py starter.py

.PHONY: demo test test-replayed fuzz test-packer install-check check bench bench-many bench-bake cutover histories torture torture-sample meddle mutants lock clean
.DEFAULT_GOAL := demo

$(VENV)/.installed: requirements-dev.lock pyproject.toml localcloud/pyproject.toml
	$(PYTHON) -m venv $(VENV)
	@if command -v uv >/dev/null 2>&1; then \
		uv pip install --python $(BIN)/python --quiet --require-hashes -r requirements-dev.lock && \
		uv pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation -e ./localcloud -e .; \
	else \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e ./localcloud -e .; \
	fi
	@touch $@

# make demo [KEEP=1] [BUILDER=packer] [REPO=url-or-path TAG=tag [FROM=earlier-tag]]
demo: $(VENV)/.installed
	@$(BIN)/python -m demo $(if $(KEEP),--keep) $(if $(BUILDER),--builder $(BUILDER)) $(if $(REPO),--repo "$(REPO)") $(if $(TAG),--tag "$(TAG)") $(if $(FROM),--from "$(FROM)")

test: $(VENV)/.installed
	$(BIN)/python -m pytest

# The middle level again: with workflows that are replayed at each task, and with some that continue as new early.
test-replayed: $(VENV)/.installed
	$(BIN)/python -m pytest tests/workflows -m replayed

# Ten minutes, or FUZZ=60 seconds: odd inputs for every parser, and sent to releases on a real Temporal.
fuzz: $(VENV)/.installed
	@FUZZ=$(or $(FUZZ),600) $(BIN)/python -m pytest -p tests.fuzz tests/domain/test_total.py tests/workflows/test_fuzz.py --numprocesses=0 -q

# Needs Packer on the PATH, 1.6 or newer.
test-packer: $(VENV)/.installed
	$(BIN)/python -m pytest tests/packer

# A wheel in a fresh environment, without the development lock. WITH=python3.13 tries another Python.
install-check: $(VENV)/.installed
	INSTALL_WITH=$(WITH) $(BIN)/python -m pytest tests/install --numprocesses=0

check: $(VENV)/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(OURS) tests
	$(BIN)/lint-imports

bench: $(VENV)/.installed
	@$(BIN)/python -m bench.release

# Two hundred releases in one moment: how many a second, heartbeat time-outs, the worker's memory.
bench-many: $(VENV)/.installed
	@$(BIN)/python -m bench.many

# What one bake costs: native, Packer through Ovenbird, plain Packer. Needs Packer.
bench-bake: $(VENV)/.installed
	@$(BIN)/python -m bench.bake

# Ten minutes: what users see of a release, a rollback and an abort, with each strategy; draws docs/pictures/cutover.png.
cutover: $(VENV)/.installed
	@$(BIN)/python -m bench.cutover

# At a release of Ovenbird: saves what the replay tests replay, in TARGET. See CONTRIBUTING.md.
histories: $(VENV)/.installed
	@$(BIN)/python -m bench.histories $(TARGET)

# Hours, and docs/crash-matrix.md. SAMPLE=5 tries five points of each play, PLAYS=native, packer or a word in their names those plays; both write nothing.
torture: $(VENV)/.installed
	@$(BIN)/python -m bench.torture $(if $(SAMPLE),--sample $(SAMPLE) --storm $(SAMPLE)0) $(if $(PLAYS),--plays $(PLAYS) --storm 0 --aborts 1 --meddled 0)

# Somebody else changes the account during 500 releases, rollbacks, aborts and sweeps, and docs/meddled.md is written.
# RUNS=1 SEED=7 repeats one of them. ONLY="weighted.*rule" plays those that it matches. LANES=2 is gentler.
meddle: $(VENV)/.installed
	@$(BIN)/python -m bench.meddle $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only "$(ONLY)") $(if $(LANES),--lanes $(LANES))

# Minutes: one point of one play of `make torture`, and two runs of `make meddle`, as tests.
torture-sample: $(VENV)/.installed
	$(BIN)/python -m pytest tests/torture --numprocesses=0

# Hours: changes the code in one place at a time, and lists the changes that no test noticed. domain/ is tried by its
# own tests, workflows/ by the middle level. ONLY='domain.health*' tries those alone, 'workflows.steps.parking*' too.
MUTMUT = $(BIN)/mutmut run
mutants: $(VENV)/.installed
ifeq ($(filter workflows%,$(ONLY)),)
	PYTEST_ADDOPTS="-o testpaths=tests/domain" $(MUTMUT) $(if $(ONLY),"$(ONLY)","domain.*")
endif
ifeq ($(filter domain%,$(ONLY)),)
	PYTEST_ADDOPTS="-o testpaths=tests/workflows -k 'not replayed' --ignore=tests/workflows/test_replay.py --ignore=tests/workflows/test_sentences.py" $(MUTMUT) $(if $(ONLY),"$(ONLY)","workflows.*")
endif
	@$(BIN)/mutmut results | grep -v "not checked" || echo "no mutant survived"

# requirements-dev.lock is for a checkout, requirements.lock for production, with the same versions. UPGRADE=1 takes
# the newest. No lock names a registry: packages come from wherever the machine is set up to get them.
UV = $(shell command -v uv || echo $(BIN)/uv)
COMPILE = $(UV) pip compile pyproject.toml --no-emit-package ovenbird-localcloud --universal --generate-hashes --no-emit-index-url --no-header --quiet --python-version 3.11
lock: $(VENV)/.installed
	@command -v $(UV) >/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(COMPILE) --all-extras $(if $(UPGRADE),--upgrade) -o requirements-dev.lock
	$(COMPILE) --constraints requirements-dev.lock $(if $(UPGRADE),--upgrade) -o requirements.lock

clean:
	rm -rf $(VENV) .ovenbird .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache mutants
