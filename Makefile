# `make help` lists the targets. Everything is installed into the working tree.
.DEFAULT_GOAL := help
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
NODE := bindings/node
# All but `cuda`, which needs nvcc: so no target says --all-features.
FEATURES := --features cli
WORKSPACE := --workspace --features qosguard/cli,qosguard-node/panic-probe
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
	touch $@

$(NODE)/node_modules/.installed: $(NODE)/package-lock.json
	cd $(NODE) && npm ci --no-audit --no-fund --loglevel=error
	touch $@

$(CURDIR)/.tools/bin/cargo-nextest:
	cargo install cargo-nextest --version $(NEXTEST_VERSION) --locked --root .tools

# --- the bindings, built for tests -----------------------------------------------------------------------------------

.PHONY: python node
python: $(VENV)/.installed ## build the Python package into .venv
	source $(BIN)/activate && maturin develop --quiet

node: $(NODE)/node_modules/.installed ## build the Node package in place
	cd $(NODE) && npm run --silent build:dev

# --- lint -----------------------------------------------------------------------------------------------------------

.PHONY: lint lint-rust lint-python lint-node stubs drift
lint: lint-rust lint-python lint-node drift ## everything that needs no test run

lint-rust:
	cargo fmt --all --check
	cargo clippy $(WORKSPACE) --all-targets --quiet -- -D warnings
	cargo clippy --lib --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc $(WORKSPACE) --no-deps --quiet

lint-python: python
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict python/qosguard
	$(BIN)/python -m mypy.stubtest qosguard._core

lint-node: node
	cd $(NODE) && npm run --silent lint

stubs: python node ## regenerate the committed interface files
	$(BIN)/python python/tools/stubs.py

drift: stubs ## a generated file that differs from what is committed fails
	$(CHECK_CLEAN) python/qosguard/_core.pyi $(NODE)/native.js $(NODE)/native.d.ts

# --- test -----------------------------------------------------------------------------------------------------------

.PHONY: test test-rust test-python test-node golden
test: test-rust test-python test-node ## every test in three languages

test-rust: $(NEXTEST)
	$(NEXTEST) nextest run $(FEATURES) --cargo-quiet
	cargo test $(FEATURES) --doc --quiet
	cargo run $(FEATURES) --quiet --example quickstart
	$(CHECK_CLEAN) tests/golden

test-python: python
	$(BIN)/pytest --quiet

test-node: node
	cd $(NODE) && npm test --silent

golden: ## rewrite tests/golden and docs/FLOW_FIELDS.md after a deliberate change
	QOSGUARD_BLESS=1 cargo test $(FEATURES) --quiet --test golden --test flow_fields

# --- bench and release ------------------------------------------------------------------------------------------------

.PHONY: bench dist
bench: $(VENV)/.installed ## criterion, then the peers in one run
	RAYON_NUM_THREADS=1 cargo bench $(FEATURES)
	$(BIN)/pip install --quiet --requirement benches/requirements.txt
	source $(BIN)/activate && maturin develop --quiet --release
	$(BIN)/python benches/peers.py --json target/peers.json

dist: $(VENV)/.installed $(NODE)/node_modules/.installed ## the wheel and the npm package, with their sizes
	$(BIN)/maturin build --release --strip --out dist
	cd $(NODE) && npm pack --silent --pack-destination ../../dist
	ls -l dist
