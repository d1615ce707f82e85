#!/usr/bin/env bash
# fuzz.sh LENGTH: lets each fuzzer of the repository look for LENGTH (1m) for input that breaks what it tests; ends at the first that finds some.
set -euo pipefail
cd "$(dirname "$0")/../.."

length=${1:-1m}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

fuzz() { # NAME FOLDER
	go test -run '^$' -fuzz "^$1\$" -fuzztime "$length" "./$2" 2>&1 | tee "$log" && return
	# Before Go 1.27 the end of the time may pass for a failure: https://go.dev/issue/75804. One that is real names its input, or the panic.
	if grep -q '^ *context deadline exceeded$' "$log" && ! grep -qE '^ *(Failing input|panic:|fuzzing process)' "$log"; then
		echo "fuzz: $1 found nothing: its time ended while it looked"
		return
	fi
	return 1
}

grep -rl '^func Fuzz' --include='*_test.go' internal | sort | while read -r file; do
	for name in $(sed -n 's/^func \(Fuzz[A-Za-z]*\)(.*/\1/p' "$file"); do
		fuzz "$name" "$(dirname "$file")" </dev/null
	done
done
