# Everything here works on a machine with Python 3.11+ and make; the environment lives in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
TORCH_VENV := .venv-torch
TORCH := $(if $(filter Linux,$(shell uname)),torch==2.13.0+cpu,torch)
TORCH_PIP := $(TORCH_VENV)/bin/python -m pip --disable-pip-version-check --no-input install --quiet
# The modules that take longest, those in a browser, come first: the end is not waited for by one process alone.
PYTEST := $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder --max-worker-restart 0

NPM := $(shell command -v npm)

.PHONY: help demo page check-page examples examples-without-torch test check upstream bench bench-large bench-million bench-page crash crash-nfs fuzz siege wheel clean
help:
	@echo "make demo    train a sweep, kill a run, index, query, check the claims (leaves ./demo-repo)"
	@echo "make examples  run the scripts in examples/ (leaves ./example-repo; PyTorch comes into $(TORCH_VENV))"
	@echo "make test    run every test"
	@echo "make check   ruff, mypy --strict, house rules"
	@echo "make upstream  run Aim's own tests against Runstone (AIM_SDIST=archive where there is no network)"
	@echo "make crash   the crash, fault and damage campaigns (hours; a short form: make TRIALS=50 crash)"
	@echo "make crash-nfs  the campaigns on two NFS clients, in a virtual machine (half an hour; needs QEMU)"
	@echo "make fuzz    hostile and random queries by the thousand (minutes)"
	@echo "make siege   attacks on a server of \`runstone up\` (half an hour; a short form: make TRIALS=100 siege)"
	@echo "make bench   speed beside Aim, MLflow, W&B, tensorboardX and trackio (minutes; each gets an environment of its own)"
	@echo "make bench-large  the same questions to 100,000 runs, and 10 million points (Runstone alone)"
	@echo "make bench-million  the same questions to 1,000,000 runs (an hour, 30 GB)"
	@echo "make bench-page  the page of \`runstone up\` in a real browser (a quarter of an hour; needs Chromium and npm)"
	@echo "make page    build the page of \`runstone up\` (needs Node.js 20 or newer, with npm)"
	@echo "make wheel   build the wheel into ./dist, with the page where there is npm"
	@echo "make clean   remove what these have made"
	@echo "Each sets up $(VENV) if need be. Another Python: make PYTHON=python3.12 test"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Runstone needs Python 3.11 or newer. Name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "==> creating $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV) || \
	  { rm -rf $(VENV); echo "This Python cannot make an environment. On Debian: apt install python3-venv" >&2; exit 1; }

# One stamp file per set of packages, so that a second run does nothing.
$(VENV)/stamp-%: pyproject.toml | $(BIN)/python
	@echo "==> installing the packages for $* into $(VENV) (a minute or two)"
	@$(PIP) install --quiet -e '.[$*]'
	@touch $@

demo: $(VENV)/stamp-demo
	@echo "==> running the demo"
	@$(BIN)/python tools/demo/main.py

examples: examples-without-torch $(TORCH_VENV)/stamp
	@if [ -e $(TORCH_VENV)/stamp ]; then echo "==> examples/pytorch.py"; $(TORCH_VENV)/bin/python examples/pytorch.py; \
	  else echo "==> examples/pytorch.py is skipped: PyTorch could not be installed, for the reason above"; fi
	@echo "==> to see what they logged: $(BIN)/runstone runs ls --repo example-repo"

examples-without-torch: $(VENV)/stamp-examples
	@set -e; for name in plain processes media resume; do \
	  echo "==> examples/$$name.py"; $(BIN)/python examples/$$name.py; done

# PyTorch is large, so it gets an environment of its own. PyPI has it for Linux with 3 GB of libraries for GPUs only;
# the build for CPUs is taken where pip knows of it. It is no error if there is none.
$(TORCH_VENV)/stamp: pyproject.toml | $(BIN)/python
	@echo "==> installing $(TORCH) into $(TORCH_VENV)"
	@rm -f $@; $(BIN)/python -m venv --clear $(TORCH_VENV) && $(TORCH_PIP) '$(TORCH)' && \
	  $(TORCH_PIP) -e '.[demo]' && touch $@ || \
	  echo "pip finds no $(TORCH) here. PyPI's own build, which is larger: make TORCH=torch examples"

test: $(VENV)/stamp-dev
	@echo "==> running every test"
	@$(PYTEST)

check: $(VENV)/stamp-dev
	@echo "==> ruff"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo "==> mypy --strict"
	@$(BIN)/mypy
	@echo "==> house rules"
	@$(BIN)/python -m pytest tests/test_layout.py tests/test_docs.py
	@$(if $(NPM),$(MAKE) --no-print-directory check-page,echo "==> the page is not checked: there is no npm")

check-page: ui/web/node_modules/stamp
	@echo "==> tsc, biome, vitest"
	@cd ui/web && npm run --silent check && npm run --silent test

upstream: $(VENV)/stamp-dev
	@echo "==> running Aim's own tests"
	@$(BIN)/python tools/upstream/main.py

crash: $(VENV)/stamp-dev
	@echo "==> running the crash campaigns (hours; TRIALS=50 for a short form of each, minutes)"
	@$(BIN)/python tools/crash/main.py $(if $(TRIALS),--trials $(TRIALS))

# No rights are needed, and nothing is downloaded; what has to be installed is said where it is missing.
crash-nfs: $(VENV)/stamp-dev
	@echo "==> running the campaigns on two NFS clients"
	@$(BIN)/python tools/crash/nfs.py

fuzz: $(VENV)/stamp-dev
	@echo "==> throwing random questions at the sandbox and the prefilter"
	@$(BIN)/python tools/fuzz/main.py

# Apart from `fuzz`: it needs root for some of it, and packages that nothing else does.
siege: $(VENV)/stamp-dev $(VENV)/stamp-siege
	@echo "==> besieging servers"
	@$(BIN)/python tools/siege/main.py $(if $(TRIALS),--trials $(TRIALS))

bench: $(VENV)/stamp-dev
	@echo "==> measuring"
	@$(BIN)/python tools/bench/main.py

bench-large: $(VENV)/stamp-dev
	@echo "==> measuring 10 million points and 100,000 runs (a quarter of an hour, three gigabytes)"
	@$(BIN)/python tools/bench/main.py --workload D --workload L --only W,P4,P5,P6,P7,P8,P9,P11,P12,P13,P15 --no-peer

bench-million: $(VENV)/stamp-dev
	@echo "==> measuring 1,000,000 runs (an hour, 30 GB)"
	@$(BIN)/python tools/bench/main.py --workload XL --only P4,P6,P7,P8,P12,P13,P15 --no-peer

bench-page: $(VENV)/stamp-dev page
	@echo "==> measuring the page in Chromium (a quarter of an hour, two gigabytes)"
	@$(BIN)/python tools/bench/browsing.py

# A stamp as for Python's packages: a second run does nothing.
ui/web/node_modules/stamp: ui/web/package.json
	@echo "==> installing the packages of the page"
	@cd ui/web && npm install --silent && touch node_modules/stamp

page: $(if $(NPM),ui/web/node_modules/stamp)
	@$(if $(NPM),,echo "There is no npm. Node.js 20 or newer brings it; on Debian: apt install nodejs npm" >&2; exit 1)
	@echo "==> building the page into ui/runstone_ui/page"
	@cd ui/web && npm run --silent build

wheel: $(VENV)/stamp-dev
	@echo "==> building the wheel into dist/"
	@$(if $(NPM),RUNSTONE_PAGE=required) $(PIP) wheel --quiet --no-deps --wheel-dir dist .

clean:
	rm -rf $(VENV) $(TORCH_VENV) dist demo-repo example-repo .upstream .pytest_cache .mypy_cache .ruff_cache .hypothesis ui/web/node_modules ui/runstone_ui/page
