package main

import (
	"fmt"
	"time"

	"resnet-autoscaling/internal/scaling"
	"resnet-autoscaling/internal/simulate"
)

// allowed is the share of requests that a p99 lets be late.
const allowed = 0.01

// search tries settings of each policy, and keeps the cheapest that keeps the SLO; where none does, the one with fewest violations.
func (s *simulation) search(c simulate.Cluster, run func(name, flags string, p scaling.Policy) (outcome, error)) ([]outcome, error) {
	var best *outcome
	for _, name := range s.Policy {
		for least := max(1, s.MinReplicas); least <= min(s.MaxReplicas, 16); least *= 2 {
			for _, down := range downWindows[name] {
				flags := fmt.Sprintf("--policy %s --min-replicas %d --max-replicas %d", name, least, s.MaxReplicas)
				if name == "slo" {
					flags += fmt.Sprintf(" --slo-latency %v", s.SLOLatency)
				} else {
					flags += fmt.Sprintf(" --down-window %v", down)
				}
				o, err := run(name, flags, s.policy(name, c, least, down))
				if err != nil {
					return nil, err
				}
				if best == nil || better(o, *best) {
					best = &o
				}
			}
		}
	}
	best.recommend = true
	return []outcome{*best}, nil
}

// downWindows are the settings that are searched beside the fewest replicas.
var downWindows = map[string][]time.Duration{"slo": {0}, "target": {time.Minute, 2 * time.Minute, 5 * time.Minute}}

func better(a, b outcome) bool {
	keeps, kept := a.Violations() <= allowed, b.Violations() <= allowed
	if keeps != kept {
		return keeps
	}
	if !keeps {
		return a.Violations() < b.Violations()
	}
	return a.ReplicaSeconds < b.ReplicaSeconds
}
