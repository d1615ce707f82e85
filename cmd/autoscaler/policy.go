package main

import (
	"time"

	"resnet-autoscaling/internal/scaling"
)

func (f *settings) ceiling() scaling.Ceiling {
	return scaling.Ceiling{Replicas: f.MaxReplicas, Price: f.Price, MaxCost: f.MaxCost}
}

// policy is the one that decides, set as the flags have it.
func (f *settings) policy() scaling.Policy {
	if f.Policy == "slo" {
		return f.slo()
	}
	t := target(f.MinReplicas, f.ceiling())
	t.Tolerance, t.UpWindow = f.Tolerance, f.UpWindow
	if len(f.UpPolicy) > 0 {
		t.UpSteps = f.UpPolicy
	}
	if len(f.DownPolicy) > 0 {
		t.DownSteps = f.DownPolicy
	}
	if f.DownWindow != nil {
		t.DownWindow = *f.DownWindow
	}
	return t
}

func (f *settings) slo() scaling.Policy {
	p := slo(f.MinReplicas, f.ceiling(), f.SLOLatency)
	p.Interval, p.QueueTimeout, p.UpSteps, p.DownSteps = f.Interval, f.QueueTimeout, f.UpPolicy, f.DownPolicy
	if f.DownWindow != nil {
		p.Tuning.Calm, p.Tuning.Settle = *f.DownWindow, min(p.Tuning.Settle, *f.DownWindow)
	}
	return p
}

// target is policy target as it is where no flag says otherwise: with the defaults of a Kubernetes HPA.
func target(least int, most scaling.Ceiling) scaling.Target {
	const period = 15 * time.Second
	return scaling.Target{
		Min: least, Max: most.Max(), MaxWhy: most.Why(), Tolerance: 0.1, DownWindow: 300 * time.Second,
		UpSteps:   []scaling.Step{{Percent: 100, Period: period}, {Pods: 4, Period: period}},
		DownSteps: []scaling.Step{{Percent: 100, Period: period}},
	}
}

// slo is policy slo as it is where no flag says otherwise; its clock and the dispatcher's patience are still to be told.
func slo(least int, most scaling.Ceiling, latency time.Duration) scaling.SLO {
	return scaling.SLO{Min: least, Max: most.Max(), MaxWhy: most.Why(), Latency: latency, Tuning: scaling.DefaultTuning()}
}
