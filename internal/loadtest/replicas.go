package loadtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/scaling"
	"resnet-autoscaling/internal/summary"
)

// askTimeout keeps a busy dispatcher's silence, or a cluster's, from stalling the time line.
const askTimeout = 2 * time.Second

// watcher asks once a second how many replicas there are.
type watcher struct {
	status  func(context.Context) (api.DispatcherStatus, error)
	desired func(context.Context) (int, error)
	cpu     func(context.Context) (float64, error)
	log     *slog.Logger
}

// watcher looks once whether the cluster knows the Deployment, and does without it else.
func (s *Service) watcher(ctx context.Context) watcher {
	w := watcher{status: statusFrom(s.target.Client, s.target.Status), desired: s.o.Desired, cpu: s.o.CPU, log: s.o.Log}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if w.desired != nil {
		if _, err := w.desired(ctx); err != nil {
			s.o.Log.Warn("how many replicas are desired is not known", "error", err)
			w.desired = nil
		}
	}
	if w.cpu != nil {
		// A Prometheus that has just begun knows nothing yet.
		if _, err := w.cpu(ctx); err != nil && !errors.Is(err, scaling.ErrNoData) {
			s.o.Log.Info("how much CPU the replicas use is not known", "error", err)
			w.cpu = nil
		}
	}
	return w
}

// run tells what it sees until ctx ends. Where nobody knows the ready replicas, it tells nothing.
func (w watcher) run(ctx context.Context, start time.Time, seen chan<- summary.Replicas) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for known := true; ; {
		v, err := w.look(ctx, start)
		if (err == nil) != known {
			known = err == nil
			w.log.Debug("replicas", "known", known, "error", err)
		}
		if err == nil && v.Second >= 0 { // not during the warm-up
			select {
			case seen <- v:
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// follow tells what the autoscaler does, until ctx ends.
func (s *Service) follow(ctx context.Context, start time.Time, n news) {
	err := s.o.Decisions(ctx, start, func(at time.Time, decision string) {
		select {
		case n.decisions <- summary.Decision{Second: max(0, at.Sub(start).Seconds()), Text: decision}:
		case <-ctx.Done():
		}
	})
	if err == nil {
		return
	}
	select {
	case n.notes <- "what the autoscaler decides is not known from here on: " + err.Error():
	case <-ctx.Done():
	}
}

func (w watcher) look(ctx context.Context, start time.Time) (summary.Replicas, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	status, err := w.status(ctx)
	if err != nil {
		return summary.Replicas{}, err
	}
	v := summary.Replicas{Second: int(math.Floor(time.Since(start).Seconds())), Ready: status.ReadyReplicas(), Desired: -1, Queue: status.Queue.Length}
	for _, r := range status.Replicas {
		if r.State == api.ReplicaReady {
			v.Capacity += r.CapacityRPS
		}
	}
	// A look that fails costs its own figure; the others are still worth telling.
	if w.desired != nil {
		if v.Desired, err = w.desired(ctx); err != nil {
			v.Desired = -1
		}
	}
	if w.cpu != nil {
		if v.CPU, err = w.cpu(ctx); err != nil {
			v.CPU = 0
		}
	}
	return v, nil
}

// statusFrom asks the dispatcher behind a target how things stand.
func statusFrom(client *http.Client, at *url.URL) func(context.Context) (api.DispatcherStatus, error) {
	return func(ctx context.Context) (status api.DispatcherStatus, err error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
		if err != nil {
			return status, fmt.Errorf("status %s: %w", at.Redacted(), err)
		}
		resp, err := client.Do(req)
		if err != nil {
			return status, fmt.Errorf("status %s: %w", at.Redacted(), err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return status, fmt.Errorf("status %s: %s", at.Redacted(), resp.Status)
		}
		if err := json.NewDecoder(resp.Body).Decode(&status); err != nil {
			return status, fmt.Errorf("status %s: %w", at.Redacted(), err)
		}
		if status.Replicas == nil {
			return status, fmt.Errorf("status %s: it does not tell of replicas", at.Redacted())
		}
		return status, nil
	}
}
