# `make demo` and `make test` are each enough on a bare Debian machine with Python 3.11+ (with venv) and make.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: demo paper-in-small test slow lint format constraints clean

demo: $(STAMP)
	$(BIN)/prettyuseful demo --out demo-results

paper-in-small: $(STAMP)
	$(BIN)/prettyuseful demo --study paper-in-small --out paper-in-small-results

# In two processes; whole studies, which take longest, come first.
test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 20

slow: $(STAMP)
	$(BIN)/python -m pytest -m slow

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# torch alone is some gigabytes: the first time takes a few minutes.
$(STAMP): pyproject.toml constraints.txt
	@echo "installing into .venv (a few minutes the first time) ..."
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@touch $@

constraints: $(STAMP)
	(head -n 2 constraints.txt; $(BIN)/python -m pip freeze --exclude-editable | grep -v ' @ ' | grep -viE '^(pip|setuptools|wheel)==') > constraints.new
	mv constraints.new constraints.txt

clean:
	rm -rf .venv build src/*.egg-info .mypy_cache .ruff_cache .pytest_cache
