# Everything a newcomer needs: `make demo` shows the product at work, `make test` proves it. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

LAB := go run ./lab
PLATFORMS := linux/amd64,linux/arm64,linux/arm/v6,linux/arm/v7,linux/386,linux/ppc64le,linux/s390x,linux/riscv64
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
FUZZTIME ?= 20s

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/multiarch-action
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/multiarch-action .

.PHONY: demo
demo: build lab-up ## set everything up, then build, prove and publish examples/hello for eight platforms
	eval "$$($(LAB) env)"; export MULTIARCH_BUILDKIT_IMAGE; PATH="$$LAB_QEMU_DIR:$$PATH" bin/multiarch-action build \
	  --platform $(PLATFORMS) \
	  --tag localhost:5000/demo/hello:1 --push \
	  --test 'uname -m' --keep-handlers \
	  --buildkitd-config lab/buildkitd.toml \
	  examples/hello

# The end-to-end tests share one kernel's handlers and one engine with everything else on the machine: what fails in up to four of
# them is run once more, and shown as such.
.PHONY: test
test: lab-up packages lint ## set everything up, then vet, lint and run all tests
	$$($(LAB) tool gotestsum) --format pkgname -- -race -shuffle=on -count=1 ./...
	eval "$$($(LAB) env)"; export LAB_QEMU_DIR; \
	$$($(LAB) tool gotestsum) --format testname --rerun-fails=1 --rerun-fails-max-failures=4 --packages './e2e ./internal/publish ./internal/setup ./internal/verify ./lab' \
	  -- -race -count=1 -p 1 -parallel 3 -timeout 20m -tags e2e

.PHONY: release release-dry-run
RELEASE ?= v0.0.0-dryrun
release: ## make all of release RELEASE=v1.4.0 in bin/release: programs, sums, materials, release commit
	go run ./release --version $(RELEASE)

release-dry-run: lab-up ## make a release twice, the second time from cold caches, compare the bytes, and build its image
	go run ./release --version $(RELEASE) --out bin/release
	cache=$$(mktemp -d); trap 'rm -rf "$$cache"' EXIT; GOCACHE=$$cache go run ./release --version $(RELEASE) --out bin/release-again
	diff -r bin/release/programs bin/release-again/programs
	[ "$$(git -C bin/release/repository.git rev-parse $(RELEASE))" = "$$(git -C bin/release-again/repository.git rev-parse $(RELEASE))" ]
	@echo "release: both are the same, byte for byte"
	eval "$$($(LAB) env)"; export MULTIARCH_BUILDKIT_IMAGE; export SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct); \
	  for builder in one two; do bin/release/programs/multiarch-action-linux-$$(go env GOARCH) build \
	    --platform linux/amd64,linux/arm64,linux/arm/v6,linux/ppc64le,linux/s390x,linux/riscv64 \
	    --tag localhost:5000/release/multiarch-action:$(RELEASE) --push --test 'multiarch-action --version' \
	    --buildkitd-config lab/buildkitd.toml --file release/Dockerfile bin/release/programs; done

.PHONY: lint
lint: .lab/groovy-linted ## vet and lint
	gofmt -l . | (! grep .)
	go vet ./... && go vet -tags e2e ./...
	$$($(LAB) tool golangci-lint) run --build-tags e2e ./...
	$$($(LAB) tool actionlint)

# It starts Java: only when something has changed.
.lab/groovy-linted: vars/multiarchBuild.groovy examples/jenkins/Jenkinsfile .groovylintrc.json lab/tools/groovy-lint/package-lock.json | packages
	$$($(LAB) tool npm-groovy-lint) --noserver --failon info vars/multiarchBuild.groovy examples/jenkins/Jenkinsfile
	touch $@

.PHONY: bench
bench: build lab-up ## compare with the usual chain of tools, builds with and without verification, verify with crane, and our memory with its limit
	go run ./bench
	go run ./bench -verify
	go run ./bench -images
	go run ./bench -limits

.PHONY: fuzz
fuzz: ## run every fuzz test for FUZZTIME (20s)
	@go list ./... | while read -r package; do \
	  for target in $$(go test -list '^Fuzz' "$$package" | grep '^Fuzz' || true); do \
	    echo "fuzz: $$package $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) "$$package"; \
	  done; done

.PHONY: packages
packages:
	$(LAB) packages

.PHONY: lab-up lab-down
lab-up: ## start the engine, BuildKit image, registries and base images that the demo and the tests need
	$(LAB) up

lab-down: ## end what lab-up started
	$(LAB) down
