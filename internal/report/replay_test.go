package report_test

import (
	"bytes"
	"strings"
	"testing"

	"resnet-autoscaling/internal/report"
)

func TestReplayShowsLoadCapacityReplicasAndViolations(t *testing.T) {
	run := report.ReplayRun{Trace: "day", Policy: "slo", Capacity: 20, Violations: 0.0123, ReplicaSeconds: 1200, Oracle: 1000, Scalings: 7, Reversals: 1}
	quiet := run
	quiet.Policy = "<target>"
	for i := range 600 {
		run.Offered = append(run.Offered, float32(100+i%10))
		run.Bad = append(run.Bad, float32(i%100/99))
		run.Desired, run.Ready = append(run.Desired, 6), append(run.Ready, 5)
		quiet.Offered, quiet.Bad = append(quiet.Offered, 10), append(quiet.Bad, 0)
		quiet.Desired, quiet.Ready = append(quiet.Desired, 1), append(quiet.Ready, 1)
	}
	var page bytes.Buffer
	if err := report.WriteReplay(&page, report.Replay{Runs: []report.ReplayRun{run, quiet}, Command: "autoscaler simulate --trace day.csv"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"slo on day", "1.230 %", "1.200×", "Load and capacity", "Violations", "Replicas", "No request was late.", "autoscaler simulate --trace day.csv",
		"&lt;target&gt;", `class="failed line"`, `class="desired line"`, "load up to 10",
	} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestReplayOfNothing(t *testing.T) {
	var page bytes.Buffer
	if err := report.WriteReplay(&page, report.Replay{Runs: []report.ReplayRun{{Trace: "empty", Policy: "slo", Oracle: 1}}}); err != nil || !strings.Contains(page.String(), "empty") {
		t.Errorf("%v", err)
	}
}
