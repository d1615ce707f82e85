# Everything a user or a developer does here. `make` alone lists it.

VERSION    := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS    := -X resnet-autoscaling/internal/command.version=$(VERSION)
CACHE      := $(CURDIR)/.cache
TOOLS      := -modfile=internal/tools/go.mod
ONNX       := $(CACHE)/onnxruntime/libonnxruntime.so
PROMETHEUS := $(CACHE)/bin/prometheus
PROMTOOL   := $(CACHE)/bin/promtool
KUBECTL    := $(CACHE)/bin/kubectl
E2E        := $(CACHE)/e2e
TAG        := latest
GOFUMPT    := $(CACHE)/bin/gofumpt
STATICCHECK := $(CACHE)/bin/staticcheck
GOVULNCHECK := $(CACHE)/bin/govulncheck
KUBERNETES := -X k8s.io/component-base/version.gitVersion=v1.37.1 -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=37
CONTROLPLANE := -X k8s.io/component-base/version.gitVersion=v1.36.3 -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=36

# Fetching, building Prometheus and building ours overlap.
MAKEFLAGS += --jobs=2
.DELETE_ON_ERROR:

.PHONY: help
help: ## list the targets (this is the default)
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

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
test: setup build $(KUBECTL) $(PROMTOOL) ## run every test, with the race detector
	PATH="$$PATH:$(CACHE)/bin" go test -race -timeout 15m ./...
	go -C internal/bench test ./...
	go -C internal/tools/sbom test ./...

.PHONY: chaos
chaos: setup ## break the system under load for a quarter of an hour, and count what is lost: SEED repeats what is left to chance
	go test -race -count=1 -timeout 40m -v ./internal/integration/chaos -chaos.requests=50000 -chaos.rate=600 -chaos.real=2000 $(if $(SEED),-chaos.seed=$(SEED))

.PHONY: e2e
e2e: setup build $(KUBECTL) $(E2E)/kube-apiserver $(E2E)/etcd $(E2E)/kwok ## prove the cluster's part on a real control plane, in a network namespace
	go -C internal/e2e test -count=1 -timeout 25m -v ./...

.PHONY: images
images: ## build resnet-inference and dispatcher with docker or buildah; REGISTRY=… is put before the names, TAG (latest) behind
	@if docker version >/dev/null 2>&1; then build="docker build"; elif command -v buildah >/dev/null; then build="buildah bud --layers"; \
	else echo "images: neither a docker engine nor buildah is here, and one of them is needed" >&2; exit 1; fi; \
	for image in model:resnet-inference dispatcher:dispatcher; do \
		DOCKER_BUILDKIT=1 $$build -f Dockerfile.$${image%:*} -t $(REGISTRY:%=%/)$${image#*:}:$(TAG) --build-arg VERSION=$(VERSION) \
			--build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null || echo unknown) . || exit 1; \
	done

.PHONY: test-images
test-images: ## build the images without docker, weigh them and run them; as root, on Debian
	internal/tools/images-test.sh

REFERENCE ?= $(wildcard ../shared/model/reference.json)
.PHONY: accuracy
accuracy: setup build ## top-1, confusion and calibration of each precision: DATA=folder of JPEGs, REFERENCE=logits to compare with
	@test -n "$(DATA)" || { echo "accuracy: say which pictures: make accuracy DATA=../shared/data/imagenette/val" >&2; exit 2; }
	@mkdir -p out
	go -C internal/bench build -o $(CURDIR)/out/accuracy ./accuracy
	out/accuracy --server bin/model-server --model models/resnet18-imagenette --data "$(DATA)" --out out/accuracy.md $(if $(REFERENCE),--reference "$(REFERENCE)")

.PHONY: bench
bench: setup build ## the model server beside its peers (Python 3.11; the first run fetches gigabytes): IMAGES=folder
	go -C internal/bench run ./modelserver $(if $(IMAGES),--images $(abspath $(IMAGES)))

.PHONY: bench-dispatcher
bench-dispatcher: build ## the dispatcher beside nginx, HAProxy and Envoy (25 minutes): CASE=slow,stall and SHORT=1 for less
	go -C internal/bench run ./dispatcher $(if $(CASE),--case $(CASE)) $(if $(SHORT),--short)

.PHONY: budgets
budgets: setup build ## how soon each binary is ready, and what it weighs, beside the budgets (7 minutes): SHORT=1 leaves out the demo
	go -C internal/bench run ./budgets --root $(CURDIR) --out $(CURDIR)/internal/bench/budgets/RESULTS.md $(if $(SHORT),--short)

.PHONY: bench-quota
bench-quota: setup build ## whether the model server reaches under CPU quotas what it states: IMAGES=folder CPUS=0.25,0.5,1,2
	go -C internal/bench run ./modelserver quota $(if $(IMAGES),--images $(abspath $(IMAGES))) $(if $(CPUS),--cpus $(CPUS))

.PHONY: soak-model
soak-model: setup build ## half an hour of all that clients send, good and bad, while the model server's memory is watched: LENGTH=30m
	@mkdir -p out
	go -C internal/bench run ./modelserver soak --json $(CURDIR)/out/soak.json $(if $(LENGTH),--length $(LENGTH)) $(if $(IMAGES),--images $(abspath $(IMAGES)))

.PHONY: soak
soak: setup build ## break the whole system for 20 minutes under load, with a ledger of every request: SEED=1 LENGTH=20m; report in out/soak
	go -C internal/bench run ./system $(if $(SEED),--seed $(SEED)) $(if $(LENGTH),--length $(LENGTH))

.PHONY: bench-loadtest
bench-loadtest: ## the load tester beside vegeta, k6, hey and wrk (the first run builds k6): what they make of a stall, and what a core sends; MEMORY=1: what it holds over ten million requests (9 minutes)
	go -C internal/bench run ./loadtest $(if $(MEMORY),memory)

TRACES ?= ../shared/data/traces
.PHONY: bench-autoscaler
bench-autoscaler: ## policy slo beside the Kubernetes HPA and Knative's autoscaler, by their own code: TRACES=folder, QUICK=1 for one start time only
	go -C internal/bench/autoscaler test -count=1 -timeout 0 -v -run TestFigures . -traces $(abspath $(TRACES)) \
		-results $(CURDIR)/internal/bench/autoscaler/RESULTS.md $(if $(QUICK),-quick)

.PHONY: bench-simulator
bench-simulator: setup build ## the simulator beside the system that runs, by each policy (15 minutes): RUNS=2 runs each twice, AGAIN=1 simulates what was measured last
	go -C internal/bench run ./simulator --root $(CURDIR) --out $(CURDIR)/internal/bench/simulator/RESULTS.md $(if $(AGAIN),--again) $(if $(RUNS),--runs $(RUNS))

.PHONY: lint
lint: $(GOFUMPT) $(STATICCHECK) ## gofumpt, vet and staticcheck
	@unformatted=$$($(GOFUMPT) -l cmd internal); if [ -n "$$unformatted" ]; then echo "not gofumpt-ed (make fmt):"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(STATICCHECK) ./...
	cd internal/e2e && go vet ./... && $(STATICCHECK) ./...
	cd internal/bench && go vet ./... && $(STATICCHECK) ./...
	cd internal/bench/autoscaler && go vet ./... && $(STATICCHECK) ./...
	cd internal/tools/sbom && go vet ./... && $(STATICCHECK) ./...

.PHONY: fmt
fmt: $(GOFUMPT) ## format the code
	$(GOFUMPT) -w cmd internal

.PHONY: docs
docs: setup build ## write the reference in README.md anew, from the binaries and the sources
	go run ./internal/docs

.PHONY: screenshots
screenshots: setup build ## take README's pictures of the page and of the report while the demo runs (5 minutes; needs Chromium)
	go test -count=1 -timeout 15m -v -run TestTakeScreenshots ./internal/docs/screenshots -screenshots.out=$(CURDIR)/internal/docs/screenshots

.PHONY: sbom
sbom: $(ONNX) build ## write what the binaries are made of into out/sbom.json and out/licences.txt; fail on a licence that is not permissive
	go -C internal/tools/sbom run . --bin $(CURDIR)/bin --onnxruntime $(ONNX) --models $(CURDIR)/models --out $(CURDIR)/out

.PHONY: fuzz
fuzz: ## let the fuzzers look for input that breaks what reads pictures, tensors, keys and texts: LENGTH=1m for each
	internal/tools/fuzz.sh $(LENGTH)

.PHONY: vuln
vuln: $(GOVULNCHECK) ## look for known vulnerabilities (needs the web)
	@out=$$($(GOVULNCHECK) ./... 2>&1); code=$$?; echo "$$out"; \
	case "$$out" in *"fetching vulnerabilities"*) echo "vuln: not checked: the vulnerability database cannot be reached"; exit 0;; esac; exit $$code

.PHONY: deploy undeploy port-forward dashboard
deploy: ## bring the system up on minikube, or on another cluster: KUBECTL_CONTEXT, NAMESPACE, REGISTRY, AUTOSCALER=1, OVERLAY
	@internal/tools/deploy.sh up
undeploy: ## remove it from there, with Prometheus' data
	@internal/tools/deploy.sh down
port-forward: ## make the cluster's dispatcher and Prometheus local
	@internal/tools/deploy.sh forward
dashboard: ## show the loop in Grafana, on the cluster
	@internal/tools/deploy.sh dashboard
export KUBECTL_CONTEXT NAMESPACE REGISTRY AUTOSCALER OVERLAY

.PHONY: clean
clean: ## remove what was built and measured, keep what was fetched
	rm -rf bin out .local

$(ONNX): internal/tools/onnxruntime.sh
	internal/tools/onnxruntime.sh $@

$(PROMETHEUS): internal/tools/prometheus.sh internal/tools/go.mod
	internal/tools/prometheus.sh $@

$(KUBECTL): internal/tools/kubectl/main.go internal/tools/go.mod
	CGO_ENABLED=0 go -C internal/tools build -ldflags "-s -w $(KUBERNETES)" -o $@ ./kubectl

$(PROMTOOL): internal/tools/go.mod
	CGO_ENABLED=0 go build $(TOOLS) -tags remove_all_sd,enable_kubernetes_sd,netgo -ldflags "-s -w" -o $@ github.com/prometheus/prometheus/cmd/promtool

# One build for three: they share nearly all of it.
$(E2E)/kube-apiserver: internal/e2e/controlplane/go.mod
	CGO_ENABLED=0 go -C internal/e2e/controlplane build -trimpath -ldflags "-s -w $(CONTROLPLANE)" -o $(E2E)/ \
		k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kube-controller-manager k8s.io/kubernetes/cmd/kube-scheduler

$(E2E)/etcd: internal/e2e/controlplane/go.mod
	CGO_ENABLED=0 go -C internal/e2e/controlplane build -trimpath -ldflags "-s -w" -o $@ go.etcd.io/etcd/server/v3

$(E2E)/kwok: internal/e2e/kwok/go.mod
	CGO_ENABLED=0 go -C internal/e2e/kwok build -trimpath -ldflags "-s -w" -o $@ sigs.k8s.io/kwok/cmd/kwok

$(GOFUMPT): internal/tools/go.mod
	go build $(TOOLS) -o $@ mvdan.cc/gofumpt

$(STATICCHECK): internal/tools/go.mod
	go build $(TOOLS) -o $@ honnef.co/go/tools/cmd/staticcheck

$(GOVULNCHECK): internal/tools/go.mod
	go build $(TOOLS) -o $@ golang.org/x/vuln/cmd/govulncheck
