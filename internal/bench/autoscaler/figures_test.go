package autoscaler

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/simulate"
)

var (
	tracesDir = flag.String("traces", "", "folder of traces; without it, nothing is measured")
	results   = flag.String("results", "", "file to write the results to")
	quick     = flag.Bool("quick", false, "only the traces as they are, and pods that start in 10 s")
)

// scenario is one trace in one cluster.
type scenario struct {
	file   string
	scale  float64
	start  time.Duration
	bursts bool
}

func (s scenario) String() string {
	text := strings.TrimSuffix(s.file, ".csv")
	if s.scale != 1 {
		text += fmt.Sprintf(" ×%g", s.scale)
	}
	if s.bursts {
		text += " with bursts"
	}
	return fmt.Sprintf("%s, pods start in %v", text, s.start)
}

// scenarios are the traces of the folder as they are, and those that are not too long also with other start times, with bursts and ten
// times as high.
func scenarios(t *testing.T, dir string) []scenario {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.csv"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no traces in %q: %v", dir, err)
	}
	var usual, others []scenario
	for _, f := range files {
		s := scenario{file: filepath.Base(f), scale: usualScale(f), start: 10 * time.Second}
		usual = append(usual, s)
		trace := s.read(t)
		if len(trace.Rates) > longest {
			continue
		}
		for _, start := range []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute} {
			other := s
			other.start = start
			others = append(others, other)
		}
		burst, high := s, s
		burst.bursts, high.scale = true, 10*s.scale
		others = append(others, burst)
		if 10*trace.Requests() < most {
			others = append(others, high)
		}
	}
	if *quick {
		return usual
	}
	return append(usual, others...)
}

// A run for each of the peers' points follows every request.
const (
	longest = 2 * 24 * 3600 // seconds
	most    = 100_000_000   // requests
)

// usualScale brings a trace that is too thin for a cluster to a rate that needs one.
func usualScale(file string) float64 {
	if strings.Contains(file, "azure_llm") {
		return 16
	}
	return 1
}

// read reads a trace; days of it are learned from and not judged where there are more than ten.
func (s scenario) read(t *testing.T) simulate.Trace {
	t.Helper()
	f, err := os.Open(filepath.Join(*tracesDir, s.file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	trace, err := simulate.ReadTrace(strings.TrimSuffix(s.file, ".csv"), f)
	if err != nil {
		t.Fatal(err)
	}
	trace = trace.Scaled(s.scale)
	if s.bursts {
		trace = trace.WithBursts(3, 90, 3600, 7)
	}
	return trace
}

// learn is how much of a trace comes before what is judged: the first week of two.
func learn(t simulate.Trace) int {
	const week = 7 * 24 * 3600
	if len(t.Rates) >= 2*week {
		return week
	}
	return 0
}

// TestFigures measures ours beside every point of the peers, and writes what came out.
func TestFigures(t *testing.T) {
	if *tracesDir == "" {
		t.Skip("no -traces: make bench-autoscaler TRACES=folder")
	}
	all := scenarios(t, *tracesDir)
	rows := make([]comparison, len(all))
	t.Run("scenarios", func(t *testing.T) {
		for i, s := range all {
			t.Run(s.String(), func(t *testing.T) {
				t.Parallel()
				rows[i] = s.measure(t).compare()
				fmt.Println(rows[i].line())
			})
		}
	})
	var tables bytes.Buffer
	for _, row := range rows {
		row.write(&tables)
	}
	fmt.Print(summary(rows))
	if *results != "" && !t.Failed() {
		if err := os.WriteFile(*results, []byte(heading()+summary(rows)+tables.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// measure runs ours and every point of the peers.
func (s scenario) measure(t *testing.T) measured {
	trace := s.read(t)
	c := simulate.Default()
	c.StartTime = s.start
	c = c.For(trace)
	c.Judged = learn(trace)
	oracle, err := simulate.Foresee(c, trace)
	if err != nil {
		t.Fatal(err)
	}
	m := measured{scenario: s, oracle: oracle, ours: simulated(t, c, trace, ours(c))}
	for _, who := range peers() {
		m.peers = append(m.peers, point{contender: who, Result: simulated(t, c, trace, who)})
	}
	return m
}

type point struct {
	contender
	simulate.Result
}

type measured struct {
	scenario scenario
	oracle   simulate.Oracle
	ours     simulate.Result
	peers    []point
}

// comparison is ours against the Pareto front of the peers.
type comparison struct {
	measured
	beaten   []point // peers with fewer violations at no more cost
	equal    point   // the peers' fewest violations at no more cost than ours, and a little
	hasEqual bool
	cheapest point // the cheapest peer that keeps 0.1 %
	hasCheap bool
}

const kept = 0.001

func (m measured) compare() comparison {
	c := comparison{measured: m}
	for _, p := range m.peers {
		if p.ReplicaSeconds <= m.ours.ReplicaSeconds {
			if p.Violations() < m.ours.Violations() {
				c.beaten = append(c.beaten, p)
			}
			if !c.hasEqual || p.Violations() < c.equal.Violations() {
				c.equal, c.hasEqual = p, true
			}
		}
		if p.Violations() <= kept && (!c.hasCheap || p.ReplicaSeconds < c.cheapest.ReplicaSeconds) {
			c.cheapest, c.hasCheap = p, true
		}
	}
	return c
}

func (c comparison) line() string {
	text := fmt.Sprintf("%-58s ours %7.3f %% at %.3f× instant, %.3f× holding, %.3f× fluid; %.1f scalings/h, %.1f reversals/h", c.scenario, 100*c.ours.Violations(),
		c.ours.ReplicaSeconds/c.oracle.Instant, c.ours.ReplicaSeconds/c.oracle.Holding, c.ours.ReplicaSeconds/c.oracle.Fluid, c.ours.ScalingsPerHour(), c.ours.ReversalsPerHour())
	if c.hasEqual {
		text += fmt.Sprintf("; best peer at no more cost %.3f %% (%s)", 100*c.equal.Violations(), c.equal.name)
	} else {
		text += "; no peer is as cheap"
	}
	if c.hasCheap {
		text += fmt.Sprintf("; cheapest peer with at most 0.1 %%: ours costs %.3f× it (%s)", c.ours.ReplicaSeconds/c.cheapest.ReplicaSeconds, c.cheapest.name)
	}
	return text
}

// floor is the least share that is told apart from none, so that a ratio of nothing to nothing is one.
const floor = 1e-5

func summary(rows []comparison) string {
	var b strings.Builder
	b.WriteString("| trace | ours: violations | × instant oracle | × oracle that holds 60 s | scalings/h | reversals/h | peers' fewest violations at no more cost | peers better on both | ours against the cheapest peer that keeps 0.1 % |\n|---|---|---|---|---|---|---|---|---|\n")
	logs, n := 0.0, 0
	for _, c := range rows {
		equal, cheap := "none is as cheap", "none keeps it"
		if c.hasEqual {
			equal = fmt.Sprintf("%.3f %% (%s)", 100*c.equal.Violations(), c.equal.name)
			logs += math.Log((c.ours.Violations() + floor) / (c.equal.Violations() + floor))
			n++
		}
		if c.hasCheap {
			cheap = fmt.Sprintf("%.3f× (%s)", c.ours.ReplicaSeconds/c.cheapest.ReplicaSeconds, c.cheapest.name)
		}
		fmt.Fprintf(&b, "| %s | %.3f %% | %.3f | %.3f | %.1f | %.1f | %s | %d | %s |\n", c.scenario, 100*c.ours.Violations(),
			c.ours.ReplicaSeconds/c.oracle.Instant, c.ours.ReplicaSeconds/c.oracle.Holding, c.ours.ScalingsPerHour(), c.ours.ReversalsPerHour(), equal, len(c.beaten), cheap)
	}
	fmt.Fprintf(&b, "\nGeometric mean of our violations by those of the best peer at no more cost, over %d of them: %.3f.\n\n", n, math.Exp(logs/float64(max(n, 1))))
	return b.String()
}

// write is the table of one scenario, cheapest first.
func (m measured) write(b *bytes.Buffer) {
	fmt.Fprintf(b, "## %s\n\n| autoscaler | violations | × instant | × holding | scalings/h | reversals/h |\n|---|---|---|---|---|---|\n", m.scenario)
	all := append([]point{{contender{name: "**slo**"}, m.ours}}, m.peers...)
	slices.SortFunc(all, func(a, b point) int { return int(a.ReplicaSeconds - b.ReplicaSeconds) })
	for _, p := range all {
		name := p.name
		if p.stock && p.family != "" {
			name += " (default)"
		}
		fmt.Fprintf(b, "| %s | %.3f %% | %.3f | %.3f | %.1f | %.1f |\n", name, 100*p.Violations(), p.ReplicaSeconds/m.oracle.Instant, p.ReplicaSeconds/m.oracle.Holding, p.ScalingsPerHour(), p.ReversalsPerHour())
	}
	b.WriteByte('\n')
}

func heading() string {
	versions := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if d.Path == "k8s.io/kubernetes" || d.Path == "knative.dev/serving" {
				versions += fmt.Sprintf(", %s %s", d.Path, d.Version)
			}
		}
	}
	return fmt.Sprintf(`# Autoscalers side by side

%s, make bench-autoscaler, %s%s. Every request is simulated: violations are the share of offered requests that were answered after more than
250 ms, shed or given up; cost is replica-seconds from the patch, starting and draining pods included. One configuration of ours for all;
of the peers each point of a sweep of targets and windows. The oracles know when each request comes: one has the replicas that each
second needs at once, the other keeps each for 60 s and pays for its start.

`, time.Now().Format(time.DateOnly), strings.TrimSpace(goVersion()), versions)
}

func goVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.GoVersion
	}
	return ""
}
