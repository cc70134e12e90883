# make help explains the targets. `make test` and `make demo` need Go alone.

GO       ?= go
UPSTREAM ?=
FUZZTIME ?= 10s
PKG      ?= ./...
BENCHFLAGS ?=
BIN      := bin
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
COMMIT   := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
DATE     := $(shell git log -1 --format=%cI 2>/dev/null || echo unknown)
LDFLAGS  := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.date=$(DATE)

# The race detector needs cgo, which the go command turns off where there is no C compiler; then tests run without it, and say so.
RACE     := $(if $(filter 1,$(shell $(GO) env CGO_ENABLED)),-race,)

.DEFAULT_GOAL := help
.PHONY: help build need-upstream run demo test test-short race lint fmt fuzz h2spec bench bench-micro generate deps screenshots tools clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  Variables: UPSTREAM=URL (run), FUZZTIME=10s (fuzz), PKG=./... (test-short, race, bench), BENCHFLAGS='-rounds 3' (bench)"

build: ## Build bin/merlon, static, stamped with version, commit and date
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN)/merlon ./cmd/merlon

need-upstream:
	@test -n "$(UPSTREAM)" || { echo "say which API to protect: make run UPSTREAM=http://127.0.0.1:3000" >&2; exit 2; }

run: need-upstream build ## Put Merlon before your API: make run UPSTREAM=http://127.0.0.1:3000
	$(BIN)/merlon serve --upstream "$(UPSTREAM)"

demo: build ## Start Acme Hospital, its clients and attackers, and Merlon in front, all on loopback
	$(BIN)/merlon demo

test: deps ## Vet and run every test with the race detector (15 minutes at most)
	@test -n "$(RACE)" || echo "NO C COMPILER (or CGO_ENABLED=0): tests run WITHOUT the race detector" >&2
	$(GO) vet ./...
	$(GO) test $(RACE) -p 2 -timeout 14m ./...
	cd tools && $(GO) vet ./... && $(GO) test -timeout 5m ./...

test-short: ## Run the quick tests, without the race detector
	$(GO) test -short $(PKG)

race: ## Run tests of PKG with the race detector, uncached
	$(GO) test -race -count=1 -timeout 14m $(PKG)

lint: $(BIN)/golangci-lint ## Run golangci-lint (its first installation takes three minutes)
	$(BIN)/golangci-lint run ./...

fmt: $(BIN)/gofumpt ## Format the sources
	$(BIN)/gofumpt -w arch*_test.go $(wildcard cmd internal tools)

fuzz: ## Run every fuzz target for FUZZTIME each
	@set -e; $(GO) list -f '{{.Dir}} {{.ImportPath}}' ./... | while read -r dir pkg; do \
		for f in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$dir"/*_test.go 2>/dev/null); do \
			echo "== $$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) "$$pkg" </dev/null; \
		done; \
	done

h2spec: $(BIN)/h2spec ## Run the conformance suite for HTTP/2 against a TLS listener, with its explained exceptions
	$(GO) test -count=1 -v -run TestH2Spec ./internal/edge/proxy/conformance

$(BIN)/h2spec: tools/h2spec/go.mod
	cd tools/h2spec && CGO_ENABLED=0 $(GO) build -trimpath -o ../../$(BIN)/h2spec github.com/summerwind/h2spec/cmd/h2spec

bench: build ## Measure CPU per request beside HAProxy and nginx, then the micro-benchmarks (docs/reference/benchmark.md)
	@cd tools && $(GO) build -o ../$(BIN)/bench ./bench
	@status=0; $(BIN)/bench -merlon $(BIN)/merlon $(BENCHFLAGS) || status=$$?; echo; \
		$(MAKE) --no-print-directory bench-micro || status=$$?; exit $$status

bench-micro: ## Run the micro-benchmarks of PKG with their allocations
	$(GO) test -run '^$$' -bench . -benchmem -benchtime 0.5s $(PKG)

generate: $(BIN)/templ ## Write generated code and reference pages afresh
	$(BIN)/templ generate
	$(GO) generate ./...
	$(GO) test ./internal/config -run TestReferencePage -update

deps: ## Install the programs some tests need (nginx, haproxy, apache2, caddy, node, wrk, h2load, chromium), where apt-get and root are there
	@./tools/deps.sh

screenshots: deps ## Open every page of the dashboard in Chromium and keep pictures in bin/screenshots
	mkdir -p $(BIN)/screenshots
	MERLON_SCREENSHOTS=$(CURDIR)/$(BIN)/screenshots $(GO) test -count=1 -timeout 14m -run TestPagesInABrowser ./internal/control/web

tools: $(BIN)/golangci-lint $(BIN)/gofumpt $(BIN)/templ $(BIN)/benchstat ## Install the developers' tools into bin/, at pinned versions

$(BIN)/%: tools/install.sh
	./tools/install.sh $*

clean: ## Remove what was built and what the tests left behind
	rm -rf $(BIN)/merlon coverage.out
	$(GO) clean -testcache
