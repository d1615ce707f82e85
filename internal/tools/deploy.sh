#!/usr/bin/env bash
# The cluster's side of the Makefile: up, down, forward, dashboard.
#
# Without REGISTRY the cluster is minikube, which is started if need be and builds the images itself; so `make deploy` is also what
# brings everything back after a reboot. With REGISTRY=registry.example.com/team the images are built here and pushed there, and the
# cluster is the current context's. KUBECTL_CONTEXT and NAMESPACE choose another, for every verb; AUTOSCALER=1 runs the autoscaler in the
# cluster too, and OVERLAY is a folder below deploy/overlays that replaces what is applied: minikube, or with REGISTRY deploy/base.
set -euo pipefail
cd "$(dirname "$0")/../.."

namespace=${NAMESPACE:-default}
context=${KUBECTL_CONTEXT:-}
registry=${REGISTRY:-}
# A node keeps an image that it has by its name, so what is pushed gets another name for each version.
if [ -n "$registry" ]; then export TAG=${TAG:-$(git describe --tags --always --dirty)}; fi
overlay=.cache/deploy
if [ -z "$registry" ]; then context=${context:-minikube}; fi

fail() {
	echo "make: $*" >&2
	exit 1
}

kubectl() { command kubectl ${context:+--context "$context"} --namespace "$namespace" "$@"; }

# need PROGRAM WHY: all that is missing is told at once.
missing=()
need() { command -v "$1" > /dev/null || missing+=("$1 ($2)"); }
check() {
	if [ ${#missing[@]} -eq 0 ]; then return; fi
	printf 'make: not on PATH: %s\n' "${missing[@]}" >&2
	fail "install what is missing, or run the system without a cluster: make demo"
}

# images builds both where the cluster finds them.
images() {
	if [ -n "$registry" ]; then
		make --no-print-directory images REGISTRY="${registry%/}" TAG="$TAG"
		for image in resnet-inference dispatcher; do "$(builder)" push "${registry%/}/$image:$TAG"; done
		return
	fi
	if ! minikube --profile "$context" status > /dev/null 2>&1; then minikube --profile "$context" start --cpus 4; fi
	minikube --profile "$context" image build -t resnet-inference:latest -f Dockerfile.model .
	minikube --profile "$context" image build -t dispatcher:latest -f Dockerfile.dispatcher .
}

# builder is the one that `make images` takes.
builder() {
	if docker version > /dev/null 2>&1; then
		echo docker
	elif command -v buildah > /dev/null; then
		echo buildah
	fi
}

make_namespace() {
	if kubectl get namespace "$namespace" > /dev/null 2>&1; then return; fi
	kubectl create namespace "$namespace"
	kubectl label namespace "$namespace" pod-security.kubernetes.io/enforce=restricted
}

# apply never states the number of replicas: that is the autoscaler's, and a person's before there is one.
apply() {
	local before
	internal/tools/overlay.sh "$overlay"
	before=$(kubectl get --ignore-not-found --output name deployment/resnet-inference deployment/dispatcher deployment/autoscaler)
	kubectl apply -k "$overlay"
	if [ -z "$registry" ] && [ -n "$before" ]; then
		# minikube's images keep their name latest: only a new pod takes a new one. Nothing is lost by it.
		kubectl rollout restart $before
	fi
	await resnet-inference dispatcher prometheus ${AUTOSCALER:+autoscaler}
}

await() {
	for deployment in "$@"; do
		kubectl rollout status "deployment/$deployment" --timeout=5m ||
			fail "$deployment is not ready; see: kubectl${context:+ --context $context} -n $namespace describe pods"
	done
}

# chosen are the flags by which our own commands find the same place.
chosen() { echo "${context:+ --context $context}$([ "$namespace" = default ] || echo " -n $namespace")"; }

up() {
	need kubectl "the cluster's command line"
	if [ -z "$registry" ]; then
		need minikube "a cluster on this machine; for another one set REGISTRY"
		need docker "what minikube runs on"
	elif [ -z "$(builder)" ]; then
		missing+=("docker with its engine, or buildah (to build the images)")
	fi
	check
	images
	make_namespace
	apply
	echo
	echo "The system is up. Next, each in a terminal of its own:"
	if [ -z "${AUTOSCALER:-}" ]; then echo "  go run ./cmd/autoscaler$(chosen)      # or: make deploy AUTOSCALER=1"; fi
	echo "  go run ./cmd/loadtest$(chosen) --profile constant:5/30s --profile ramp:5..40/2m"
	if [ -n "${AUTOSCALER:-}" ]; then echo "  kubectl$(chosen) get pods -w"; fi
}

down() {
	need kubectl "the cluster's command line"
	check
	AUTOSCALER=1 GRAFANA=1 internal/tools/overlay.sh "$overlay"
	kubectl delete --ignore-not-found -k "$overlay"
}

# forward makes the dispatcher and Prometheus local until Ctrl-C, and ends both when one ends.
forward() {
	need kubectl "the cluster's command line"
	check
	echo "dispatcher http://localhost:8080   Prometheus http://localhost:9090   (Ctrl-C ends both)"
	kubectl port-forward service/dispatcher 8080:8080 &
	kubectl port-forward service/prometheus-service 9090:9090 &
	trap 'kill $(jobs -p) 2> /dev/null' EXIT
	wait -n
}

dashboard() {
	need kubectl "the cluster's command line"
	check
	# Grafana alone: the rest stays as it was deployed, with the images that it has.
	ONLY_GRAFANA=1 internal/tools/overlay.sh .cache/dashboard
	kubectl apply -k .cache/dashboard
	await grafana
	echo "The loop on one screen: http://localhost:3000 (Ctrl-C ends the port-forward, not Grafana)"
	kubectl port-forward service/grafana 3000:3000
}

case ${1:-} in
up | down | forward | dashboard) "$1" ;;
*) fail "usage: deploy.sh up|down|forward|dashboard" ;;
esac
