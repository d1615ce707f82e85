#!/usr/bin/env bash
# prometheus.sh DEST: puts a Prometheus server at DEST: the one on PATH if it is 2.40 or newer, else built from its Go module as
# internal/tools/go.mod pins it (about 4 minutes on two cores, once).
set -euo pipefail

dest=$1
least=2.40

mkdir -p "$(dirname "$dest")"
if installed=$(command -v prometheus); then
	version=$("$installed" --version 2>&1 | sed -nE 's/^prometheus, version ([0-9.]+).*/\1/p')
	if [ -n "$version" ] && [ "$(printf '%s\n%s\n' "$least" "$version" | sort -V | head -n 1)" = "$least" ]; then
		ln -sf "$installed" "$dest"
		echo "prometheus: $version, installed at $installed" >&2
		exit
	fi
	echo "prometheus: $installed is ${version:-of unknown version}, older than $least: building one" >&2
fi
echo "prometheus: building from its module, once (about 4 minutes on two cores)" >&2
CGO_ENABLED=0 go build -modfile=internal/tools/go.mod -tags remove_all_sd,enable_kubernetes_sd,netgo -ldflags "-s -w" \
	-o "$dest" github.com/prometheus/prometheus/cmd/prometheus || {
	echo "prometheus: could not be built. Install Prometheus $least or newer so that 'prometheus' is on PATH, and try again." >&2
	exit 1
}
