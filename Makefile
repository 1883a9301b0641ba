# What people and CI run. Needs make and a Python of 3.11 or newer; the rest is fetched into .venv and the user's cache.
# All paths are relative, so that a checkout may lie in a folder with a space.

PY := .venv/bin/python
LOCK := constraints.txt
# The exact versions hold for what builds the package, too; newer versions of pip have a variable of its own for that.
PIP := PIP_CONSTRAINT=$(LOCK) PIP_BUILD_CONSTRAINT=$(LOCK) $(PY) -m pip install --no-compile \
	--disable-pip-version-check $$([ -t 1 ] || echo --quiet)
# (pip shows its progress bars to a terminal only, and says nothing to a log.)
OFFLINE := { echo 'make: the Python packages could not be installed: see above, mend it (the network?) and run make again' >&2; exit 1; }

# A Python that was upgraded away leaves a .venv that leads nowhere, or to another version than its packages are for:
# it is made anew.
ifneq ($(shell $(PY) -c 'import sys, pip; print(sys.version_info >= (3, 11))' 2>/dev/null),True)
.PHONY: .venv/made
endif

.PHONY: help run test check bench screenshots lock clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile

run: .venv/installed  ## everything on this machine: Restate, the chat service, the page, a model
	@exec $(PY) -m bots up --with-parent $$PPID

# Files run side by side: half of the suite's time is waiting for processes to start. A file stays in one process,
# where its tests share what was started for them; ARGS='-n 0' runs all in one.
test: .venv/installed-dev  ## the whole suite; ARGS='-k name' picks
	@exec $(PY) -m pytest -n logical --maxprocesses 4 --dist loadfile $(ARGS)

check: .venv/installed-dev  ## style and types
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

bench: .venv/installed-bench  ## measure this machine; ARGS='--help' tells what
	@exec $(PY) -m bots bench $(ARGS)

screenshots: .venv/installed-dev  ## the pictures of the README, taken anew
	@exec $(PY) -m tests.web.screenshots $(ARGS)

lock: .venv/installed-dev  ## the newest versions that pyproject.toml allows, written to constraints.txt
	@$(PIP) uv && $(PY) -m uv pip compile pyproject.toml --group dev --group bench --upgrade \
	  --universal --python-version 3.11 --no-emit-index-url --no-annotate --custom-compile-command 'make lock' --quiet --output-file $(LOCK)

clean:  ## take away .venv and caches; conversations (.threadwell) stay
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
	@$(PIP) --editable . || $(OFFLINE)
	@touch $@

.venv/installed-dev: .venv/installed
	@echo 'Installing what tests and checks need (about 70 MB, once) …'
	@$(PIP) pip && $(PIP) --group dev || $(OFFLINE)
	@touch $@

.venv/installed-bench: .venv/installed-dev
	@echo 'Installing what is measured beside this project (about 15 MB, once) …'
	@$(PIP) --group bench || $(OFFLINE)
	@touch $@
