# The project's tasks; `make help` lists them. A fresh machine needs git, make and a Python >= 3.11 with venv. Every target makes
# .venv itself if it is missing or older than requirements-dev.lock or pyproject.toml.
#
#   make demo PYTHON=/path/to/python3.12      choose the interpreter
#   make test ARGS="-k manifest"              pass arguments on

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.made-from-lock
PEERS := $(VENV)/peers/.made-from-lock
ROOM_GB := 8
COMPILE := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate --quiet
ARGS ?=
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

# Without this, albumentations asks the network for a newer version of itself at every import.
export NO_ALBUMENTATIONS_UPDATE := 1
# A test run starts a hundred processes. Each would compile what it imports anew if none may keep the bytecode.
unexport PYTHONDONTWRITEBYTECODE
# Waiting threads sleep instead of spinning: on cores that are busy with other work, training is ten times faster.
export OMP_WAIT_POLICY := PASSIVE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-peers test-slow lint docs bench detectors check-gpu lock

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP)  ## make or renew .venv from requirements-dev.lock

demo: $(STAMP)  ## demo data, train, predict, submission.csv and curves under demo/, in minutes on a laptop CPU
	$(BIN)/telltale demo $(ARGS)

# One thread per worker: the workers are the parallelism, and torch's thread pools would compete for the same cores.
test: $(STAMP)  ## the whole test suite; the 15 slowest tests are printed at the end
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --maxprocesses 4 --durations=15 $(ARGS)

test-peers: $(STAMP) $(PEERS)  ## the tests of the packages that bench/ compares with, which `make test` does not install
	OMP_NUM_THREADS=1 $(BIN)/pytest -m peers tests/project/test_bench.py

# The slow ones train real networks: two at a time, so that each has cores enough.
test-slow: $(STAMP)  ## every detector trained on demo data until it must have learnt: an hour or two
	OMP_NUM_THREADS=2 $(BIN)/pytest -n 2 -m slow $(ARGS)

lint: $(STAMP)  ## ruff's rules and format, and mypy's types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(STAMP)  ## the documentation site, which needs no network: site/index.html; a broken link is an error
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -c docs -d build/doctrees $(ARGS) . site

bench: test-peers  ## what decoding, the data path, the store and predict.py cost, each beside a peer; bench/results.json
	$(BIN)/python -m bench $(ARGS)

detectors: $(STAMP)  ## train every detector briefly on one demo data set; writes docs/detectors.md's table and picture
	$(BIN)/python -m bench.detectors --table docs/detectors.md $(ARGS)

# The first has all packages, and the second takes its versions from the first: what is tested is what runs.
check-gpu: $(STAMP)  ## all that only a GPU can show, on this machine's; writes docs/gpu.md
	$(BIN)/telltale selftest --gpu --write docs/gpu.md $(ARGS)

lock: $(STAMP)  ## renew requirements-dev.lock and, for the image, requirements.lock (ARGS=--upgrade for newer versions)
	$(COMPILE) --extra dev $(ARGS) -o requirements-dev.lock
	cp requirements-dev.lock requirements.lock
	$(COMPILE) --extra model -o requirements.lock

# Packages that bench/ compares with. They have a folder of their own, because moviepy requires old versions of others.
$(PEERS): bench/peers.lock $(STAMP)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --target $(VENV)/peers --no-deps --require-hashes -r bench/peers.lock
	touch $@

# uv is itself pinned and hashed in the lock: pip installs that one entry, uv the rest. The stamp is written last, so the next
# make continues a set-up that was interrupted.
$(STAMP): requirements-dev.lock pyproject.toml
	@stop() { echo "make: set-up stopped: $$*" >&2; exit 1; }; \
	[ -n "$(PYTHON)" ] || stop "no Python 3.11 or newer was found; install one (Debian, Ubuntu: apt install python3 python3-venv) or name it: make PYTHON=/path/to/python"; \
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || stop "'$(PYTHON)' is not a Python 3.11 or newer; name one that is: make PYTHON=/path/to/python"; \
	$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || stop "'$(PYTHON)' has no venv module; install it (Debian, Ubuntu: apt install python3-venv) and run make again"; \
	if [ ! -x $(BIN)/uv ]; then \
	  free=$$(df -Pk . | awk 'NR == 2 { print int($$4 / 1048576) }'); \
	  [ "$$free" -ge $(ROOM_GB) ] || stop "the environment needs about $(ROOM_GB) GB and only $$free GB are free in $(CURDIR); make room and run make again"; \
	fi; \
	help="if the lines above speak of the network, check the connection and the proxy settings; if of space, free about $(ROOM_GB) GB; then run make again, what was downloaded is kept"; \
	$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV) || stop "the environment could not be made in $(CURDIR)/$(VENV); $$help"; \
	sed -n '/^uv==/,/[^\\]$$/p' requirements-dev.lock > $(VENV)/uv.txt || stop "nothing can be written in $(CURDIR)/$(VENV)"; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt || stop "uv, the installer, could not be installed; $$help"; \
	$(BIN)/uv pip sync --python $(BIN)/python --require-hashes requirements-dev.lock || stop "the packages of requirements-dev.lock could not be installed; $$help"; \
	$(BIN)/uv pip install --quiet --python $(BIN)/python --offline --no-deps --no-build-isolation -e . || stop "telltale itself could not be installed from $(CURDIR); the lines above say why"; \
	touch $@
