package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"resnet-autoscaling/internal/testkit"
)

// record keeps what was measured beside its budget in out/e2e.tsv, where `make budgets` finds it: a line a thing, the last word holds.
func record(t *testing.T, what, measured, budget string, kept bool) {
	t.Helper()
	file := filepath.Join(testkit.Root(t), "out", "e2e.tsv")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var lines strings.Builder
	for line := range strings.Lines(string(before)) {
		if !strings.HasPrefix(line, what+"\t") {
			lines.WriteString(line)
		}
	}
	verdict := "kept"
	if !kept {
		verdict = "MISSED"
	}
	lines.WriteString(strings.Join([]string{what, measured, budget, verdict}, "\t") + "\n")
	if err := os.WriteFile(file, []byte(lines.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}
