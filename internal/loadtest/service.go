package loadtest

import (
	"context"
	"sync"
	"time"

	"resnet-autoscaling/internal/summary"
)

// Service is one load test.
type Service struct {
	o        Options
	recorder *summary.Recorder
}

// New checks the options.
func New(o Options) (*Service, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &Service{o: o, recorder: summary.NewRecorder()}, nil
}

// Run sends the profile's requests, waits for their answers and returns the result. When ctx ends, no more are sent, those in
// flight are canceled, and the result is of what was done.
func (s *Service) Run(ctx context.Context) (summary.Result, error) {
	start := time.Now()
	outcomes := make(chan summary.Outcome, 1024)
	replicas := make(chan summary.Replicas)
	inFlight := make(chan struct{}, s.o.MaxInFlight)

	watching, stopWatching := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	watcher.Go(func() { s.watchReplicas(watching, start, replicas) })
	sent := make(chan time.Duration, 1)
	go func() {
		defer close(outcomes)
		sent <- s.send(ctx, start, inFlight, outcomes)
	}()
	s.collect(start, outcomes, replicas, inFlight)
	stopWatching()
	watcher.Wait()

	scheduled := <-sent
	s.show(scheduled, inFlight, true)
	result := s.recorder.Result(s.o.Profile.String(), scheduled, s.o.SLOs)
	result.Early = scheduled < s.o.Profile.Duration() || result.Errors[summary.Canceled] > 0
	return result, nil
}

// collect is the only goroutine that touches the recorder.
func (s *Service) collect(start time.Time, outcomes <-chan summary.Outcome, replicas <-chan summary.Replicas, inFlight chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case o, open := <-outcomes:
			if !open {
				return
			}
			s.recorder.Add(o)
		case r := <-replicas:
			s.recorder.AddReplicas(r)
		case <-tick.C:
			s.show(time.Since(start), inFlight, false)
		}
	}
}

func (s *Service) show(elapsed time.Duration, inFlight chan struct{}, done bool) {
	s.o.Screen.Update(summary.Frame{
		Elapsed: elapsed, Duration: s.o.Profile.Duration(), Asked: s.o.Profile.Rate(elapsed),
		InFlight: len(inFlight), Progress: s.recorder.Progress(elapsed), Done: done,
	})
}

// watchReplicas asks once a second, until the answers are in.
func (s *Service) watchReplicas(ctx context.Context, start time.Time, seen chan<- summary.Replicas) {
	if s.o.Replicas == nil {
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for known := true; ; {
		ready, desired, err := s.o.Replicas(ctx)
		if (err == nil) != known {
			known = err == nil
			s.o.Log.Debug("replicas", "known", known, "error", err)
		}
		if err == nil {
			v := summary.Replicas{Second: int(time.Since(start) / time.Second), Ready: ready, Desired: desired}
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
