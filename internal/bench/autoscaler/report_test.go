package autoscaler

import (
	"bytes"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"resnet-autoscaling/internal/simulate"
)

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
	b.WriteString(boasting(rows))
	return b.String()
}

// boasting is the table of ours where replicas state more than they can do.
func boasting(rows []comparison) string {
	var b strings.Builder
	b.WriteString("Where replicas state more than they can do, ours has these violations, at a cost of so many times the instant oracle's:\n\n| trace | the truth |")
	for _, times := range overstated {
		fmt.Fprintf(&b, " %g times it |", times)
	}
	b.WriteString("\n|---|---|" + strings.Repeat("---|", len(overstated)) + "\n")
	for _, c := range rows {
		if c.boasts == nil {
			continue
		}
		fmt.Fprintf(&b, "| %s |", c.scenario)
		for _, r := range append([]simulate.Result{c.ours}, c.boasts...) {
			fmt.Fprintf(&b, " %.3f %% at %.3f |", 100*r.Violations(), r.ReplicaSeconds/c.oracle.Instant)
		}
		b.WriteByte('\n')
	}
	return b.String() + "\n"
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
