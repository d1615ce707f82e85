package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"resnet-autoscaling/internal/summary"
)

func ratePanel(t timeline) panel {
	asked := t.runs(t.asked)
	answered := t.runs(func(b bucket) (float64, bool) { return b.perSecond(b.answered), true })
	failed := t.runs(func(b bucket) (float64, bool) { return b.perSecond(b.failed), true })
	mostAsked, _ := asked.highest()
	mostAnswered, _ := answered.highest()
	mostFailed, whenFailed := failed.highest()

	capacity := t.seen(func(r summary.Replicas) (float64, bool) { return r.Capacity, r.Capacity > 0 })
	mostCapacity, _ := capacity.highest()

	f := frame{end: t.end, height: 190, y: linear(max(mostAsked, mostAnswered, mostFailed, mostCapacity), false)}
	p := panel{
		ID: "rate", Title: "Rate", Unit: "requests/s",
		Desc: fmt.Sprintf("Asked for up to %s; good answers came at up to %s.", rate(mostAsked), rate(mostAnswered)),
	}
	p.Shapes = append(f.filled("answered", f.line, answered), shape{"asked line", f.line(asked)})
	p.Labels = []endLabel{
		f.label("asked", "asked", "", asked.last()),
		f.label("answered", "achieved", "", answered.last()),
	}
	if mostCapacity > 0 {
		p.Shapes = append(p.Shapes, shape{"capacity line", f.steps(capacity)})
		p.Labels = append(p.Labels, f.ends("capacity", "capacity", capacity))
		p.Desc += fmt.Sprintf(" The ready replicas say they can do up to %s together.", rate(mostCapacity))
	}
	if mostFailed > 0 {
		p.Shapes = append(p.Shapes, f.filled("failed", f.line, failed)...)
		p.Labels = append(p.Labels, f.label("failed", "failed", "", failed.last()))
		p.Desc += fmt.Sprintf(" Up to %s failed, at %s.", rate(mostFailed), clock(whenFailed))
	}
	return p.finish(f, significant)
}

func latencyPanel(t timeline, verdicts []summary.Verdict) panel {
	p := panel{ID: "latency", Title: "Latency"}
	p50 := t.runs(func(b bucket) (float64, bool) { return b.p50, b.ok > 0 })
	p99 := t.runs(func(b bucket) (float64, bool) { return b.p99, b.ok > 0 })
	if len(p99) == 0 {
		p.Empty = "No request got a good answer, so there is no latency to show."
		return p
	}
	bounds := latencyBounds(verdicts)
	low, high := extent(append(slices.Clone(p50), p99...), bounds)
	f := frame{end: t.end, height: 220, y: positive(low, high)}
	p.Unit = "from when each request was due"
	if f.y.log {
		p.Unit += ", logarithmic"
	}
	worst, when := p99.highest()
	p.Desc = fmt.Sprintf("The 99th percentile was at most %s, at %s.", milliseconds(worst), clock(when))
	p.Shapes = []shape{{"p99 area", f.band(p99, p50)}}
	p.Labels = []endLabel{f.label("p99", "p99", "", p99.last()), f.label("p50", "p50", "", p50.last())}
	for _, b := range bounds {
		p.Shapes = append(p.Shapes, shape{"slo line", fmt.Sprintf("M0 %[1]sH%[2]d", short(f.top(b.ms)), breadth)})
		p.Labels = append(p.Labels, f.label("slo", "SLO", b.text, b.ms))
		p.Desc += fmt.Sprintf(" The objective is %s.", b.text)
	}
	p.Shapes = append(p.Shapes, shape{"p50 line", f.line(p50)}, shape{"p99 line", f.line(p99)})
	return p.finish(f, milliseconds)
}

// bound is an objective on latency as a line to draw.
type bound struct {
	text string
	ms   float64
}

func latencyBounds(verdicts []summary.Verdict) []bound {
	var bounds []bound
	for _, v := range verdicts {
		// A verdict's text is an SLO that was parsed before; one that is not has no line.
		slo, err := summary.ParseSLO(v.SLO)
		if _, ms, ok := slo.Latency(); err == nil && ok {
			bounds = append(bounds, bound{v.SLO, ms})
		}
	}
	return bounds
}

func extent(c curve, bounds []bound) (low, high float64) {
	low = math.Inf(1)
	for _, run := range c {
		for _, p := range run {
			low, high = min(low, p.value), max(high, p.value)
		}
	}
	for _, b := range bounds {
		low, high = min(low, b.ms), max(high, b.ms)
	}
	return low, high
}

// laneHeight is the room of one kind of error, in pixels.
const laneHeight = 34

// errorPanel has a lane for each kind, all of one scale.
func errorPanel(t timeline, rows []errorRow) panel {
	p := panel{ID: "errors", Title: "Errors by kind"}
	if len(rows) == 0 {
		p.Empty = "✓ No request failed."
		return p
	}
	p.Height = laneHeight * len(rows)
	f := frame{end: t.end, height: float64(p.Height), y: scale{high: 1}}
	tallest := 0.0
	for _, b := range t.buckets {
		for _, n := range b.errors {
			tallest = max(tallest, float64(n))
		}
	}
	p.Unit = fmt.Sprintf("the tallest bar is %s in %s", plural(int64(tallest), "request"), stretch(float64(t.width)))
	var said []string
	for i, row := range rows {
		base := float64(laneHeight * (i + 1))
		points := make([]point, len(t.buckets))
		for j, b := range t.buckets {
			points[j] = point{b.from, b.to, float64(b.errors[row.Kind])}
		}
		p.YTicks = append(p.YTicks, tick{At: percent(1 - (base-laneHeight/2)/f.height), Label: string(row.Kind)})
		p.Grid += fmt.Sprintf("M0 %sH%d", short(base), breadth)
		p.Shapes = append(p.Shapes, shape{"failed bars", f.bars(points, base, laneHeight-6, tallest)})
		p.Labels = append(p.Labels, endLabel{Class: "count", Value: row.Text, Top: int(base) - laneHeight/2 - lineHeight/2})
		said = append(said, fmt.Sprintf("%s: %s", row.Kind, row.Text))
	}
	p.Grid += f.grid(nil)
	p.Desc = "Failed requests over time. " + strings.Join(said, ", ") + "."
	return p
}

func replicaPanel(t timeline) panel {
	p := panel{ID: "replicas", Title: "Replicas"}
	if len(t.replicas) == 0 {
		p.Empty = "How many replicas there were is not known: the target has no /status that tells."
		return p
	}
	ready := t.seen(func(r summary.Replicas) (float64, bool) { return float64(r.Ready), true })
	desired := t.seen(func(r summary.Replicas) (float64, bool) { return float64(r.Desired), r.Desired >= 0 })
	mostReady, _ := ready.highest()
	mostDesired, _ := desired.highest()
	f := frame{end: t.end, height: 120, y: linear(max(mostReady, mostDesired), true)}
	p.Unit = "pods"
	p.Shapes = f.filled("ready", f.steps, ready)
	p.Labels = []endLabel{f.ends("ready", "ready", ready)}
	p.Desc = "Ready replicas: " + changes(ready) + "."
	if len(desired) > 0 {
		p.Shapes = append(p.Shapes, shape{"desired line", f.steps(desired)})
		p.Labels = append(p.Labels, f.ends("desired", "desired", desired))
		p.Desc += " Desired: " + changes(desired) + "."
	} else {
		p.Unit = "pods; how many were desired is not known: no cluster was asked"
	}
	return p.finish(f, significant)
}

// changes tells a number's course in words.
func changes(c curve) string {
	var parts []string
	for _, run := range c {
		for _, p := range run {
			parts = append(parts, fmt.Sprintf("%s at %s", significant(p.value), clock(p.from)))
		}
	}
	return strings.Join(parts, ", ")
}
