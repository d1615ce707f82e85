#!/usr/bin/env bash
# images-test.sh: builds both images, weighs them, and runs them as a cluster would: their own user, a read-only root, no capabilities,
# one CPU. No Docker and no registry are needed: buildah builds, runc runs, and stand-ins for the official base images are made from
# Debian packages and this machine's Go.
#
# Run as root on Debian. What it makes stays in .cache/images, so that a second run is fast.
set -euo pipefail
cd "$(dirname "$0")/../.."

# In a mount namespace of its own: what it mounts is not seen by others and ends with it, and others' mounts keep none of its files busy.
if [ "$(id -u)" = 0 ] && [ "${1:-}" != in-namespace ]; then
	exec unshare --mount --propagation private "internal/tools/$(basename "$0")" in-namespace
fi

# Budgets, in bytes. An image is what a node unpacks.
model_most=180000000
dispatcher_most=90000000
binary_most=35000000

cache=$PWD/.cache/images
work=$(mktemp -d)
started=$SECONDS

say() { printf 'images: %4d s  %s\n' $((SECONDS - started)) "$*"; }
fail() { say "FAILED: $*" >&2; exit 1; }

# What has to be undone at the end, last first.
undo=()
cleanup() {
	local i
	for ((i = ${#undo[@]} - 1; i >= 0; i--)); do eval "${undo[i]}" >/dev/null 2>&1 || true; done
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

[ "$(id -u)" = 0 ] || fail "must be run as root: it makes root file systems and starts containers"

# ---- tools ----

install_tools() {
	local tool missing=()
	command -v go >/dev/null || fail "go is missing: its toolchain goes into the golang base"
	for tool in buildah debootstrap runc jq curl git; do command -v $tool >/dev/null || missing+=($tool); done
	[ ${#missing[@]} = 0 ] && return
	command -v apt-get >/dev/null || fail "${missing[*]} missing, and no apt-get to install them with"
	say "installing ${missing[*]}"
	timeout 300 apt-get update -qq
	DEBIAN_FRONTEND=noninteractive timeout 300 apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$work/apt.log" 2>&1 ||
		{ tail -n 20 "$work/apt.log"; fail "apt-get could not install ${missing[*]}"; }
}

# Storage of our own: neither this machine's images nor its settings matter. overlay shares layers; vfs copies them, but works
# everywhere.
set_up_buildah() {
	local driver
	mkdir -p "$cache/tmp"
	exec 9>"$cache/lock"
	flock --nonblock 9 || fail "another run is under way in $cache"
	export TMPDIR=$cache/tmp BUILDAH_ISOLATION=chroot STORAGE_OPTS=
	if [ "$(du -sxm "$cache" | cut -f1)" -gt 8000 ]; then
		say "more than 8 GB in $cache: starting anew"
		rm -rf "$cache/storage" "$cache/tmp"/*
	fi
	for driver in overlay vfs; do
		# A storage keeps the driver it was made with, and it may have been made with vfs.
		if [ -d "$cache/storage" ] && [ ! -f "$cache/storage/$driver.driver" ]; then continue; fi
		buildah=(buildah --root "$cache/storage" --runroot "$work/run" --storage-driver $driver)
		if "${buildah[@]}" images >"$work/log" 2>&1; then
			touch "$cache/storage/$driver.driver"
			return
		fi
		[ -f "$cache/storage/$driver.driver" ] || rm -rf "$cache/storage"
	done
	cat "$work/log"
	fail "buildah can use neither overlay nor vfs in $cache"
}

image_exists() { [ -n "$("${buildah[@]}" images --quiet "$1" 2>/dev/null)" ]; }

container() { # IMAGE: a working container of it, undone at the end
	local id
	id=$("${buildah[@]}" from --pull-never "$1") || return
	echo "$id" >>"$work/containers"
	echo "$id"
}

drop_containers() {
	local id
	[ ! -f "$work/containers" ] || while read -r id; do "${buildah[@]}" rm "$id"; done <"$work/containers"
}

# ---- base images ----

# This machine's Debian sources, one a line, however they are written down.
debian_sources() {
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 'Origin: Debian' | sort -u
}

# What of this machine a build needs to reach the network: apt's mirrors and proxies, certificates, pip's and Go's settings.
copy_network_settings() { # ROOT
	local setting
	rm -rf "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/*
	debian_sources | sed 's/^/deb /' >"$1/etc/apt/sources.list"
	apt-config dump | grep -E '^Acquire::(http|https|Check)' >"$1/etc/apt/apt.conf.d/90machine" || true
	mkdir -p "$1/usr/local/share/ca-certificates"
	cp /usr/local/share/ca-certificates/*.crt "$1/usr/local/share/ca-certificates/" 2>/dev/null || true
	[ ! -f /etc/pip.conf ] || cp /etc/pip.conf "$1/etc/"
}

make_debian() {
	local root=$work/debian mirror suite
	suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
	mirror=$(debian_sources | awk -v suite="$suite" '$2 == suite && $3 == "main" {print $1; exit}')
	[ -n "$mirror" ] || fail "apt knows no Debian $suite: run apt-get update"
	say "debian:bookworm-slim: debootstrap of $suite"
	timeout 400 debootstrap --variant=minbase "$suite" "$root" "$mirror" >"$work/log" 2>&1 ||
		{ tail -n 20 "$work/log"; fail "debootstrap $suite"; }
	# slim is Debian without what only people read.
	find "$root"/usr/share/{doc,man,info,locale,lintian} -mindepth 1 ! -name copyright ! -type d -delete
	find "$root"/usr/share/{doc,man,info,locale,lintian} -mindepth 1 -type d -empty -delete
	rm -rf "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*
	{ printf 'path-exclude /usr/share/%s/*\n' doc man info locale && echo 'path-include /usr/share/doc/*/copyright'; } >"$root/etc/dpkg/dpkg.cfg.d/docker"
	copy_network_settings "$root"
	local id
	id=$(container scratch)
	"${buildah[@]}" add --quiet "$id" "$root" / >/dev/null
	"${buildah[@]}" config --cmd bash --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$id"
	"${buildah[@]}" commit --quiet "$id" debian:bookworm-slim >/dev/null
	rm -rf "$root"
}

make_golang() {
	local id
	say "golang:1.26-bookworm: $(go version | cut -d' ' -f3), gcc"
	id=$(container debian:bookworm-slim)
	timeout 400 "${buildah[@]}" run "$id" sh -c 'apt-get update -qq && apt-get install -y -qq --no-install-recommends ca-certificates gcc libc6-dev' \
		>"$work/log" 2>&1 || { tail -n 20 "$work/log"; fail "gcc could not be installed into the golang base"; }
	"${buildah[@]}" copy --quiet "$id" "$(go env GOROOT)" /usr/local/go >/dev/null
	"${buildah[@]}" config --env GOPATH=/go --env PATH=/go/bin:/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
		--env GOPROXY="$(go env GOPROXY)" --env GOSUMDB="$(go env GOSUMDB)" "$id"
	"${buildah[@]}" commit --quiet "$id" golang:1.26-bookworm >/dev/null
}

make_bases() {
	local key
	[ -n "$(debian_sources)" ] || timeout 300 apt-get update -qq
	# Made again when what they are made of changes.
	key=$({ declare -f make_debian make_golang copy_network_settings; go version; debian_sources; } | sha256sum | cut -d' ' -f1)
	if [ "$(cat "$cache/bases" 2>/dev/null)" = "$key" ] && image_exists debian:bookworm-slim && image_exists golang:1.26-bookworm; then
		say "bases: as they were made before"
		return
	fi
	make_debian
	make_golang
	echo "$key" >"$cache/bases"
}

# ---- builds ----

version=$(git describe --tags --always --dirty 2>/dev/null || echo unknown)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)

bud() { # DOCKERFILE ARGUMENT…
	local file=$1
	shift
	timeout 900 "${buildah[@]}" bud --layers --pull-never --file "$file" --build-arg VERSION="$version" --build-arg REVISION="$revision" "$@" .
}

build() { # DOCKERFILE TAG [ARGUMENT…]
	say "building $2"
	bud "$1" --tag "$2" "${@:3}" >"$work/log" 2>&1 || { tail -n 40 "$work/log"; fail "$2 was not built"; }
}

# A mistyped base has to be named, and must not be replaced by another.
check_wrong_base() { # DOCKERFILE ARGUMENT
	if bud "$1" --build-arg "$2=no-such-base" --tag wrong:latest >"$work/log" 2>&1; then fail "$1 was built from $2=no-such-base"; fi
	grep -q 'no-such-base.*\(not known\|not found\|no such\)' "$work/log" || { cat "$work/log"; fail "$1 with $2=no-such-base does not say what is wrong"; }
	say "$1: $2=no-such-base is refused: $(grep 'no-such-base.*\(not known\|not found\|no such\)' "$work/log" | tail -n 1 | tail -c 160)"
}

# ---- weights ----

weigh() { # WHAT BYTES MOST: told now and kept for `make budgets`, failed at the end, so that one run tells all
	local verdict=ok
	if [ "$2" -gt "$3" ]; then
		verdict="OVER"
		over+=("$1")
	fi
	awk -v what="$1" -v n="$2" -v most="$3" 'BEGIN {printf "%s\t%.1f MB\t%.0f MB\t%s\n", what, n/1e6, most/1e6, (n > most ? "MISSED" : "kept")}' >>"$work/images.tsv"
	say "$(awk -v what="$1" -v n="$2" -v most="$3" -v verdict=$verdict 'BEGIN {printf "%-28s %6.1f MB of %3.0f MB  %s", what, n/1e6, most/1e6, verdict}')"
}

# The layers as they are stored on a node: files of a lower layer count even where a higher one hides them.
image_size() { # IMAGE
	rm -rf "$work/layers"
	"${buildah[@]}" push --quiet --disable-compression "$1" "dir:$work/layers" >/dev/null
	jq '[.layers[].size] | add' "$work/layers/manifest.json"
	rm -rf "$work/layers"
}

elf_machine() { od -An -tu2 -j18 -N2 "$1" | tr -d ' '; } # 62 is x86-64, 183 is AArch64

# ---- containers ----

config() { "${buildah[@]}" inspect --type image "$1" | jq -c ".OCIv1.config$2"; } # IMAGE PATH

mount_image() { # IMAGE: where its files are
	local id
	id=$(container "$1")
	"${buildah[@]}" mount "$id"
}

# What a kubelet makes of the image and a strict pod: its user, environment and folder, a read-only root, no capability. The network
# is the host's, for loopback. The limits are those of the manifests.
bundle() { # DIR IMAGE ROOT ARGUMENTS(JSON)
	local user
	user=$(config "$2" .User | tr -d '"')
	[ "$user" = 65532:65532 ] || fail "$2 runs as '$user', not as 65532:65532"
	mkdir -p "$1"
	jq -n --arg root "$3" --arg cgroup "/images-test-$$-$(basename "$1")" --argjson args "$4" --argjson config "$(config "$2" '')" '{
		ociVersion: "1.0.2",
		process: {
			user: {uid: 65532, gid: 65532}, args: $args, env: $config.Env, cwd: ($config.WorkingDir // "/" | if . == "" then "/" else . end),
			capabilities: {}, noNewPrivileges: true
		},
		root: {path: $root, readonly: true},
		hostname: "pod",
		mounts: [
			{destination: "/proc", type: "proc", source: "proc"},
			{destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "mode=755", "size=65536k"]},
			{destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"]},
			{destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "nodev", "ro"]}
		],
		linux: {
			cgroupsPath: $cgroup,
			namespaces: [{type: "pid"}, {type: "mount"}, {type: "ipc"}, {type: "uts"}],
			resources: {cpu: {quota: 100000, period: 100000}, memory: {limit: 536870912}},
			maskedPaths: ["/proc/kcore", "/proc/keys"], readonlyPaths: ["/proc/sys"]
		}
	}' >"$1/config.json"
}

runc=(runc --root "$work/runc")

# Where runc cannot work (it may write no cgroups, say) namespaces and chroot do the same, but for the limits.
choose_runner() { # IMAGE ROOT COMMAND…
	runner=runc
	run "$@" >"$work/log" 2>&1 && return
	say "runc does not work here ($(tail -n 1 "$work/log")): chroot instead"
	runner=chroot
}

assemble() { # NAME: the command that runs the bundle of that name, in $command
	local config=$work/$1/config.json root folder environment arguments
	command=("${runc[@]}" run --bundle "$work/$1" "$1")
	[ $runner = chroot ] || return 0
	root=$(jq -r .root.path "$config")
	folder=$root$(jq -r .process.cwd "$config")
	mapfile -t environment < <(jq -r '.process.env[]' "$config")
	mapfile -t arguments < <(jq -r '.process.args[]' "$config")
	mkdir -p "$root/proc" "$root/dev"
	command=(unshare --mount --pid --fork --kill-child sh -euc 'root=$1; shift
		mount --bind "$root" "$root"
		mount -o remount,bind,ro "$root"
		mount -t proc proc "$root/proc"
		mount -t tmpfs -o mode=755 tmpfs "$root/dev"
		exec setpriv --no-new-privs env -i "$@"' sh "$root" "${environment[@]}"
		"$(command -v nsenter)" --root="$root" --wd="$folder" --setgid 65532 --setuid 65532 "${arguments[@]}")
}

process_of() { # NAME RUN: the pid, seen from here, of what the process RUN runs under that name, once it is there
	if [ $runner = runc ]; then
		"${runc[@]}" state "$1" 2>/dev/null | jq -r 'select(.status == "running").pid'
	else
		# Before it has become the program it still is root.
		pgrep --parent "$2" --uid 65532
	fi
}

run() { # IMAGE ROOT COMMAND…: to its end; its output
	local image=$1 root=$2 name=run-$$-$RANDOM command
	shift 2
	bundle "$work/$name" "$image" "$root" "$(jq -nc '$ARGS.positional' --args -- "$@")"
	assemble "$name"
	timeout --kill-after=5 60 "${command[@]}" </dev/null
}

start() { # NAME IMAGE ROOT COMMAND…: in the background, as $runs, which runs $pid; its log is NAME.log
	local name=$1 image=$2 root=$3 command i
	shift 3
	bundle "$work/$name" "$image" "$root" "$(jq -nc '$ARGS.positional' --args -- "$@")"
	assemble "$name"
	"${command[@]}" </dev/null >"$work/$name.log" 2>&1 9>&- &
	runs=$!
	if [ $runner = runc ]; then undo+=("${runc[*]} delete --force $name"); else undo+=("kill -KILL $runs"); fi
	for ((i = 0; i < 100; i++)); do
		pid=$(process_of "$name" $runs) && [ -n "$pid" ] && return
		kill -0 $runs 2>/dev/null || break
		sleep 0.1
	done
	cat "$work/$name.log"
	fail "$image does not start"
}

stop() { # NAME RUNS PID: by SIGTERM, as a kubelet does; it has to end well
	kill -TERM "$3"
	wait "$2" || { local code=$?; cat "$work/$1.log"; fail "$1 ends with $code on SIGTERM"; }
}

free_port() {
	local port
	while :; do
		port=$((20000 + RANDOM % 12000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo $port; return; }
	done
}

await_ready() { # NAME PORT
	local i
	for ((i = 0; i < 300; i++)); do
		curl --silent --fail --max-time 3 --output /dev/null "http://127.0.0.1:$2/readyz" && return
		kill -0 $runs 2>/dev/null || break
		sleep 0.2
	done
	cat "$work/$1.log"
	fail "$1 does not get ready"
}

# Seen from outside, so that an image without a shell is asked too.
check_confined() { # NAME PID
	local status=/proc/$2/status error
	grep -qE '^Uid:\s65532\s65532\s65532\s65532$' "$status" || fail "$1 runs as $(grep Uid: "$status")"
	grep -qE '^Gid:\s65532\s65532\s65532\s65532$' "$status" || fail "$1 runs as $(grep Gid: "$status")"
	grep -qE '^CapEff:\s0+$' "$status" || fail "$1 has capabilities: $(grep CapEff: "$status")"
	# Even this script's root cannot write there.
	if error=$(touch "/proc/$2/root/probe" 2>&1); then fail "$1 has a root file system that can be written"; fi
	[[ $error == *"Read-only file system"* ]] || fail "writing to the root of $1: $error"
	say "$1: user 65532, no capabilities, its root is read-only"
}

check_truck() { # WHAT PORT
	local answer synset
	answer=$(curl --silent --show-error --max-time 30 --form file=@images/garbage-truck.png "http://127.0.0.1:$2/predict") || fail "$1: no answer to /predict"
	synset=$(jq -r '.predictions[0].synset' <<<"$answer") || true
	[ "$synset" = n03417042 ] || fail "$1: images/garbage-truck.png is taken for: $answer"
	say "$1: /predict knows a garbage truck ($(jq -r '.predictions[0] | "\(.label), \(.probability)"' <<<"$answer"))"
}

check_labels() { # IMAGE
	local label
	for label in title description licenses source version revision; do
		[ -n "$(config "$1" ".Labels[\"org.opencontainers.image.$label\"] // empty")" ] || fail "$1 has no label org.opencontainers.image.$label"
	done
	[ "$(config "$1" '.Labels["org.opencontainers.image.version"]')" = "\"$version\"" ] || fail "$1 is not labelled with version $version"
}

# Whoever passes an image on passes on the licences of what is in it.
check_licences() { # IMAGE ROOT FILE…: beside the modules of its binaries, those files below /usr/share/doc
	local doc=$2/usr/share/doc module file
	while read -r module; do
		grep -qF "==== $module (" "$doc/resnet-autoscaling/licences.txt" || fail "$1 has no licence of $module"
	done < <(echo "std $(go env GOVERSION | sed 's/^go//')" && go version -m "$2"/usr/local/bin/* | awk '$1 == "dep" {print $2, $3}' | sort -u)
	for file in resnet-autoscaling/LICENSE "${@:3}"; do
		[ -s "$doc/$file" ] || fail "$1 has no /usr/share/doc/$file"
	done
	say "$1: the licences of $(grep -c '^====' "$doc/resnet-autoscaling/licences.txt") modules, and $(IFS=' '; echo "${*:3}")"
}

check_output() { # WHAT PATTERN OUTPUT
	[[ $3 == *"$2"* ]] || fail "$1 prints '$3', without '$2'"
	say "$1: $(head -n 1 <<<"$3")"
}

# ---- the test ----

install_tools
set_up_buildah
undo+=(drop_containers)
make_bases
over=()

check_wrong_base Dockerfile.model BASE_IMAGE
check_wrong_base Dockerfile.dispatcher GO_IMAGE
build Dockerfile.dispatcher dispatcher:latest
build Dockerfile.model resnet-inference:latest
dispatcher=$(mount_image dispatcher:latest)
model=$(mount_image resnet-inference:latest)

weigh "image resnet-inference" "$(image_size resnet-inference:latest)" $model_most
weigh "image dispatcher" "$(image_size dispatcher:latest)" $dispatcher_most
weigh "model-server: the binary" "$(stat -c %s "$model/usr/local/bin/model-server")" $binary_most
for binary in dispatcher autoscaler loadtest; do
	weigh "$binary: the binary" "$(stat -c %s "$dispatcher/usr/local/bin/$binary")" $binary_most
done
check_labels resnet-inference:latest
check_labels dispatcher:latest
check_licences resnet-inference:latest "$model" onnxruntime/LICENSE onnxruntime/ThirdPartyNotices.txt libturbojpeg0/copyright libc6/copyright
check_licences dispatcher:latest "$dispatcher" ca-certificates/copyright

choose_runner resnet-inference:latest "$model" model-server --version
# By bare name: manifests say `command: [autoscaler]`.
check_output "model-server --version" "model-server $version" "$(run resnet-inference:latest "$model" model-server --version)"
check_output "dispatcher --version" "dispatcher $version" "$(run dispatcher:latest "$dispatcher" dispatcher --version)"
check_output "autoscaler --version" "autoscaler $version" "$(run dispatcher:latest "$dispatcher" autoscaler --version)"
check_output "loadtest --help" "Usage: loadtest" "$(run dispatcher:latest "$dispatcher" loadtest --help)"
[ -s "$dispatcher/etc/ssl/certs/ca-certificates.crt" ] || fail "the dispatcher's image has no CA certificates"
# Found by name at run time, so nothing else would notice that it is missing.
run resnet-inference:latest "$model" sh -c 'ldconfig -p | grep -q libturbojpeg.so.0' || fail "the model server's image has no libturbojpeg"

model_port=$(free_port)
mapfile -t entrypoint < <(config resnet-inference:latest '.Entrypoint[]' | tr -d '"')
start model-server resnet-inference:latest "$model" "${entrypoint[@]}" --listen "127.0.0.1:$model_port" --drain-delay 0s
model_runs=$runs model_pid=$pid
await_ready model-server "$model_port"
check_confined model-server "$pid"
check_truck model-server "$model_port"

dispatcher_port=$(free_port)
mapfile -t cmd < <(config dispatcher:latest '.Cmd[]' | tr -d '"')
start dispatcher dispatcher:latest "$dispatcher" "${cmd[@]}" --listen "127.0.0.1:$dispatcher_port" \
	--replicas "http://127.0.0.1:$model_port" --drain-delay 0s
dispatcher_runs=$runs dispatcher_pid=$pid
await_ready dispatcher "$dispatcher_port"
check_confined dispatcher "$pid"
check_truck dispatcher "$dispatcher_port"

# The pictures are where loadtest looks for them.
result=$(run dispatcher:latest "$dispatcher" loadtest --url "http://127.0.0.1:$dispatcher_port/predict" --profile constant:2/3s \
	--slo 'errors<1%' --json - 2>"$work/loadtest.log") || { cat "$work/loadtest.log"; fail "loadtest in its image"; }
say "loadtest: $(jq -c '{requests, ok}' <<<"$result")"

stop dispatcher $dispatcher_runs $dispatcher_pid
stop model-server $model_runs $model_pid
say "both end with 0 on SIGTERM"

# The other architecture, as far as this machine can tell: everything compiles, what is fetched is there, and all of it is for that
# architecture. Running it needs such a machine. (TARGETARCH and not --platform: buildah 1.28 would look for a foreign toolchain image.)
foreign=arm64 foreign_machine=183
if [ "$(elf_machine "$(command -v jq)")" = 183 ]; then foreign=amd64 foreign_machine=62; fi
build Dockerfile.dispatcher dispatcher-build:$foreign --build-arg TARGETARCH=$foreign --target build
build Dockerfile.model model-build:$foreign --build-arg TARGETARCH=$foreign --target build
build Dockerfile.model model-onnxruntime:$foreign --build-arg TARGETARCH=$foreign --target onnxruntime
for file in "$(mount_image dispatcher-build:$foreign)"/out/{dispatcher,autoscaler,loadtest} \
	"$(mount_image model-build:$foreign)/out/model-server" "$(mount_image model-onnxruntime:$foreign)/out/libonnxruntime.so"; do
	[ "$(elf_machine "$file")" = $foreign_machine ] || fail "$(basename "$file") of the $foreign build is for another machine"
	case $file in
	*.so) say "$foreign $(basename "$file"): $(stat -c %s "$file") bytes" ;;
	*) weigh "$(basename "$file"): the binary, $foreign" "$(stat -c %s "$file")" $binary_most ;;
	esac
done

mkdir -p out
cp "$work/images.tsv" out/
[ ${#over[@]} = 0 ] || fail "over budget: $(printf '%s; ' "${over[@]}")"
say "all good"
