#!/usr/bin/env bash
# onnxruntime.sh DEST [ARCH]: puts libonnxruntime at DEST, once, from the first source that works:
#   1. $RESNET_ONNXRUNTIME_LIB, or a library that the system's linker knows, if it is 1.24 or newer (ORT API 24);
#   2. Microsoft's own packages through the clients at hand, npm then pip; 3. the official release archive.
# What is fetched must have the sha256 written here, or it is thrown away.
# ARCH (amd64 or arm64; default: this machine's) is for image builds, which may be for another architecture than the builder's.
set -euo pipefail

dest=$1
machine=$(uname -m)
case ${2:-} in
"") target=$machine ;;
amd64) target=x86_64 ;;
arm64) target=aarch64 ;;
*) target=$2 ;;
esac
version=1.30.0          # what npm and pip are asked for
release=1.24.2          # the newest release archive whose sum we know
least=1.24

case $(uname -s)-$target in
Linux-x86_64)
	npm_path=package/bin/napi-v6/linux/x64/libonnxruntime.so.1
	npm_sha=ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23
	pip_platform=manylinux_2_28_x86_64
	pip_sha=c902c70b3003c0e99fada202f37478c515ae9bba7944c2b2abd0017bae0c82ed
	release_name=onnxruntime-linux-x64-$release
	release_sha=43725474ba5663642e17684717946693850e2005efbd724ac72da278fead25e6
	;;
Linux-aarch64)
	npm_path=package/bin/napi-v6/linux/arm64/libonnxruntime.so.1
	npm_sha=1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76
	pip_platform=manylinux_2_28_aarch64
	pip_sha=8a218e1e446880131115c368ec7005969a5022af9a15a26173de648fef0b7789
	release_name=onnxruntime-linux-aarch64-$release
	release_sha=6715b3d19965a2a6981e78ed4ba24f17a8c30d2d26420dbed10aac7ceca0085e
	;;
*)
	echo "onnxruntime: no pinned library for $(uname -s) on $target." >&2
	echo "Install ONNX Runtime $least or newer and set RESNET_ONNXRUNTIME_LIB to its libonnxruntime." >&2
	exit 1
	;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { echo "onnxruntime: $*" >&2; }

# The library's symbols carry its version: VERS_1.30.0.
library_version() { grep -aoE 'VERS_1\.[0-9]+\.[0-9]+' "$1" | head -n 1 | cut -d_ -f2; }

new_enough() { [ -n "$1" ] && [ "$(printf '%s\n%s\n' "$least" "$1" | sort -V | head -n 1)" = "$least" ]; }

verify() { # FILE SHA256
	local sum
	sum=$(sha256sum "$1" | cut -d' ' -f1)
	[ "$sum" = "$2" ] && return
	say "$(basename "$1") has sha256 $sum, expected $2: not used"
	return 1
}

install_library() { # FILE SOURCE
	mkdir -p "$(dirname "$dest")"
	cp "$1" "$dest.new" && chmod 755 "$dest.new" && mv "$dest.new" "$dest"
	say "$(library_version "$dest") from $2"
}

from_system() {
	local lib=${RESNET_ONNXRUNTIME_LIB:-} found
	[ "$target" = "$machine" ] || return 1
	if [ -n "$lib" ]; then
		[ -f "$lib" ] || { say "RESNET_ONNXRUNTIME_LIB is $lib: no such file"; exit 1; }
		found=$(library_version "$lib")
		new_enough "$found" || { say "RESNET_ONNXRUNTIME_LIB is version ${found:-unknown}: $least or newer is needed"; exit 1; }
		install_library "$lib" RESNET_ONNXRUNTIME_LIB
		return
	fi
	lib=$(ldconfig -p 2>/dev/null | awk '/libonnxruntime\.so/ {print $NF; exit}')
	[ -n "$lib" ] && new_enough "$(library_version "$lib")" && install_library "$lib" "$lib"
}

from_npm() {
	command -v npm >/dev/null || return 1
	say "fetching onnxruntime-node $version with npm (114 MB)"
	(cd "$work" && timeout 300 npm pack --silent "onnxruntime-node@$version" >/dev/null) || return 1
	tar -xzf "$work/onnxruntime-node-$version.tgz" -C "$work" "$npm_path" || return 1
	verify "$work/$npm_path" "$npm_sha" && install_library "$work/$npm_path" npm
}

from_pip() {
	local pip
	pip=$(command -v pip3 || command -v pip) || return 1
	say "fetching onnxruntime $version with pip (24 MB)"
	timeout 300 "$pip" download --quiet --no-deps --only-binary=:all: --python-version 3.12 --implementation cp --abi cp312 \
		--platform "$pip_platform" --dest "$work" "onnxruntime==$version" || return 1
	python3 -m zipfile -e "$work"/onnxruntime-*.whl "$work/wheel" || return 1
	verify "$work/wheel/onnxruntime/capi/libonnxruntime.so.$version" "$pip_sha" || return 1
	install_library "$work/wheel/onnxruntime/capi/libonnxruntime.so.$version" pip
	# Whoever passes the library on, as an image does, has to pass these on too.
	cp "$work/wheel/onnxruntime/LICENSE" "$work/wheel/onnxruntime/ThirdPartyNotices.txt" "$(dirname "$dest")"
}

from_release() {
	command -v curl >/dev/null || return 1
	say "fetching the release archive $release_name"
	curl --fail --silent --show-error --location --max-time 300 --output "$work/$release_name.tgz" \
		"https://github.com/microsoft/onnxruntime/releases/download/v$release/$release_name.tgz" || return 1
	verify "$work/$release_name.tgz" "$release_sha" || return 1
	tar -xzf "$work/$release_name.tgz" -C "$work" || return 1
	install_library "$work/$release_name/lib/libonnxruntime.so.$release" "the release archive"
}

from_system || from_npm || from_pip || from_release || {
	say "could not be had. Install npm or pip and try again, or install ONNX Runtime $least or newer yourself and set"
	say "RESNET_ONNXRUNTIME_LIB to its libonnxruntime.so."
	exit 1
}
