# Everything here works on a machine with Python 3.11+ and make; the environment lives in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest -n auto --dist loadfile

.PHONY: demo test check bench crash wheel clean help
help:
	@echo "make demo    set up, train a sweep, crash a run, index, query (leaves ./demo-repo)"
	@echo "make test    set up, run every test"
	@echo "make check   ruff, mypy --strict, layout"
	@echo "make crash   the long crash campaign (minutes)"
	@echo "make bench   speed against Aim, side by side (minutes; installs Aim into its own environment)"

# One stamp file per set of packages, so that a second run does nothing.
$(VENV)/stamp-dev: pyproject.toml
	@echo "==> creating $(VENV) with the development packages"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

$(VENV)/stamp-demo: pyproject.toml
	@echo "==> creating $(VENV) with the demo's packages"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[demo]'
	@touch $@

demo: $(VENV)/stamp-demo
	$(BIN)/python tools/demo/main.py

test: $(VENV)/stamp-dev
	@echo "==> running the tests"
	$(PYTEST)

check: $(VENV)/stamp-dev
	@echo "==> ruff, mypy --strict, layout"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_layout.py

crash: $(VENV)/stamp-dev
	$(BIN)/python tools/crash/sigkill.py

bench: $(VENV)/stamp-dev
	$(BIN)/python tools/bench/main.py

wheel: $(VENV)/stamp-dev
	$(BIN)/python -m pip wheel --quiet --no-deps -w dist .

clean:
	rm -rf $(VENV) dist demo-repo .pytest_cache .mypy_cache .ruff_cache
