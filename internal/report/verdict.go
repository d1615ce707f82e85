package report

import (
	"fmt"
	"slices"
	"strings"

	"resnet-autoscaling/internal/summary"
)

// verdict is the first thing that is read: a word, and the sentence that bears it out.
type verdict struct {
	State    string // kept, missed or open
	Mark     string // the same for who does not see colours
	Headline string
	Detail   string
}

func judge(r summary.Result) verdict {
	missed := 0
	for _, v := range r.SLO {
		if !v.Kept {
			missed++
		}
	}
	detail := fmt.Sprintf("%s of %s, %s lost", plural(r.OK, "good answer"), plural(r.Requests, "request"), count(r.Lost()))
	switch {
	case r.Early && missed == 0 && len(r.SLO) > 0:
		return verdict{"open", "–", "Ended early, its objectives kept until then", detail}
	case len(r.SLO) == 0:
		return verdict{"open", "–", "No objective was set", detail}
	case missed > 0 && len(r.SLO) == 1:
		return verdict{"missed", "✗", "Missed its objective", detail}
	case missed > 0:
		return verdict{"missed", "✗", fmt.Sprintf("Missed %d of %s", missed, plural(int64(len(r.SLO)), "objective")), detail}
	case len(r.SLO) == 1:
		return verdict{"kept", "✓", "Kept its objective", detail}
	default:
		return verdict{"kept", "✓", fmt.Sprintf("Kept all %d objectives", len(r.SLO)), detail}
	}
}

func notes(r summary.Result) []string {
	var all []string
	if r.Early {
		all = append(all, fmt.Sprintf("The test was ended early, after %s of the schedule; what follows is what was done until then.", clock(r.Seconds)))
	}
	if r.Aborted != "" {
		all = append(all, "The test was called off: "+r.Aborted+".")
	}
	if r.Warmup != nil {
		all = append(all, fmt.Sprintf("Before it there was a warm-up of %s with %s, which counts nowhere here.", clock(r.Warmup.Seconds), plural(r.Warmup.Requests, "request")))
	}
	if r.Requests == 0 {
		all = append(all, "No request was due, so nothing was measured: the profile's rate was 0 for as long as it ran.")
	}
	if r.Lag.Late() {
		all = append(all, fmt.Sprintf("This tester fell behind its own schedule (it sent %s late at the 99th percentile, %s at most), and the latencies include that: use a faster machine, or more of them.",
			milliseconds(r.Lag.P99), milliseconds(r.Lag.Max)))
	}
	return append(all, r.Notes...)
}

// tile is a figure with its name.
type tile struct {
	Name, Value, Detail string
	Bad                 bool
}

func tiles(r summary.Result) []tile {
	all := []tile{
		{Name: "Requests", Value: count(r.Requests), Detail: "over " + clock(r.Seconds)},
		{Name: "Lost", Value: count(r.Lost()), Detail: share(r.Lost(), r.Requests), Bad: r.Lost() > 0},
		{Name: "Rate asked", Value: rate(r.Rate.Asked), Detail: "on average"},
		{Name: "Rate achieved", Value: rate(r.Rate.Achieved), Detail: "good answers"},
		{Name: "Sent", Value: size(r.BytesSent), Detail: "of pictures"},
	}
	if r.Labels != nil {
		right := r.Labels.Checked - r.Labels.Wrong
		all = append(all, tile{
			Name: "Right label", Value: share(right, r.Labels.Checked),
			Detail: fmt.Sprintf("%s of %s answers", count(right), count(r.Labels.Checked)),
		})
	}
	if n := len(r.Replicas); n > 0 {
		low, high := r.Replicas[0].Ready, r.Replicas[0].Ready
		for _, v := range r.Replicas {
			low, high = min(low, v.Ready), max(high, v.Ready)
		}
		all = append(all, tile{Name: "Replicas ready", Value: fmt.Sprintf("%d – %d", low, high), Detail: "least and most"})
	}
	if p := r.PerReplica; p != nil && p.BusySeconds > 0 {
		all = append(all, tile{Name: "A busy replica", Value: rate(p.BusyOK), Detail: "in " + plural(int64(p.BusySeconds), "busy second")})
	} else if p != nil {
		all = append(all, tile{Name: "A ready replica", Value: rate(p.OK), Detail: "never all busy"})
	}
	return all
}

func percentiles(r summary.Result) []tile {
	if r.OK == 0 {
		return nil
	}
	l := r.Latency
	return []tile{
		{Name: "p50", Value: milliseconds(l.P50)},
		{Name: "p90", Value: milliseconds(l.P90)},
		{Name: "p95", Value: milliseconds(l.P95)},
		{Name: "p99", Value: milliseconds(l.P99)},
		{Name: "p99.9", Value: milliseconds(l.P999)},
		{Name: "p99.99", Value: milliseconds(l.P9999)},
		{Name: "max", Value: milliseconds(l.Max)},
	}
}

// stageRow is a stage of the server's work and its percentiles.
type stageRow struct {
	Name  string
	Cells []string
}

func stageRows(r summary.Result) []stageRow {
	var rows []stageRow
	for _, s := range r.Stages {
		rows = append(rows, stageRow{s.Name, []string{milliseconds(s.P50), milliseconds(s.P90), milliseconds(s.P99), milliseconds(s.Max)}})
	}
	return rows
}

// errorRow is a kind of failure, the most frequent first.
type errorRow struct {
	Kind    summary.Kind
	Count   int64
	Text    string
	Share   string
	Meaning string
}

var meanings = map[summary.Kind]string{
	summary.Timeout:  "no answer within --timeout",
	summary.Connect:  "no connection could be made",
	summary.Broken:   "the connection ended before the answer did",
	summary.Refused:  "the server said that it is overloaded, or stopping",
	summary.Late:     "the server gave up: its own deadline passed",
	summary.Caller:   "the server found fault with the request",
	summary.Server:   "the server failed in another way",
	summary.Wrong:    "the best label was another one than expected",
	summary.Unsent:   "never left: --max-in-flight were unanswered already",
	summary.Canceled: "unanswered when the test was ended early",
}

func errorRows(r summary.Result) []errorRow {
	var rows []errorRow
	for kind, n := range r.Errors {
		rows = append(rows, errorRow{kind, n, count(n), share(n, r.Requests), meanings[kind]})
	}
	slices.SortFunc(rows, func(a, b errorRow) int {
		if a.Count != b.Count {
			return int(b.Count - a.Count)
		}
		return strings.Compare(string(a.Kind), string(b.Kind))
	})
	return rows
}
