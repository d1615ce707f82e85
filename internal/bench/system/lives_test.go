package main

import (
	"testing"

	"resnet-autoscaling/internal/bench/soak"
)

// What is on its way while it is looked at is no leak, and Prometheus is not judged.
func TestWhatAProcessMayHoldAfterwards(t *testing.T) {
	had := soak.Vitals{Goroutines: 24, Files: 14}
	l := &lives{before: map[role]soak.Vitals{theDispatcher: had, thePrometheus: had}}
	for name, c := range map[string]struct {
		role     role
		holds    soak.Vitals
		complain int
	}{
		"as before":                        {theDispatcher, had, 0},
		"four connections on their way":    {theDispatcher, soak.Vitals{Goroutines: 32, Files: 18}, 0},
		"five connections":                 {theDispatcher, soak.Vitals{Goroutines: 34, Files: 19}, 1},
		"nine files":                       {theDispatcher, soak.Vitals{Goroutines: 24, Files: 23}, 1},
		"both":                             {theDispatcher, soak.Vitals{Goroutines: 99, Files: 99}, 2},
		"what Prometheus keeps is its own": {thePrometheus, soak.Vitals{Goroutines: 99, Files: 99}, 0},
	} {
		if got := l.holds(&life{Role: c.role, After: &c.holds}, slack); len(got) != c.complain {
			t.Errorf("%s: %q, want %d complaints", name, got, c.complain)
		}
	}
}
