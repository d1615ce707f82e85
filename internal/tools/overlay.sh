#!/usr/bin/env bash
# Writes DIR/kustomization.yaml: deploy/overlays/minikube, or where there is a registry, and so a cluster of several machines, deploy/base;
# with what this deployment has of its own, from the environment: NAMESPACE (default: default), REGISTRY (a prefix for our images; empty: as
# they are named) and TAG (of these; default: latest), AUTOSCALER=1 and GRAFANA=1 (in the cluster too), OVERLAY (a folder below
# deploy/overlays instead), ONLY_GRAFANA=1 (nothing else).
set -euo pipefail

dir=${1:?usage: overlay.sh DIR}
mkdir -p "$dir"
root=$(realpath --relative-to "$dir" "$(dirname "$0")/../..")
registry=${REGISTRY:+${REGISTRY%/}/}
namespace=${NAMESPACE:-default}
below=base
if [ "${OVERLAY:-}" ]; then
	below=overlays/$OVERLAY
elif [ -z "$registry" ]; then
	below=overlays/minikube
fi
cluster_role=resnet-autoscaling-prometheus

{
	echo "# Written by $(basename "$0"); make deploy writes it anew."
	echo "apiVersion: kustomize.config.k8s.io/v1beta1"
	echo "kind: Kustomization"
	echo "namespace: $namespace"
	if [ "${ONLY_GRAFANA:-}" ]; then
		echo "components: [$root/deploy/grafana]"
		exit
	fi
	echo "resources:"
	echo "  - $root/deploy/$below"
	if [ "${AUTOSCALER:-}${GRAFANA:-}" ]; then echo "components:"; fi
	if [ "${AUTOSCALER:-}" ]; then echo "  - $root/deploy/components/autoscaler"; fi
	if [ "${GRAFANA:-}" ]; then echo "  - $root/deploy/grafana"; fi
	if [ "$registry" ]; then
		echo "images:"
		for image in resnet-inference dispatcher; do
			echo "  - name: $image"
			echo "    newName: $registry$image"
			echo "    newTag: ${TAG:-latest}"
		done
	fi
	if [ "$namespace" != default ]; then
		echo "# What is the whole cluster's has a name of its own for each namespace, so that one does not take it from another."
		echo "patches:"
		for kind in ClusterRole ClusterRoleBinding; do
			echo "  - target: {kind: $kind, name: $cluster_role}"
			echo "    options: {allowNameChange: true}"
			echo "    patch: |-"
			echo "      - {op: replace, path: /metadata/name, value: $cluster_role-$namespace}"
		done
		echo "      - {op: replace, path: /roleRef/name, value: $cluster_role-$namespace}"
	fi
} > "$dir/kustomization.yaml"
