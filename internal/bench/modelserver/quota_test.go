package main

import (
	"math"
	"strings"
	"testing"
)

func TestQuotaIsJudgedByWhatTheMachineHadLeft(t *testing.T) {
	for _, c := range []struct {
		name      string
		row       quotaRow
		left, off float64
	}{
		{"alone", quotaRow{cpus: 1, machine: 2, start: 90, end: 100, reached: 100, shares: shares{server: 1, load: 0.1}}, 1, 10},
		{"the later statement is the worse one", quotaRow{cpus: 1, machine: 2, start: 100, end: 125, reached: 100, shares: shares{server: 1}}, 1, 25},
		{"the load shares its cores", quotaRow{cpus: 2, machine: 2, start: 200, end: 200, reached: 150, shares: shares{server: 1.5, load: 0.5}}, 1.5, 0},
		{"others take of them", quotaRow{cpus: 1, machine: 2, start: 100, end: 100, reached: 60, shares: shares{server: 0.6, others: 1.4}}, 0.6, 0},
		{"what a server leaves unused is its own fault", quotaRow{cpus: 2, machine: 2, start: 200, end: 200, reached: 100, shares: shares{server: 1}}, 2, 100},
	} {
		if got := c.row.left(); math.Abs(got-c.left) > 1e-9 {
			t.Errorf("%s: %.3f cores were left, want %.3f", c.name, got, c.left)
		}
		if got := c.row.off(); math.Abs(got-c.off) > 1e-9 {
			t.Errorf("%s: off by %.3f %%, want %.3f", c.name, got, c.off)
		}
	}
}

func TestQuotasThatOthersDisturbedAreNamed(t *testing.T) {
	rows := []quotaRow{
		{cpus: 0.25, machine: 2, shares: shares{load: 0.1, others: 1.6}},
		{cpus: 1, machine: 2, shares: shares{load: 0.1, others: 1}},
		{cpus: 2, machine: 2, shares: shares{load: 0.1}},
	}
	if got := rough(rows); !strings.HasSuffix(got, ": 1, 2.\n") {
		t.Errorf("it says %q", got)
	}
	if got := rough(rows[:1]); got != "" {
		t.Errorf("of one that nobody disturbed it says %q", got)
	}
}
