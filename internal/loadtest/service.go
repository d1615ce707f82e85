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
	target   Target
}

// New checks the options.
func New(o Options) (*Service, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	return &Service{o: o, recorder: summary.NewRecorder()}, nil
}

// Run finds the target, sends the profile's requests, waits for their answers and returns the result. When ctx ends, no more are sent,
// those in flight are canceled, and the result is of what was done.
func (s *Service) Run(ctx context.Context) (summary.Result, error) {
	target, err := Find(ctx, s.o.Where)
	if err != nil {
		return summary.Result{}, err
	}
	s.target = target
	s.announce()
	watch := s.watcher(ctx)

	start := time.Now()
	outcomes := make(chan summary.Outcome, 1024)
	replicas := make(chan summary.Replicas)
	notes := make(chan string)
	inFlight := make(chan struct{}, s.o.MaxInFlight)

	watching, stopWatching := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	watcher.Go(func() { watch.run(watching, start, replicas) })
	if s.o.Decisions != nil && watch.desired != nil {
		watcher.Go(func() { s.follow(watching, start, notes) })
	}
	sent := make(chan time.Duration, 1)
	go func() {
		defer close(outcomes)
		sent <- s.send(ctx, start, inFlight, outcomes)
	}()
	s.collect(start, outcomes, replicas, notes, inFlight)
	stopWatching()
	watcher.Wait()

	scheduled := <-sent
	s.show(time.Since(start), inFlight, true)
	return s.result(start, scheduled), nil
}

// announce says what begins, so that a log tells which test its lines belong to.
func (s *Service) announce() {
	s.o.Log.Info("load test begins", "url", s.target.URL.String(), "profile", s.o.Profile.String(), "pictures", len(s.o.Pictures))
	if s.target.Note != "" {
		s.o.Log.Warn(s.target.Note)
	}
}

func (s *Service) result(start time.Time, scheduled time.Duration) summary.Result {
	r := s.recorder.Result(s.o.Profile.String(), scheduled, s.o.SLOs)
	r.URL, r.Started = s.target.URL.String(), start.Round(0)
	r.Early = scheduled < s.o.Profile.Duration() || r.Errors[summary.Canceled] > 0
	if s.target.Note != "" {
		r.Notes = append(r.Notes, s.target.Note)
	}
	return r
}

// collect is the only goroutine that touches the recorder and the screen while requests are out.
func (s *Service) collect(
	start time.Time, outcomes <-chan summary.Outcome, replicas <-chan summary.Replicas, notes <-chan string, inFlight chan struct{},
) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case o, open := <-outcomes:
			if !open {
				return
			}
			s.recorder.Add(o)
			if s.o.Each != nil {
				s.o.Each(o)
			}
		case r := <-replicas:
			s.recorder.AddReplicas(r)
		case line := <-notes:
			s.o.Screen.Note(line)
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
