# Everything a newcomer needs: make setup · make demo · make test · make check
# Nothing has to be installed by hand first; what is missing is set up, or named in one line.

PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
READY   := $(VENV)/.ready
# The lock names all that is needed: pip, left to look for more, stumbles over releases newer than the lock.
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Muniment's own need, beside Python: libmagic describes files, libseccomp limits what parsers ask of the kernel.
DEBIAN  := libmagic1 libseccomp2
# A real S3 service, for the tests and make demo S3=1.
DEBIAN_S3 := radosgw ceph-mon ceph-osd
# The programs of image formats, which damaged images are held against.
DEBIAN_IMAGES := libjpeg-turbo-progs libtiff-tools pngcheck libopenjp2-tools giflib-tools webp
# A real PostgreSQL, virus scanner, proxy and browser, shares that notify nobody, clocks that can be set, locales, for the tests.
DEBIAN_TESTS := $(DEBIAN_S3) $(DEBIAN_IMAGES) postgresql clamav-daemon nginx-light faketime bindfs chromium locales openssl qpdf

.PHONY: setup test soak check types style layers compiled format demo demo-shell ui pictures bench schema lock clean

setup: $(READY)

$(READY): requirements/build.txt requirements/lock.txt pyproject.toml requirements/debian.sh
	@sh requirements/debian.sh "$(PYTHON)" $(DEBIAN)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) --require-hashes --no-deps -r requirements/build.txt
	$(PIP_INSTALL) --require-hashes --no-deps --no-build-isolation -r requirements/lock.txt
	$(PIP_INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

# Tests flush to disk thousands of times: memory waits for no disk, where there is enough that may hold programs.
MEMORY := /dev/shm
IN_MEMORY := $(shell findmnt -no OPTIONS $(MEMORY) | grep -qvw noexec \
  && test $$(df --output=avail $(MEMORY) | tail -1) -gt 8000000 && echo TMPDIR=$(MEMORY))

# Much of their time tests wait for services: four workers keep two cores busy. With more, all wait for the cores.
test: $(READY)
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target types style layers compiled
	@sh requirements/debian.sh "$(PYTHON)" $(DEBIAN_TESTS) || echo "make: without them the tests that need them are skipped"
	$(IN_MEMORY) $(BIN)/python -m pytest -n 4 --dist loadgroup --no-loadscope-reorder

# Tests start the command hundreds of times, and each of pytest's workers loads all tests: compiled once, while
# types are checked, and not each time where Python may write no bytecode. What cannot be collected, test reports.
compiled:
	@$(BIN)/python -m compileall -q flows storage preservation demonstration tests
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest --collect-only -q > /dev/null || true

# Kills everything at random instants, hundreds of times, and proves that nothing is lost; then 100,000 files.
# make soak KILLS=1000 SEED=…  takes longer; repeats the instants of an earlier run
# make soak MINUTES=20         its tests in turn, smaller and from new seeds, ended in time; SEED=… repeats them
soak: $(READY)
	@sh requirements/debian.sh "$(PYTHON)" $(DEBIAN_TESTS)
ifdef MINUTES
	@$(BIN)/python tests/soak/short.py $(MINUTES) $(SEED)
else
	$(if $(KILLS),MUNIMENT_SOAK_KILLS=$(KILLS)) $(if $(SEED),MUNIMENT_SOAK_SEED=$(SEED)) \
	  $(BIN)/python -m pytest -m soak
endif

# Types take longer than all the rest, which is checked beside them.
check: $(READY)
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target types style layers

types:
	$(BIN)/mypy

style:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

layers:
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# make demo                     draws a set of drops and preserves them
# make demo DROP=path/to/scans  the same, with a folder of yours beside them
# make demo S3=1                the same, with the second replica in a bucket of a real S3 service (Ceph)
demo: $(READY)
	@$(if $(S3),sh requirements/debian.sh "$(PYTHON)" $(DEBIAN_S3))
	@$(BIN)/python -m demonstration demo $(if $(DROP),--drop "$(DROP)") $(if $(S3),--s3)

# The Prefect UI on what the demo did.
ui: $(READY)
	@$(BIN)/python -m demonstration.with_service demo/installation muniment up

# A shell in the demo's installation, with the S3 service that S3=1 used: muniment doctor, status, restore.
demo-shell: $(READY)
	@$(BIN)/python -m demonstration.with_service demo/installation

# The pictures of the UI in docs/: each page as a browser showed it to a test.
pictures: $(READY)
	@sh requirements/debian.sh "$(PYTHON)" chromium
	MUNIMENT_PICTURES=docs/pictures $(BIN)/python -m pytest -q --basetemp=/tmp/muniment tests/flows/test_ui.py

# Us and the peers in turn on the same bytes; writes docs/performance.md. Takes its time.
bench: $(READY)
	@sh requirements/debian.sh "$(PYTHON)" $(DEBIAN_S3) openssl
	$(BIN)/python -m benchmarks .cache/bench --rounds $(or $(ROUNDS),5)

schema: $(READY)
	$(BIN)/python -m preservation.policy.json_schema policies/policy.schema.json
	$(BIN)/python -m storage.database.new_database storage/database/schema.sql
	$(BIN)/python -m flows.orchestration.prefect_database flows/orchestration/prefect_schema.sql

# Renew the locked, hashed dependencies (needs uv).
UV_COMPILE := uv pip compile --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-header --no-annotate
lock:
	$(UV_COMPILE) pyproject.toml --group dev -o requirements/lock.txt
	$(UV_COMPILE) --group build -c requirements/lock.txt -o requirements/build.txt

clean:
	rm -rf $(VENV) demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
