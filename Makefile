# `make help` lists what there is. On a fresh machine each target first makes .venv and installs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help book test lab run data portability bench lock clean
.DELETE_ON_ERROR:

help: ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "The book needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is $$($(PYTHON) --version 2>&1)." \
	    "Name one: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pip check
	@touch $(READY)

book: $(READY) ## Build the site from the stored outputs into _build/html
	$(BIN)/jupyter-book build . --builder html -W -n --keep-going --quiet
	@$(BIN)/python book/tools/check_site.py

test: $(READY) data ## Run every test: ruff, helpers, chapters (nbval, strict), site
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest --nbval

lab: $(READY) ## Open the chapters in JupyterLab
	$(BIN)/jupyter lab chapters

run: $(READY) data ## Execute chapters again and store their outputs: one with CHAPTER=03, or all
	$(BIN)/python book/tools/run_chapters.py $(CHAPTER)

data: $(READY) ## Fetch all the data ahead, for a classroom or a plane
	$(BIN)/python -m helpers.data

# Each line stands in for a processor other than the one that stored the outputs.
portability: $(READY) data ## Repeat the chapters as other processors would compute them
	TF_ENABLE_ONEDNN_OPTS=0 $(BIN)/python -m pytest --nbval chapters
	TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 $(BIN)/python -m pytest --nbval chapters
	OPENBLAS_CORETYPE=Nehalem ONEDNN_MAX_CPU_ISA=SSE41 XLA_FLAGS=--xla_cpu_max_isa=SSE4_2 \
	  $(BIN)/python -m pytest --nbval chapters

bench: $(READY) data ## Measure the skip-gram trainer against gensim's (about twenty minutes)
	$(BIN)/python book/tools/bench_skipgram.py

lock: $(READY) ## Renew requirements.lock from requirements.txt
	$(BIN)/python -m pip install --quiet --target $(VENV)/uv uv==0.13.9
	grep -v '^-e' requirements.txt | $(VENV)/uv/bin/uv pip compile - --universal \
	  --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url --quiet \
	  --custom-compile-command "make lock" --output-file requirements.lock

clean: ## Remove the site, caches and the virtual environment
	rm -rf _build .pytest_cache .ruff_cache $(VENV) *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
