package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTheReportNamesWhatIsMissedAndWhatIsNotMeasured(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "e2e.tsv")
	if err := os.WriteFile(file, []byte("autoscaler: a tick\t57 ms\t50 ms\tMISSED\nhalf a line\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var r results
	r.atMost("fast", []float64{300, 100, 200}, 500, "ms")
	r.atMost("slow", []float64{501}, 500, "ms")
	r.plain("small", []float64{1.26, 1.04}, "MB")
	r.missing("the demo", "it takes long")
	r.take(file, "make e2e")
	r.take(filepath.Join(dir, "images.tsv"), "make test-images")
	page := r.markdown(time.Unix(0, 0), true)
	for _, want := range []string{
		"`make budgets SHORT=1` on 1970-01-01", "| fast               | 200 ms (100 to 300) | 500 ms | kept   |", "| slow               | 501 ms              | 500 ms | MISSED |",
		"Missed: slow: 501 ms, where 500 ms is the budget.", "Missed: autoscaler: a tick: 57 ms", "(1 to 1.3) ", "- the demo: it takes long",
		"- what make test-images measures: run it before, and it writes out/images.tsv", "it has 1 cells, not 4",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
}
