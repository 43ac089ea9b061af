# `make help` lists what there is. On a fresh machine each target first makes .venv and installs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# CHAPTER=05 means chapter 5: its evidence notebook, which runs first, and the chapter.
ifdef CHAPTER
NOTEBOOKS := $(wildcard book/evidence/$(CHAPTER)-*.ipynb chapters/$(CHAPTER)-*.ipynb)
ifeq ($(NOTEBOOKS),)
$(error No notebook is called $(CHAPTER)-...: name a chapter by two digits, such as CHAPTER=05)
endif
TESTS := tests/test_chapters.py tests/test_site.py $(NOTEBOOKS) -k "$(CHAPTER)-"
endif

.PHONY: help book test lab run data spark reseed portability bench long-run report lock clean
.DELETE_ON_ERROR:

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

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
	@$(BIN)/python -m book.tools.contents
	$(BIN)/jupyter-book build . --builder html -W -n --keep-going --quiet
	@$(BIN)/python book/tools/check_site.py

test: $(READY) data ## Run every test: ruff, imports, helpers, notebooks (nbval, strict), site; or CHAPTER=05
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/python -m pytest --nbval -n 2 --dist loadfile --junitxml=_build/tests.xml $(TESTS)

lab: $(READY) ## Open the chapters in JupyterLab
	$(BIN)/jupyter lab --LabApp.app_settings_dir=book/lab --LabApp.default_url=/lab/tree/chapters

run: $(READY) data ## Execute notebooks again and store their outputs: CHAPTER=05, or all
	$(BIN)/python -m book.tools.run_notebooks $(CHAPTER)

data: $(READY) ## Fetch all the data ahead, for a classroom or a plane, or that of CHAPTER=05
	$(BIN)/python -m helpers.data $(NOTEBOOKS)

spark: $(READY) ## Install Spark for the page "Past one machine" (needs Java 17 or 21)
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps --no-build-isolation \
	  --requirement requirements-spark.txt
	@$(BIN)/python -c 'from helpers import spark; spark.require()'

reseed: $(READY) data ## See whether verdicts stand under other seeds: SEEDS=3, CHAPTER=05 or all
	$(BIN)/python -m book.tools.reseed --seeds $(or $(SEEDS),3) $(CHAPTER)

# Each line stands in for a processor other than the one that stored the outputs.
portability: NBVAL = $(BIN)/python -m pytest --nbval $(or $(NOTEBOOKS),chapters book/evidence)
portability: $(READY) data ## Repeat the notebooks as other processors would compute them; or CHAPTER=05
	TF_ENABLE_ONEDNN_OPTS=0 $(NBVAL)
	TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 $(NBVAL)
	OPENBLAS_CORETYPE=Nehalem ONEDNN_MAX_CPU_ISA=SSE41 XLA_FLAGS=--xla_cpu_max_isa=SSE4_2 $(NBVAL)

bench: $(READY) data ## Measure the skip-gram trainer against gensim, and store it (about five minutes)
	$(BIN)/python book/evidence/runs/bench_skipgram.py

long-run: $(READY) data ## Repeat a run that is too long for a notebook, and store it: RUN=dimensions
	$(BIN)/python book/evidence/runs/$(or $(RUN),$(error Name one of book/evidence/runs: RUN=dimensions)).py

report: $(READY) ## Print words, lines and seconds of each notebook
	@$(BIN)/python -m book.tools.report

lock: $(READY) ## Renew requirements.lock from requirements.txt
	$(BIN)/python -m pip install --quiet --target $(VENV)/uv uv==0.13.9
	grep -v '^-e' requirements.txt | $(VENV)/uv/bin/uv pip compile - --universal \
	  --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url --quiet \
	  --custom-compile-command "make lock" --output-file requirements.lock

clean: ## Remove the site, caches and the virtual environment
	rm -rf _build .pytest_cache .ruff_cache $(VENV) *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
