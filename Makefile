# `make demo` and `make test` are each enough on a bare Debian machine with Python 3.11+ (with venv) and make.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: demo paper-in-small test integration slow gpu lint format docs docs-serve docs-reference constraints clean

demo: $(STAMP)
	$(BIN)/prettyuseful demo --out demo-results

paper-in-small: $(STAMP)
	$(BIN)/prettyuseful demo --study paper-in-small --out paper-in-small-results

# The tests start many processes. Without stored bytecode, each of them would compile the package again.
test integration slow: export PYTHONDONTWRITEBYTECODE :=

# In two processes; whole studies, which take longest, come first.
test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 20

# Whole studies on every kind of store and cluster, and hostile input; CI runs them as well.
integration: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "integration and not slow" --durations 20

slow: $(STAMP)
	$(BIN)/python -m pytest -m slow
	$(BIN)/python -m pytest -m hypothesis --hypothesis-profile "many examples"

# At most 12 minutes on a card of 80 GB; nothing is downloaded.
gpu: $(STAMP)
	$(BIN)/python -m prettyuseful.gpu_check --out gpu-check

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# Material for MkDocs prints a notice about MkDocs 2 unless this variable is set.
export NO_MKDOCS_2_WARNING := 1

# The site, in site/. A missing page, a dead link or an unknown reference is an error.
docs: $(STAMP)
	$(BIN)/mkdocs build --strict --quiet

docs-serve: $(STAMP)
	$(BIN)/mkdocs serve

# Rewrites the pages that are generated from the code: docs/reference, tables, docs/llms.txt.
docs-reference: $(STAMP)
	$(BIN)/python tools/layouts_table.py
	$(BIN)/python tools/pipelines_table.py
	$(BIN)/python tools/docs_reference.py

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
	rm -rf .venv build site src/*.egg-info .mypy_cache .ruff_cache .pytest_cache
