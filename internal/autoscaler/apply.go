package autoscaler

import (
	"context"

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
	switch {
	case d.Hold != scaling.HoldNone && d.Hold != before:
		s.o.Log.Warn("holding", "reason", string(d.Hold), "decision", d.String())
		s.event(ctx, true, "Holding", d)
	case d.Hold == scaling.HoldNone && before != scaling.HoldNone:
		s.o.Log.Info("no longer holding", "was", string(before), "decision", d.String())
		s.event(ctx, false, "Resumed", d)
	}
	switch {
	case d.Applied:
		s.o.Log.Info("scaled", "decision", d.String())
		s.event(ctx, false, "Scaled", d)
	case d.Changed() && s.o.DryRun:
		s.o.Log.Info("would scale (dry run)", "decision", d.String())
	default:
		s.o.Log.Debug("decided", "decision", d.String())
	}
}

// event writes a Kubernetes Event; a dry run writes nothing into the cluster. That it could not be written is no reason not to scale.
func (s *Service) event(ctx context.Context, warning bool, reason string, d scaling.Decision) {
	if s.o.DryRun {
		return
	}
	if err := s.o.Deployment.Event(ctx, warning, reason, d.String(), d.At); err != nil {
		s.o.Log.Warn("event", "error", err)
	}
}
