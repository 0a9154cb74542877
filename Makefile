# acmesync: every command of the project. `make help` lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO ?= go
# Linters and generators have a module of their own, so that they never move the product's versions.
TOOL = $(GO) tool -modfile=$(CURDIR)/tools/go.mod
# Flags for go test: make test TESTFLAGS='-race -run Ledger'
TESTFLAGS ?=
# Flags for dev smoke: make smoke SMOKEFLAGS='-deadline 10m -v'
SMOKEFLAGS ?=

PROGRAMS := ./api ./worker ./starter ./sandbox

##@ Use
.PHONY: run
run: build deps-postgres ## Bring everything up on this machine with sandbox data, show the first sync; Ctrl-C stops it
	@exec dev/bin/dev run

.PHONY: smoke
smoke: build deps-postgres ## The same on free ports with fresh data, beside a running `make run`: check the first sync, then end
	@exec dev/bin/dev smoke $(SMOKEFLAGS)

.PHONY: reset
reset: ## Forget the data of `make run`: databases, sandboxes, keys
	@if [ -x dev/bin/dev ]; then dev/bin/dev reset; else rm -rf .data; fi

##@ Build and test
.PHONY: build
build: build-dev ## Build the programs into bin/ and the development binary into dev/bin/
	@mkdir -p bin
	$(GO) build -o bin/ $(PROGRAMS)

.PHONY: build-dev
build-dev:
	@GO='$(GO)' dev/build.sh

.PHONY: test
test: build deps ## All tests, on a throw-away PostgreSQL
	dev/bin/dev exec -- $(GO) test -timeout 30m $(TESTFLAGS) ./...
	dev/bin/dev exec -- $(GO) -C dev test -timeout 10m $(TESTFLAGS) ./...

.PHONY: check
check: fmt-check build vet lint workflow-check replay collection-fresh ## All that can be said of the code without a database: format, vet, lint, determinism, replay

.PHONY: fmt-check
fmt-check:
	@unformatted=$$(git ls-files --cached --others --exclude-standard -- '*.go' | xargs -r ls 2>/dev/null | xargs -r gofmt -l); \
	if [ -n "$$unformatted" ]; then echo "not formatted with gofmt:"; echo "$$unformatted"; exit 1; fi

.PHONY: vet
vet:
	$(GO) vet ./...
	$(GO) -C dev vet ./...

.PHONY: lint
lint:
	$(TOOL) golangci-lint run ./...
	cd dev && $(TOOL) golangci-lint run ./...

# Workflow code must decide the same when its history is replayed: no clock, no random, no map order.
.PHONY: workflow-check
workflow-check:
	$(TOOL) workflowcheck ./workflows/...

# Histories of workflows that ran with older code must replay on today's.
.PHONY: replay
replay:
	$(GO) test -count=1 -run Replay ./workflows/...

# What is made from Acme's contract must be made from today's.
.PHONY: collection-fresh
collection-fresh:
	$(GO) test -count=1 -run Fresh ./acme/collection

.PHONY: histories
histories: build-dev deps-postgres ## Record workflow histories for the replay tests; run it at a deployed commit, never on a branch under test
	dev/bin/dev exec --temporal -- $(GO) test -count=1 ./workflows -run TestRecordHistories -record

.PHONY: interop
interop: interop-newman ## Compare with programs that are not ours: series (ical.js), the Postman collection (newman), brokers (kcat, sns-validator, fauxqs); needs npm, tests do not
	@dev/deps.sh interop
	cd mapping/interop && npm ci --no-audit --no-fund && npm run --silent generate
	$(GO) test -count=1 -run 'TestInterop' ./mapping
	cd broker/interop && npm ci --no-audit --no-fund
	TEST_INTEROP=1 $(GO) test -count=1 ./broker/interop

.PHONY: interop-newman
interop-newman:
	@mkdir -p bin
	$(GO) build -o bin/ ./sandbox
	cd acme/interop && npm ci --no-audit --no-fund && npm run --silent collection

.PHONY: collection
collection: ## Write docs/acme.postman_collection.json and docs/acme.http from Acme's contract
	$(GO) run ./acme/collection

.PHONY: bench
bench: build deps-postgres ## Benchmarks against a bare loop and a plain poller
	dev/bin/dev exec --temporal -- $(GO) test -run '^$$' -bench . -benchtime 1x -timeout 60m ./bench/...

# How many edits the storm makes; TEST_STORM_SEED=… repeats one.
STORM_EDITS ?= 1000

.PHONY: chaos
chaos: build deps ## A long storm of edits on both sides at once, with duplicates, reordering and lost answers
	TEST_STORM_EDITS=$(STORM_EDITS) dev/bin/dev exec -- $(GO) test -count=1 -timeout 20m -run TestStorm -v ./e2e

##@ House
.PHONY: deps
deps: ## Install what tests need beyond Go (PostgreSQL, Chromium), or say how
	@dev/deps.sh tests

.PHONY: deps-postgres
deps-postgres:
	@dev/deps.sh postgres

.PHONY: clean
clean: ## Remove build output, keep all data
	rm -rf bin dev/bin

.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## " } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { split($$1, name, ":"); printf "  make %-11s %s\n", name[1], $$2 }' $(MAKEFILE_LIST)
