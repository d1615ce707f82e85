package main

import (
	"fmt"
	"math"

	"resnet-autoscaling/internal/bench/figures"
)

const (
	// most is by how much the simulator may differ from reality, as a share.
	most = 0.15
	// nearest is what cannot be told apart, in seconds: an interval of the autoscaler's, and the second that the simulator counts in.
	nearest = 6
)

// row is one thing that was measured and simulated.
type row struct {
	what            string
	measured, paper float64
	allowed         float64 // by how much they may differ
	unit            string
	chances         string // how many of the simulations are as far from the middle one as what was measured; "": of several runs
}

func (r row) difference() float64 { return r.paper - r.measured }

func (r row) apart() bool { return !(math.Abs(r.difference()) <= r.allowed) }

// comparison is a run beside its simulations.
type comparison struct {
	reality
	rows    []row // violations and replicas
	changes []row // when each replica came and went
}

// judged are the runs with one policy.
type judged struct {
	runs []comparison
	rows []row // the means of theirs
}

// judge compares the runs with a policy that are kept in a folder, each with its own simulations.
func judge(dir, policy string) (judged, error) {
	files, err := filesOf(dir, policy)
	if err != nil {
		return judged{}, err
	}
	if len(files) == 0 {
		return judged{}, fmt.Errorf("no run with policy %s was measured: leave out --again", policy)
	}
	var runs []comparison
	for _, file := range files {
		m, err := readReality(file)
		if err != nil {
			return judged{}, err
		}
		c, err := compare(m)
		if err != nil {
			return judged{}, err
		}
		runs = append(runs, c)
	}
	return together(runs), nil
}

// together takes the means of what runs came to: what was late in one is the chance of a few seconds.
func together(runs []comparison) judged {
	j := judged{runs: runs}
	for i, first := range runs[0].rows {
		mean := row{what: first.what, unit: first.unit}
		for _, c := range runs {
			mean.measured += c.rows[i].measured / float64(len(runs))
			mean.paper += c.rows[i].paper / float64(len(runs))
		}
		mean.allowed = most * mean.measured
		j.rows = append(j.rows, mean)
	}
	return j
}

// apart is what differs by more than it may: a mean, or a step of any run.
func (j judged) apart() (all []row) {
	lists := [][]row{j.rows}
	for _, c := range j.runs {
		lists = append(lists, c.changes)
	}
	for _, list := range lists {
		for _, r := range list {
			if r.apart() {
				all = append(all, r)
			}
		}
	}
	return all
}

func compare(m reality) (comparison, error) {
	var all []paper
	for seed := range papers {
		p, err := m.simulated(uint64(seed + 1))
		if err != nil {
			return comparison{}, err
		}
		all = append(all, p)
	}
	return m.beside(all), nil
}

// beside is the middle of what the simulations came to beside what was measured.
func (m reality) beside(all []paper) comparison {
	c := comparison{reality: m}
	add := func(what, unit string, measured float64, of func(paper) float64) {
		c.rows = append(c.rows, row{what: what, unit: unit, measured: measured, paper: medianOf(all, of), allowed: most * measured, chances: chances(all, of, measured)})
	}
	add("requests that were late or failed", " %", 100*m.violations(), func(p paper) float64 { return 100 * p.violations })
	add("replicas that were asked for, on average", "", m.desired(), func(p paper) float64 { return p.desired })
	add("replicas that were ready, on average", "", m.ready(), func(p paper) float64 { return p.ready })
	came := changes(m.Scalings)
	add("replicas that came or went", "", float64(len(came)), func(p paper) float64 { return float64(len(changes(p.scalings))) })
	for _, r := range came {
		i, began := m.legAt(r.at)
		since := r.at - began
		when := func(p paper) float64 { return like(changes(p.scalings), r) - began }
		c.changes = append(c.changes, row{
			what: fmt.Sprintf("%v, in part %d", r, i+1), unit: " s", measured: since, paper: medianOf(all, when), allowed: max(most*since, nearest),
			chances: chances(all, when, since),
		})
	}
	return c
}

// change is one replica more or less.
type change struct {
	from, to int
	at       float64
}

func (c change) String() string { return fmt.Sprintf("%d→%d", c.from, c.to) }

// changes are scalings replica by replica: two that come at once and two that come one after the other can be compared.
func changes(scalings []scaling) (all []change) {
	for _, s := range scalings {
		way := 1
		if s.To < s.From {
			way = -1
		}
		for n := s.From; n != s.To; n += way {
			all = append(all, change{from: n, to: n + way, at: s.At})
		}
	}
	return all
}

// like is when the same change came, of several the nearest; not a number: it never came.
func like(all []change, c change) float64 {
	at := math.NaN()
	for _, other := range all {
		if other.from == c.from && other.to == c.to && !(math.Abs(other.at-c.at) >= math.Abs(at-c.at)) {
			at = other.at
		}
	}
	return at
}

// medianOf is the middle one of what several simulations came to; not a number: most came to nothing.
func medianOf(all []paper, of func(paper) float64) float64 {
	var values []float64
	for _, p := range all {
		if v := of(p); !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	if 2*len(values) <= len(all) {
		return math.NaN()
	}
	return figures.Median(values)
}

// chances tells how many simulations are at least as far from the middle one as what was measured: where many are, the difference is
// chance's, which the real run had but once. One that came to nothing is as far as any.
func chances(all []paper, of func(paper) float64, measured float64) string {
	middle, far := medianOf(all, of), 0
	for _, p := range all {
		if !(math.Abs(of(p)-middle) < math.Abs(measured-middle)) {
			far++
		}
	}
	return fmt.Sprintf("%d of %d", far, len(all))
}
