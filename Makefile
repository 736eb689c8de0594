# `make help` lists the targets. Everything is installed into the working tree.
.DEFAULT_GOAL := help
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
NODE := bindings/node
# One selection of packages and features for lint, tests and both bindings, so that each dependency is compiled once.
# It has every feature but `cuda`, which needs nvcc.
WORKSPACE := --workspace --features qosguard/cli,qosguard-node/panic-probe
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
# What maturin and napi set for an extension, set for every build: a changed value would compile pyo3 and napi again.
export PYO3_BUILD_EXTENSION_MODULE := 1
export NAPI_TYPE_DEF_TMP_FOLDER := $(TARGET)/napi-types
export PYTHONPATH := $(CURDIR)/python
NEXTEST_VERSION := 0.9.143
NEXTEST := $(shell command -v cargo-nextest || echo $(CURDIR)/.tools/bin/cargo-nextest)
CHECK_CLEAN := git diff --exit-code --

.PHONY: help
help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort | column -t -s "$$(printf '\t')"

# --- what a fresh machine lacks ------------------------------------------------------------------------------------

$(VENV)/.installed: requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements-dev.txt
	@# The package is imported from where it is written.
	echo "$(CURDIR)/python" > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/qosguard.pth"
	touch $@

$(NODE)/node_modules/.installed: $(NODE)/package-lock.json
	cd $(NODE) && npm ci --no-audit --no-fund --loglevel=error
	touch $@

$(CURDIR)/.tools/bin/cargo-nextest:
	cargo install cargo-nextest --version $(NEXTEST_VERSION) --locked --root .tools

# --- one build -------------------------------------------------------------------------------------------------------

.PHONY: build python node
build: ## the library, the command line and both bindings, in one call of cargo
	mkdir -p $(NAPI_TYPE_DEF_TMP_FOLDER)
	cargo build $(WORKSPACE) --lib --bins --examples

# The old file is removed first: a running process may have it mapped.
python: build $(VENV)/.installed ## put the built extension into python/qosguard
	rm -f python/qosguard/_core.abi3.so
	cp $(TARGET)/debug/lib_core.so python/qosguard/_core.abi3.so

node: build $(NODE)/node_modules/.installed ## put the built add-on, its loader and its types into bindings/node
	node $(NODE)/tools/develop.mjs $(TARGET)/debug/libqosguard_node.so $(NAPI_TYPE_DEF_TMP_FOLDER)

# --- lint -----------------------------------------------------------------------------------------------------------

.PHONY: lint lint-rust lint-python lint-node lint-words stubs drift
lint: lint-rust lint-python lint-node lint-words drift ## everything that needs no test run

lint-rust:
	mkdir -p $(NAPI_TYPE_DEF_TMP_FOLDER)
	cargo fmt --all --check
	cargo clippy $(WORKSPACE) --all-targets -- -D warnings
	cargo clippy --lib --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc $(WORKSPACE) --no-deps

lint-python: stubs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict python/qosguard
	$(BIN)/python -m mypy.stubtest qosguard._core

lint-node: node
	cd $(NODE) && npm run --silent lint

lint-words: ## words that the project does not use; docs/words.toml lists them
	$(PYTHON) python/tools/words.py

stubs: python node ## regenerate the committed interface files
	$(TARGET)/debug/qosguard-stubs $(TARGET)/debug/lib_core.so | $(BIN)/python python/tools/stubs.py

drift: stubs ## a generated file that differs from what is committed fails
	$(CHECK_CLEAN) python/qosguard/_core.pyi $(NODE)/native.js $(NODE)/native.d.ts

# --- test -----------------------------------------------------------------------------------------------------------

.PHONY: test test-rust test-builds test-python test-node golden
# Tests that lack their public data write their names here; CI sets QOSGUARD_REQUIRE_DATA=1, and they fail.
export QOSGUARD_SKIPPED := $(TARGET)/skipped
forget = mkdir -p $(TARGET) && touch $(QOSGUARD_SKIPPED) && sed -i '/^$(1) /d' $(QOSGUARD_SKIPPED)

test: test-rust test-builds test-python test-node ## every test in three languages
	@for language in rust python node; do \
	  echo "$$language: $$(grep "^$$language " $(QOSGUARD_SKIPPED) | sort -u | wc -l) tests skipped for missing public data"; \
	done

test-rust: $(NEXTEST)
	$(call forget,rust)
	$(NEXTEST) nextest run $(WORKSPACE) --status-level slow --final-status-level fail
	cargo test $(WORKSPACE) --doc --quiet
	$(TARGET)/debug/examples/quickstart
	$(CHECK_CLEAN) tests/golden

test-builds: ## the smallest and the default build, by a few tests
	cargo test --quiet --no-default-features --test golden --test guard --test missing_features
	cargo test --quiet --test golden --test guard

test-python: python
	$(call forget,python)
	$(BIN)/pytest --quiet

test-node: node
	$(call forget,node)
	cd $(NODE) && npm test --silent

golden: ## rewrite tests/golden, docs/FLOW_FIELDS.md and docs/VERDICT_COLUMNS.md after a deliberate change
	QOSGUARD_BLESS=1 cargo test $(WORKSPACE) --quiet --test golden --test golden_detectors --test flow_fields --test verdict_columns --test incident_export

# --- bench and release ------------------------------------------------------------------------------------------------

.PHONY: bench dist
bench: $(VENV)/.installed ## criterion, then the peers in one run
	RAYON_NUM_THREADS=1 cargo bench -p qosguard-benches
	$(BIN)/pip install --quiet --requirement benches/requirements.txt
	source $(BIN)/activate && maturin develop --quiet --profile dist
	$(BIN)/python benches/peers.py --json target/peers.json

dist: $(VENV)/.installed $(NODE)/node_modules/.installed ## the wheel and the npm package, with their sizes
	$(BIN)/maturin build --profile dist --strip --out dist
	cd $(NODE) && npm pack --silent --pack-destination ../../dist
	ls -l dist
