package loadtest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/summary"
)

// askTimeout keeps a busy dispatcher's silence, or a cluster's, from stalling the time line.
const askTimeout = 2 * time.Second

// watcher asks once a second how many replicas there are.
type watcher struct {
	ready, desired func(context.Context) (int, error)
	log            *slog.Logger
}

// watcher looks once whether the cluster knows the Deployment, and does without it else.
func (s *Service) watcher(ctx context.Context) watcher {
	w := watcher{ready: readyFrom(s.target.Client, s.target.URL), desired: s.o.Desired, log: s.o.Log}
	if w.desired == nil {
		return w
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if _, err := w.desired(ctx); err != nil {
		s.o.Log.Warn("how many replicas are desired is not known", "error", err)
		w.desired = nil
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
		if err == nil {
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

// follow notes what the autoscaler does, until ctx ends.
func (s *Service) follow(ctx context.Context, start time.Time, notes chan<- string) {
	note := func(line string) {
		select {
		case notes <- line:
		case <-ctx.Done():
		}
	}
	err := s.o.Decisions(ctx, start, func(at time.Time, decision string) {
		note(at.Local().Format(time.TimeOnly) + "  autoscaler  " + decision)
	})
	if err != nil {
		note("what the autoscaler decides is not known from here on: " + err.Error())
	}
}

func (w watcher) look(ctx context.Context, start time.Time) (summary.Replicas, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	ready, err := w.ready(ctx)
	if err != nil {
		return summary.Replicas{}, err
	}
	v := summary.Replicas{Second: int(time.Since(start) / time.Second), Ready: ready, Desired: -1}
	if w.desired == nil {
		return v, nil
	}
	if v.Desired, err = w.desired(ctx); err != nil {
		v.Desired = -1 // one look that failed; the ready ones are still worth telling
	}
	return v, nil
}

// readyFrom asks the dispatcher behind a /predict URL how many replicas are ready.
func readyFrom(client *http.Client, predict *url.URL) func(context.Context) (int, error) {
	at := predict.JoinPath("..", api.PathStatus)
	at.RawQuery = ""
	return func(ctx context.Context) (int, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
		if err != nil {
			return 0, fmt.Errorf("status %s: %w", at, err)
		}
		resp, err := client.Do(req)
		if err != nil {
			return 0, fmt.Errorf("status %s: %w", at, err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return 0, fmt.Errorf("status %s: %s", at, resp.Status)
		}
		var status api.DispatcherStatus
		if err := json.NewDecoder(resp.Body).Decode(&status); err != nil {
			return 0, fmt.Errorf("status %s: %w", at, err)
		}
		return status.ReadyReplicas(), nil
	}
}
