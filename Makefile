# Everything a user or a developer does here. `make` alone lists it.

VERSION    := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS    := -X resnet-autoscaling/internal/command.version=$(VERSION)
CACHE      := $(CURDIR)/.cache
TOOLS      := -modfile=internal/tools/go.mod
ONNX       := $(CACHE)/onnxruntime/libonnxruntime.so
PROMETHEUS := $(CACHE)/bin/prometheus
KUBECTL    := $(CACHE)/bin/kubectl
GOFUMPT    := $(CACHE)/bin/gofumpt
STATICCHECK := $(CACHE)/bin/staticcheck
GOVULNCHECK := $(CACHE)/bin/govulncheck
KUBERNETES := -X k8s.io/component-base/version.gitVersion=v1.37.1 -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=37

# Fetching, building Prometheus and building ours overlap.
MAKEFLAGS += --jobs=2
.DELETE_ON_ERROR:

.PHONY: help
help: ## list the targets (this is the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(ONNX) $(PROMETHEUS) ## fetch libonnxruntime and Prometheus into .cache/, once

.PHONY: build
build: ## build the binaries into bin/
	@mkdir -p bin
	go build -trimpath -ldflags "$(LDFLAGS)" -o bin/ ./cmd/...

.PHONY: demo
demo: setup build ## run the whole system here: load rises, replicas follow, load falls; ends with out/report.html
	bin/local demo

.PHONY: up
up: setup build ## run the whole system here until Ctrl-C
	bin/local up

.PHONY: test
test: setup build $(KUBECTL) ## run every test, with the race detector
	PATH="$$PATH:$(CACHE)/bin" go test -race -timeout 15m ./...

.PHONY: lint
lint: $(GOFUMPT) $(STATICCHECK) ## gofumpt, vet and staticcheck
	@unformatted=$$($(GOFUMPT) -l .); if [ -n "$$unformatted" ]; then echo "not gofumpt-ed (make fmt):"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(STATICCHECK) ./...

.PHONY: fmt
fmt: $(GOFUMPT) ## format the code
	$(GOFUMPT) -w .

.PHONY: vuln
vuln: $(GOVULNCHECK) ## look for known vulnerabilities (needs the web)
	@out=$$($(GOVULNCHECK) ./... 2>&1); code=$$?; echo "$$out"; \
	case "$$out" in *"fetching vulnerabilities"*) echo "vuln: not checked: the vulnerability database cannot be reached"; exit 0;; esac; exit $$code

.PHONY: clean
clean: ## remove what was built and measured, keep what was fetched
	rm -rf bin out .local

$(ONNX): internal/tools/onnxruntime.sh
	internal/tools/onnxruntime.sh $@

$(PROMETHEUS): internal/tools/prometheus.sh internal/tools/go.mod
	internal/tools/prometheus.sh $@

$(KUBECTL): internal/tools/kubectl/main.go internal/tools/go.mod
	CGO_ENABLED=0 go -C internal/tools build -ldflags "-s -w $(KUBERNETES)" -o $@ ./kubectl

$(GOFUMPT): internal/tools/go.mod
	go build $(TOOLS) -o $@ mvdan.cc/gofumpt

$(STATICCHECK): internal/tools/go.mod
	go build $(TOOLS) -o $@ honnef.co/go/tools/cmd/staticcheck

$(GOVULNCHECK): internal/tools/go.mod
	go build $(TOOLS) -o $@ golang.org/x/vuln/cmd/govulncheck
