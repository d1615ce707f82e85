package term

import (
	"fmt"
	"io"
	"strings"

	"resnet-autoscaling/internal/summary"
)

// labelWidth is the room of what a line is about.
const labelWidth = 14

// WriteResult tells a person how a test ended.
func WriteResult(w io.Writer, r summary.Result) error {
	var b strings.Builder
	row := func(label, format string, args ...any) {
		fmt.Fprintf(&b, "  %-*s%s\n", labelWidth, label, fmt.Sprintf(format, args...))
	}
	b.WriteString("\n")
	row("profile", "%s", r.Profile)
	if r.Warmup != nil {
		row("warm-up", "%.4g s before it, %d requests, left out of all that follows", r.Warmup.Seconds, r.Warmup.Requests)
	}
	row("requests", "%d sent, %d answered, errors %s", r.Requests, r.OK, errorText(r.Errors))
	row("rate", "asked %.2f/s, achieved %.2f/s", r.Rate.Asked, r.Rate.Achieved)
	l := r.Latency
	row("latency", "p50 %.1f  p90 %.1f  p95 %.1f  p99 %.1f  p99.9 %.1f  p99.99 %.1f  max %.1f ms", l.P50, l.P90, l.P95, l.P99, l.P999, l.P9999, l.Max)
	for _, stage := range r.Stages {
		row("  "+stage.Name, "p50 %.1f  p90 %.1f  p99 %.1f  max %.1f ms, by the server's word", stage.P50, stage.P90, stage.P99, stage.Max)
	}
	row("sent", "%.1f MB, and %.1f MB came back", float64(r.BytesSent)/1e6, float64(r.BytesReceived)/1e6)
	if r.Labels != nil {
		row("labels", "%d of %d as expected", r.Labels.Checked-r.Labels.Wrong, r.Labels.Checked)
	}
	if len(r.Replicas) > 0 {
		row("replicas", "%s", ReplicaTimeline(r.Replicas))
	}
	if p := r.PerReplica; p != nil && p.BusySeconds > 0 {
		row("each", "%.2f/s for each ready replica while all had work (%d s), %.2f/s over all", p.BusyOK, p.BusySeconds, p.OK)
	} else if p != nil {
		row("each", "%.2f/s for each ready replica; never had all of them work waiting, so what they can do was not seen", p.OK)
	}
	row("schedule", "requests left late by p50 %.2f  p99 %.2f  max %.2f ms", r.Lag.P50, r.Lag.P99, r.Lag.Max)
	if r.Lag.Late() {
		row("warning", "this tester sent late (p99 %.1f ms, max %.1f ms): it is too slow for the schedule, and the latencies include that", r.Lag.P99, r.Lag.Max)
	}
	for _, note := range r.Notes {
		row("note", "%s", note)
	}
	if r.Aborted != "" {
		row("warning", "called off: %s", r.Aborted)
	}
	if r.Early {
		row("warning", "ended early, after %.1f s: this is what was done until then", r.Seconds)
	}
	for _, v := range r.SLO {
		verdict := "kept  "
		if !v.Kept {
			verdict = "MISSED"
		}
		row("SLO", "%s  %s: %s", verdict, v.SLO, v.Measured)
	}
	_, err := io.WriteString(w, b.String())
	return err
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
