package autoscaler

import (
	"context"
	"time"

	"resnet-autoscaling/internal/scaling"
)

// apply makes the decision so. A failure leaves the Deployment as it was: the next tick decides anew.
func (s *Service) apply(ctx context.Context, d *scaling.Decision) error {
	if !d.Changed() || s.o.DryRun {
		return nil
	}
	if err := s.o.Deployment.Scale(ctx, d.From, d.To); err != nil {
		s.metrics.errors.WithLabelValues(sourceKubernetes).Inc()
		return err
	}
	d.Applied = true
	return nil
}

// tell says what was decided: a change each time, a hold when it begins and when it ends.
func (s *Service) tell(ctx context.Context, d scaling.Decision) {
	s.metrics.decided(d)
	if s.o.Told != nil {
		s.o.Told(d)
	}
	s.mu.Lock()
	before := s.held
	s.held = d.Hold
	s.mu.Unlock()
	s.warn(ctx, d)
	switch {
	case d.Hold != scaling.HoldNone && d.Hold != before:
		s.o.Log.Warn("holding", "reason", string(d.Hold), "decision", d.String())
		s.event(ctx, true, "Holding", d.String(), d.At)
	case d.Hold == scaling.HoldNone && before != scaling.HoldNone:
		s.o.Log.Info("no longer holding", "was", string(before), "decision", d.String())
		s.event(ctx, false, "Resumed", d.String(), d.At)
	}
	switch {
	case d.Applied:
		s.o.Log.Info("scaled", "decision", d.String())
		s.event(ctx, false, "Scaled", d.String(), d.At)
	case d.Changed() && s.o.DryRun:
		s.o.Log.Info("would scale (dry run)", "decision", d.String())
	default:
		s.o.Log.Debug("decided", "decision", d.String())
	}
}

// warnEvents are the reasons of the Events that warn.
var warnEvents = map[scaling.Warning]string{
	scaling.WarnAtMax: "AtMaximum", scaling.WarnHopeless: "SLOImpossible", scaling.WarnBlind: "LoadNotSeen", scaling.WarnBoastful: "CapacityOverstated",
}

// warn tells what a person has to mend: when it begins, and when it is over.
func (s *Service) warn(ctx context.Context, d scaling.Decision) {
	now := d.Warns()
	if d.Hold != scaling.HoldNone && d.Reckoning == nil {
		return // it sees nothing that could have begun or ended
	}
	for _, w := range scaling.Warnings {
		text, before := now[w], s.warned[w]
		switch {
		case text != "" && before == "":
			s.o.Log.Warn("a person has to mend this", "reason", string(w), "what", text)
			s.event(ctx, true, warnEvents[w], text, d.At)
		case text == "" && before != "":
			s.o.Log.Info("that is over", "reason", string(w))
			s.event(ctx, false, warnEvents[w]+"Over", "over: "+before, d.At)
		}
		s.warned[w] = text
		s.metrics.warns(w, text != "")
	}
}

// event writes a Kubernetes Event; a dry run writes nothing into the cluster. That it could not be written is no reason not to scale.
func (s *Service) event(ctx context.Context, warning bool, reason, message string, at time.Time) {
	if s.o.DryRun {
		return
	}
	if err := s.o.Deployment.Event(ctx, warning, reason, message, at); err != nil {
		s.o.Log.Warn("event", "error", err)
	}
}
