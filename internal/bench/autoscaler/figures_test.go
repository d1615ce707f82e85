package autoscaler

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"resnet-autoscaling/internal/simulate"
)

var (
	tracesDir = flag.String("traces", "", "folder of traces; without it, nothing is measured")
	results   = flag.String("results", "", "file to write the results to")
	parts     = flag.String("parts", "", "folder that keeps what is known of the peers from one run to the next")
	within    = flag.Duration("within", 0, "begin no more points after so long; 0: measure all")
	quick     = flag.Bool("quick", false, "only the traces as they are, and pods that start in 10 s")
)

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
				m, ok := s.measure(t)
				if !ok {
					t.Skip("not all points are measured yet: run it again")
				}
				rows[i] = m.compare()
				fmt.Println(rows[i].line())
			})
		}
	})
	rows = slices.DeleteFunc(rows, func(c comparison) bool { return c.peers == nil })
	fmt.Print(summary(rows))
	if *results == "" || t.Failed() || len(rows) < len(all) {
		return
	}
	var tables bytes.Buffer
	for _, row := range rows {
		row.write(&tables)
	}
	if err := os.WriteFile(*results, []byte(heading()+summary(rows)+tables.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

var began = time.Now()

// late tells whether nothing more is to begin.
func late() bool { return *within > 0 && time.Since(began) > *within }

// measure runs ours and every point of the peers that is not known yet; false when there was no time for all.
func (s scenario) measure(t *testing.T) (measured, bool) {
	m := measured{scenario: s}
	if late() {
		return m, false
	}
	trace := s.read(t)
	c := simulate.Default()
	c.StartTime = s.start
	c = c.For(trace)
	c.Judged = learn(trace)
	known := loadPart(t, *parts, s, c, trace)
	if known.Oracle == (simulate.Oracle{}) {
		oracle, err := simulate.Foresee(c, trace)
		if err != nil {
			t.Fatal(err)
		}
		known.Oracle = oracle
	}
	m.oracle = known.Oracle
	for _, who := range peers() {
		r, ok := known.Points[who.name]
		if !ok && late() {
			return m, false
		}
		if !ok {
			r = simulated(t, c, trace, who)
			known.Points[who.name] = r
			known.save(t)
		}
		m.peers = append(m.peers, point{contender: who, Result: r})
	}
	m.ours = simulated(t, c, trace, ours(c))
	if s.usual() {
		for _, times := range overstated {
			c.Stated = times * c.Capacity
			m.boasts = append(m.boasts, simulated(t, c, trace, ours(c)))
		}
	}
	return m, true
}

// overstated is how many times what they can do replicas state, where ours is tried with such as well.
var overstated = []float64{1.25, 1.5, 2}

type point struct {
	contender
	simulate.Result
}

type measured struct {
	scenario scenario
	oracle   simulate.Oracle
	ours     simulate.Result
	peers    []point
	boasts   []simulate.Result // ours, by overstated; none but for the usual scenarios
}
