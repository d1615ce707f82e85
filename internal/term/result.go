package term

import (
	"fmt"
	"io"
	"strings"

	"resnet-autoscaling/internal/summary"
)

// WriteResult tells a person how a test ended.
func WriteResult(w io.Writer, r summary.Result) error {
	t := table{labels: 14}
	t.WriteString("\n")
	t.load(r)
	t.answers(r)
	t.replicas(r)
	t.tester(r)
	for _, v := range r.SLO {
		t.row("SLO", "%s  %s: %s", verdict(v.Kept), v.SLO, v.Measured)
	}
	_, err := io.WriteString(w, t.String())
	return err
}

// table is lines of a label and what is said of it.
type table struct {
	strings.Builder
	labels int // their width
}

func (t *table) row(label, format string, args ...any) {
	fmt.Fprintf(t, "  %-*s%s\n", t.labels, label, fmt.Sprintf(format, args...))
}

// verdict is a word, of one width.
func verdict(kept bool) string {
	if kept {
		return "kept  "
	}
	return "MISSED"
}

func (t *table) load(r summary.Result) {
	t.row("profile", "%s", r.Profile)
	if r.Warmup != nil {
		t.row("warm-up", "%.4g s before it, %d requests, left out of all that follows", r.Warmup.Seconds, r.Warmup.Requests)
	}
	t.row("requests", "%d sent, %d answered, errors %s", r.Requests, r.OK, errorText(r.Errors))
	t.row("rate", "asked %.2f/s, achieved %.2f/s", r.Rate.Asked, r.Rate.Achieved)
}

func (t *table) answers(r summary.Result) {
	l := r.Latency
	t.row("latency", "p50 %.1f  p90 %.1f  p95 %.1f  p99 %.1f  p99.9 %.1f  p99.99 %.1f  max %.1f ms", l.P50, l.P90, l.P95, l.P99, l.P999, l.P9999, l.Max)
	for _, stage := range r.Stages {
		t.row("  "+stage.Name, "p50 %.1f  p90 %.1f  p99 %.1f  max %.1f ms, by the server's word", stage.P50, stage.P90, stage.P99, stage.Max)
	}
	t.row("sent", "%.1f MB, and %.1f MB came back", float64(r.BytesSent)/1e6, float64(r.BytesReceived)/1e6)
	if r.Labels != nil {
		t.row("labels", "%d of %d as expected", r.Labels.Checked-r.Labels.Wrong, r.Labels.Checked)
	}
}

func (t *table) replicas(r summary.Result) {
	if len(r.Replicas) > 0 {
		t.row("replicas", "%s", ReplicaTimeline(r.Replicas))
	}
	switch p := r.PerReplica; {
	case p == nil:
	case p.BusySeconds > 0:
		t.row("each", "%.2f/s for each ready replica while all had work (%d s), %.2f/s over all", p.BusyOK, p.BusySeconds, p.OK)
	default:
		t.row("each", "%.2f/s for each ready replica; never had all of them work waiting, so what they can do was not seen", p.OK)
	}
}

// tester is what the test itself was worth.
func (t *table) tester(r summary.Result) {
	t.row("schedule", "requests left late by p50 %.2f  p99 %.2f  max %.2f ms", r.Lag.P50, r.Lag.P99, r.Lag.Max)
	if r.Lag.Late() {
		t.row("warning", "this tester sent late (p99 %.1f ms, max %.1f ms): it is too slow for the schedule, and the latencies include that", r.Lag.P99, r.Lag.Max)
	}
	for _, note := range r.Notes {
		t.row("note", "%s", note)
	}
	if r.Aborted != "" {
		t.row("warning", "called off: %s", r.Aborted)
	}
	if r.Early {
		t.row("warning", "ended early, after %.1f s: this is what was done until then", r.Seconds)
	}
}

// ReplicaTimeline is each change of the ready replicas with its second: "1 (0s) → 3 (41s) → 1 (150s)".
func ReplicaTimeline(seen []summary.Replicas) string {
	var parts []string
	last := -1
	for _, r := range seen {
		if r.Ready != last {
			parts = append(parts, fmt.Sprintf("%d (%ds)", r.Ready, r.Second))
			last = r.Ready
		}
	}
	return strings.Join(parts, " → ")
}
