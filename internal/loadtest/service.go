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
	payloads []payload
	recorder *summary.Recorder
	target   Target
	warmedUp int64
	mistake  mistake
	aborted  string // the limit that was broken; "": none
}

// New checks the options.
func New(o Options) (*Service, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	payloads, err := o.payloads()
	if err != nil {
		return nil, err
	}
	recorder := summary.NewRecorder()
	recorder.Patience = o.Timeout
	return &Service{o: o, payloads: payloads, recorder: recorder}, nil
}

// news is what a running test learns.
type news struct {
	outcomes  chan summary.Outcome
	replicas  chan summary.Replicas
	decisions chan summary.Decision
	notes     chan string
	inFlight  chan struct{}
}

// Run finds the target, sends the profile's requests, waits for their answers and returns the result. When ctx ends, no more are sent,
// those in flight are canceled, and the result is of what was done.
func (s *Service) Run(ctx context.Context) (summary.Result, error) {
	target, err := Find(ctx, s.o.Where, s.o.Form.Path)
	if err != nil {
		return summary.Result{}, err
	}
	s.target = target
	s.announce()
	watch := s.watcher(ctx)

	start := time.Now().Add(s.o.Warmup)
	if s.o.Began != nil {
		s.o.Began(start, s.target.URL)
	}
	n := news{
		outcomes: make(chan summary.Outcome, 1024), replicas: make(chan summary.Replicas), decisions: make(chan summary.Decision), notes: make(chan string),
		inFlight: make(chan struct{}, s.o.MaxInFlight),
	}
	testing, stop := context.WithCancel(ctx)
	defer stop()
	watching, stopWatching := context.WithCancel(ctx)
	var watcher sync.WaitGroup
	watcher.Go(func() { watch.run(watching, start, n.replicas) })
	if s.o.Decisions != nil && watch.desired != nil {
		watcher.Go(func() { s.follow(watching, start, n) })
	}
	sent := make(chan time.Duration, 1)
	go func() {
		defer close(n.outcomes)
		sent <- s.send(testing, start, n.inFlight, n.outcomes)
	}()
	s.collect(start, n, stop)
	stopWatching()
	watcher.Wait()

	scheduled := <-sent
	s.show(time.Since(start), n.inFlight, true)
	if err := s.mistake.err(s.target.URL); err != nil {
		return summary.Result{}, err
	}
	return s.result(start, scheduled), nil
}

// announce says what begins, so that a log tells which test its lines belong to.
func (s *Service) announce() {
	s.o.Log.Info("load test begins", "url", s.target.URL.Redacted(), "profile", s.o.Profile.String(), "warmup", s.o.Warmup, "pictures", len(s.o.Pictures))
	if s.target.Note != "" {
		s.o.Log.Warn(s.target.Note)
	}
}

func (s *Service) result(start time.Time, scheduled time.Duration) summary.Result {
	r := s.recorder.Result(s.o.Profile.String(), scheduled, s.o.SLOs)
	r.URL, r.Started, r.Tags, r.Aborted = s.target.URL.Redacted(), start.Round(0), s.o.Tags, s.aborted
	r.Early = scheduled < s.o.Profile.Duration() || r.Errors[summary.Canceled] > 0
	if s.o.Warmup > 0 {
		r.Warmup = &summary.Warmup{Seconds: s.o.Warmup.Seconds(), Requests: s.warmedUp}
	}
	if s.target.Note != "" {
		r.Notes = append(r.Notes, s.target.Note)
	}
	return r
}

// collect is the only goroutine that touches the recorder and the screen while requests are out. It calls stop when there is no sense in
// going on.
func (s *Service) collect(start time.Time, n news, stop func()) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case o, open := <-n.outcomes:
			if !open {
				return
			}
			s.take(o)
			if s.mistake.sure() {
				stop()
			}
		case r := <-n.replicas:
			s.recorder.AddReplicas(r)
		case d := <-n.decisions:
			s.recorder.AddDecision(d)
			s.o.Screen.Note(start.Add(seconds(d.Second)).Local().Format(time.TimeOnly) + "  autoscaler  " + d.Text)
		case line := <-n.notes:
			s.o.Screen.Note(line)
		case <-tick.C:
			now := time.Since(start)
			s.show(now, n.inFlight, false)
			if s.aborted == "" && s.overLimit(now) {
				stop()
			}
		}
	}
}

// take records an outcome. Those of the warm-up count nowhere.
func (s *Service) take(o summary.Outcome) {
	s.mistake.add(o)
	if o.Due < 0 {
		s.warmedUp++
		return
	}
	s.recorder.Add(o)
	if s.o.Each != nil {
		s.o.Each(o)
	}
}

func (s *Service) overLimit(now time.Duration) bool {
	for _, limit := range s.o.Limits {
		if by, broken := s.recorder.Broken(limit, now); broken {
			s.aborted = by
			s.o.Screen.Note("called off: " + by)
			return true
		}
	}
	return false
}

func (s *Service) show(elapsed time.Duration, inFlight chan struct{}, done bool) {
	s.o.Screen.Update(summary.Frame{
		Elapsed: elapsed, Duration: s.o.Profile.Duration(), Asked: s.o.Profile.Rate(max(0, elapsed)),
		InFlight: len(inFlight), Progress: s.recorder.Progress(max(0, elapsed)), Done: done,
	})
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
