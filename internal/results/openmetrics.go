package results

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"resnet-autoscaling/internal/summary"
)

// WriteOpenMetrics writes the seconds of a test as metrics with their times, for `promtool tsdb create-blocks-from openmetrics` and
// whatever else reads that format.
func WriteOpenMetrics(w io.Writer, r summary.Result) error {
	m := metrics{out: bufio.NewWriter(w), result: r, tags: tags(r.Tags)}
	m.requests()
	m.seconds("loadtest_due", "Requests due in this second.", func(s summary.Second) (float64, bool) { return float64(s.Due), true })
	m.seconds("loadtest_answered", "Good answers that arrived in this second.", func(s summary.Second) (float64, bool) { return float64(s.Answered), true })
	m.seconds("loadtest_in_flight", "Requests without an answer at the end of this second.", func(s summary.Second) (float64, bool) { return float64(s.InFlight), true })
	m.latency()
	m.replicas()
	m.seen("loadtest_queue_length", "Requests that waited in the dispatcher.", func(r summary.Replicas) (float64, bool) { return float64(r.Queue), true })
	m.seen("loadtest_capacity_rps", "What the ready replicas say they can do together.", func(r summary.Replicas) (float64, bool) { return r.Capacity, r.Capacity > 0 })
	m.seen("loadtest_cpu_cores", "CPU that all replicas used.", func(r summary.Replicas) (float64, bool) { return r.CPU, r.CPU > 0 })
	m.out.WriteString("# EOF\n")
	return m.out.Flush() // a writer that failed once says so here
}

type metrics struct {
	out    *bufio.Writer
	result summary.Result
	tags   []string // label="value"
}

func tags(all map[string]string) []string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		pairs = append(pairs, label(name, all[name]))
	}
	return pairs
}

// label is a pair in the text format: names keep to its letters, values to its escapes.
func label(name, value string) string {
	safe := strings.Map(func(r rune) rune {
		if r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name)
	if safe == "" || safe[0] >= '0' && safe[0] <= '9' {
		safe = "_" + safe
	}
	return safe + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value) + `"`
}

func (m metrics) family(name, kind, help string) {
	fmt.Fprintf(m.out, "# TYPE %s %s\n# HELP %[1]s %s\n", name, kind, help)
}

func (m metrics) sample(name string, second int, value float64, labels ...string) {
	m.out.WriteString(name)
	if all := slices.Concat(labels, m.tags); len(all) > 0 {
		m.out.WriteString("{" + strings.Join(all, ",") + "}")
	}
	at := float64(m.result.Started.UnixMilli())/1000 + float64(second)
	fmt.Fprintf(m.out, " %s %s\n", strconv.FormatFloat(value, 'g', -1, 64), strconv.FormatFloat(at, 'f', 3, 64))
}

// requests count up, by what became of them, at the second in which they were due.
func (m metrics) requests() {
	m.family("loadtest_requests", "counter", "Requests by what became of them.")
	for _, kind := range append([]summary.Kind{summary.OK}, slices.Sorted(maps.Keys(m.result.Errors))...) {
		sum := int64(0)
		for _, s := range m.result.Timeline {
			n := s.Errors[kind]
			if kind == summary.OK {
				n = s.OK
			}
			sum += n
			m.sample("loadtest_requests_total", s.Second, float64(sum), label("outcome", string(kind)))
		}
	}
}

func (m metrics) seconds(name, help string, value func(summary.Second) (float64, bool)) {
	m.family(name, "gauge", help)
	for _, s := range m.result.Timeline {
		if v, ok := value(s); ok {
			m.sample(name, s.Second, v)
		}
	}
}

func (m metrics) latency() {
	m.family("loadtest_latency_seconds", "gauge", "Latency of the good answers to requests due in this second, from when they were due.")
	for _, q := range []struct {
		name string
		ms   func(summary.Second) float64
	}{
		{"0.5", func(s summary.Second) float64 { return s.P50 }},
		{"0.99", func(s summary.Second) float64 { return s.P99 }},
	} {
		for _, s := range m.result.Timeline {
			if s.OK > 0 {
				m.sample("loadtest_latency_seconds", s.Second, q.ms(s)/1000, label("quantile", q.name))
			}
		}
	}
}

func (m metrics) replicas() {
	m.family("loadtest_replicas", "gauge", "Replicas.")
	for _, r := range m.unique() {
		m.sample("loadtest_replicas", r.Second, float64(r.Ready), label("state", "ready"))
	}
	for _, r := range m.unique() {
		if r.Desired >= 0 {
			m.sample("loadtest_replicas", r.Second, float64(r.Desired), label("state", "desired"))
		}
	}
}

func (m metrics) seen(name, help string, value func(summary.Replicas) (float64, bool)) {
	m.family(name, "gauge", help)
	for _, r := range m.unique() {
		if v, ok := value(r); ok {
			m.sample(name, r.Second, v)
		}
	}
}

// unique is the last look of each second: a series has one value at a time.
func (m metrics) unique() []summary.Replicas {
	var all []summary.Replicas
	for _, r := range m.result.Replicas {
		if n := len(all); n > 0 && all[n-1].Second >= r.Second {
			all = all[:n-1]
		}
		all = append(all, r)
	}
	return all
}
