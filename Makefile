# `make demo` and `make test` do everything from nothing but python3 >= 3.11 and the package index.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := python -m pip --quiet --quiet --disable-pip-version-check
READY  := $(VENV)/.ready
BENCH  := .bench-venv

.DELETE_ON_ERROR:
.PHONY: help demo test chaos chaos-jobs fuzz bench bench-quick pictures check fmt lock sums clean

help:
	@echo 'make demo        start a pool with a private server and work 1,000 jobs'
	@echo 'make test        run all tests'
	@echo 'make chaos       random disturbances of real pools; SCHEDULES=50, SEED=n ONLY=k runs one again'
	@echo 'make chaos-jobs  kills and cut connections under numbered jobs; JOBS=5000 SEED=n'
	@echo 'make fuzz        random input for what reads the data of others; MINUTES=30, SEED=n'
	@echo 'make bench       beside RQ, Celery, Dramatiq and huey; half an hour; writes docs/benchmarks.md'
	@echo 'make bench-quick the most important of it, within two minutes'
	@echo 'make pictures    draw docs/images/top.svg anew, from a real pool'
	@echo 'make check       formatting, lint and types, read only'
	@echo 'make fmt         rewrite the code as make check wants it'
	@echo 'make lock        resolve the versions in requirements/ anew'
	@echo 'make sums        write down the hashes of the Lua scripts, after one was changed'
	@echo 'make clean       remove .venv and the caches'

demo: $(READY)
	@$(BIN)/python examples/demo.py

# Most tests wait for processes most of their time, so more of them than cores run side by side.
test: $(READY)
	@$(BIN)/python -m pytest -n 4 --dist worksteal $(ARGS)

# Each schedule is a daemon of its own that is reloaded, killed, paused and replaced at random.
SCHEDULES ?= 50
chaos: $(READY)
	@$(BIN)/python -m tests.chaos --schedules $(SCHEDULES) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY)) $(ARGS)

# Numbered jobs; at the end every one of them is accounted for. ARGS='--on-worker-death requeue'
JOBS ?= 5000
chaos-jobs: $(READY)
	@$(BIN)/python -m tests.chaos_jobs --jobs $(JOBS) $(if $(SEED),--seed $(SEED)) $(ARGS)

# Random input for whatever reads what others have written; each kind of crash is shown once.
MINUTES ?= 1
fuzz: $(READY)
	@$(BIN)/python -m tests.fuzz --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(ARGS)

# The other job libraries are in an environment of their own. ARGS='--render', ARGS='--only NAME...'
bench: $(BENCH)/.ready
	@$(BENCH)/bin/python -m benchmarks $(ARGS)

bench-quick: $(BENCH)/.ready
	@$(BENCH)/bin/python -m benchmarks --quick $(ARGS)

# The pictures of the documentation that are no figures.
pictures: $(READY)
	@$(BIN)/python -m tests.pictures.top

check: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

fmt: $(READY)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# The build back end is installed from the lock as well, so nothing comes in unlocked.
$(READY): LOCKED := requirements/dev.txt
$(BENCH)/.ready: LOCKED := requirements/bench.txt
$(READY) $(BENCH)/.ready: %/.ready: requirements/dev.txt requirements/bench.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "resqued needs python3 >= 3.11; this is " + sys.version.split()[0] + " (make PYTHON=... picks another)")'
	@test -x $*/bin/python || $(PYTHON) -m venv $* || { echo 'python3 cannot create virtual environments; on Debian and Ubuntu: apt-get install python3-venv'; exit 1; }
	@echo 'Installing the locked versions into $* ...'
	@$*/bin/$(PIP) install -r $(LOCKED)
	@$*/bin/$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

# A worker names its scripts by these, and does not compute them.
sums:
	@cd src/resque/lua && sha1sum *.lua > SHA1SUMS

lock: $(READY)
	@$(BIN)/$(PIP) install uv
	@for extra in dev bench; do \
	    $(BIN)/uv pip compile --quiet --universal --upgrade --no-emit-index-url --no-emit-find-links \
	        --python-version 3.11 --extra $$extra --output-file requirements/$$extra.txt \
	        --custom-compile-command 'make lock' pyproject.toml || exit 1; \
	done

clean:
	rm -rf $(VENV) $(BENCH) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage* dist
