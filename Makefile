# Every target is a line or two; what it does is in the command it calls. `make help` lists them.
# Each target installs what it needs into .venv first, and again only after setup.py or constraints.txt changed.

.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TESTABLE := $(VENV)/.installed-test
export OMP_NUM_THREADS ?= 1
export MLFLOW_DISABLE_TELEMETRY ?= true

# What a call may set: make train PROBLEM=art, make predict ROW='{…}', make test PYTEST_ARGS='-k drift'
PROBLEM ?=
VERSION ?=
IMAGE ?=
ROW ?= {"hue_mean": 0.08, "sat_mean": 0.55, "val_mean": 0.62, "contrast": 0.48, "edges": 0.11}
REASON ?= promoted with make
API_URL ?= http://127.0.0.1:$(or $(PORT),8000)
PYTEST_ARGS ?=
KILLS ?= 20
BENCHMARKS ?= features drift drift_art gate lane rollout_sim serving

of_problem = $(if $(PROBLEM),--problem $(PROBLEM))
pytest = $(BIN)/python -m pytest $(PYTEST_ARGS)

.PHONY: help
help: ## List every target with a line each
	@awk -F ':.*## ' '/^[a-z][a-z -]*:.*## / { n = split($$1, names, " "); \
	    for (i = 1; i <= n; i++) printf "  %-18s %s\n", names[i], $$2 }' Makefile

$(INSTALLED): setup.py constraints.txt
	@scripts/install.sh $(VENV) api,pipeline
	@touch $@

$(TESTABLE): setup.py constraints.txt
	@scripts/install.sh $(VENV) api,pipeline,test
	@touch $(INSTALLED) $@

.PHONY: install
install: $(INSTALLED) ## Install ArtPulse into .venv

# --- The line from pictures to answers ---------------------------------------------------------------------------
.PHONY: demo
demo: $(INSTALLED) ## Run the whole line and stay up; ONCE=1 stops at the end, DEMO_UI=0 leaves the Dagster UI out
	@$(BIN)/artpulse demo $(if $(filter 1 true yes,$(ONCE)),--once)

.PHONY: generate-images
generate-images: $(INSTALLED) ## Make labelled synthetic pictures to try things with
	@$(BIN)/artpulse data generate

.PHONY: train
train: $(INSTALLED) ## Train every problem, or PROBLEM=name
	@$(BIN)/artpulse train $(of_problem)

.PHONY: train-images
train-images: $(INSTALLED) ## Train the problem art, from pictures
	@$(BIN)/artpulse train --problem art

.PHONY: serve
serve: $(INSTALLED) ## Serve the champions on PORT (default 8000), with one operate key that is printed once
	@$(BIN)/artpulse serve --new-key

.PHONY: predict
predict: $(INSTALLED) ## Answer one row of five numbers with the champion; ROW='{…}' for another
	@$(BIN)/artpulse predict --row '$(ROW)' $(of_problem)

.PHONY: predict-image
predict-image: $(INSTALLED) ## Answer one picture with the champion: IMAGE=file
	@test -n "$(IMAGE)" || { echo "Which picture? make predict-image IMAGE=path/to/picture.jpg" >&2; exit 64; }
	@$(BIN)/artpulse predict "$(IMAGE)" $(of_problem)

.PHONY: metrics
metrics: $(INSTALLED) ## Print the metrics of the running server
	@$(BIN)/python -c 'import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=5).read().decode())' \
	    "$(API_URL)/metrics"

# --- Watching and replacing --------------------------------------------------------------------------------------
.PHONY: drift monitor-drift
drift monitor-drift: $(INSTALLED) ## Compare what was asked lately with what the champion learned from
	@$(BIN)/artpulse drift run $(of_problem)

.PHONY: retrain
retrain: $(INSTALLED) ## Train a challenger and judge it against the champion
	@$(BIN)/artpulse retrain $(of_problem)

.PHONY: promote-alias
promote-alias: $(INSTALLED) ## Make the challenger the champion if the gate agrees; REASON='…' is kept
	@$(BIN)/artpulse promote "$(or $(PROBLEM),$(ARTPULSE_DEFAULT_PROBLEM),art_core5)" \
	    $(if $(VERSION),--version $(VERSION)) --reason "$(REASON)"

# --- Looking at it -----------------------------------------------------------------------------------------------
.PHONY: dagster
dagster: $(INSTALLED) ## Open the asset graph: Dagster UI on port 3000
	@home="$${DAGSTER_HOME:-$$($(BIN)/python -c 'from artpulse_assets.instance import prepare; \
	    from artpulse_core.settings import load; print(prepare(load()))')}" && \
	    PATH="$(CURDIR)/$(BIN):$$PATH" DAGSTER_HOME="$$home" $(BIN)/dagster dev --port 3000

.PHONY: ui
ui: $(INSTALLED) ## Open runs, models and aliases: MLflow UI on port 5000
	@PATH="$(CURDIR)/$(BIN):$$PATH" MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false \
	    $(BIN)/mlflow ui --workers 1 --host 127.0.0.1 --port 5000 --backend-store-uri \
	    "$$($(BIN)/python -c 'from artpulse_core.settings import load; print(load().tracking_uri)')"

# --- Keeping the house in order ----------------------------------------------------------------------------------
.PHONY: test
test: $(TESTABLE) ## Run the default tests: no server, no browser, under two minutes
	@$(pytest) -n 2 --dist loadfile

.PHONY: smoke
smoke: $(TESTABLE) ## Run the fast part of the tests, under twenty seconds
	@$(pytest) -m smoke

.PHONY: test-extended
test-extended: $(TESTABLE) ## Run only the tests that need a server, a database or minutes
	@$(pytest) -m extended

.PHONY: test-all
test-all: test test-extended ## Run every test; ARTPULSE_REQUIRE_ALL=1 fails where a needed part is missing

.PHONY: check
check: $(TESTABLE) ## Format, lint, types, import walls, links and documentation
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/mypy --strict scripts
	@$(BIN)/lint-imports
	@$(BIN)/python scripts/check_links.py
	@$(BIN)/python scripts/configuration_table.py --check
	@$(pytest) tests/test_docs.py tests/test_house.py

.PHONY: format
format: $(TESTABLE) ## Format the code, mend what the linter can, write the generated tables anew
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .
	@$(BIN)/python scripts/configuration_table.py

.PHONY: benchmarks
benchmarks: $(TESTABLE) ## Measure what the README claims; BENCHMARKS='drift gate' for some of it
	@set -e; for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python -m benchmarks.$$name; done

.PHONY: faults
faults: $(TESTABLE) ## Break what can break, print what was expected and seen; KILLS=200 for more SIGKILLs
	@$(BIN)/python -m tests.faults --kills $(KILLS)

.PHONY: rollout-sim
rollout-sim: $(INSTALLED) ## Simulate rollouts: how often an equal secondary is stopped, how soon a worse one
	@$(BIN)/python -m benchmarks.rollout_sim

.PHONY: clean
clean: ## Remove caches and build leftovers; .venv and the state in .artpulse stay
	@rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .tmp_dagster_home_*
	@find artpulse_core artpulse_assets artpulse_api tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
