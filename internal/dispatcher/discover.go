package dispatcher

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/balance"
)

// How replicas are asked: how often until one has said what it can do, how often a fixed one whether it is ready, and how long one has to
// answer.
const (
	probeEvery   = 250 * time.Millisecond
	pollEvery    = time.Second
	probeTimeout = time.Second
)

// discover keeps the pool at what discovery sees, and asks each new replica how many slots it has: until it has said so it gets nothing.
func (s *Service) discover(ctx context.Context) error {
	var probes sync.WaitGroup
	defer probes.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	probing := map[balance.Endpoint]context.CancelFunc{}
	probes.Go(func() { s.askDue(ctx) })
	return s.disputes.Watch(ctx, func(endpoints []balance.Endpoint) {
		s.queue.change(func(p *balance.Pool) { p.SetEndpoints(endpoints) })
		s.catalogue.keep(endpoints)
		s.known.Store(true)
		serving := map[balance.Endpoint]bool{}
		for _, e := range endpoints {
			serving[e] = e.Serving
			if _, started := probing[e]; started || !e.Serving {
				continue
			}
			probe, stop := context.WithCancel(ctx)
			probing[e] = stop
			probes.Go(func() { s.probe(probe, e) })
		}
		for e, stop := range probing {
			if !serving[e] {
				stop()
				delete(probing, e)
			}
		}
	})
}

// probe asks a replica until it has said how many slots it has.
func (s *Service) probe(ctx context.Context, e balance.Endpoint) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for !s.ask(ctx, e) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
	s.o.Log.Info("replica connected", "replica", e.Name, "url", e.URL)
}

// ask learns from a replica that says that it is ready; false: it does not.
func (s *Service) ask(ctx context.Context, e balance.Endpoint) bool {
	h, code := readiness(ctx, s.o.Transport, e.URL)
	if code != http.StatusOK {
		return false
	}
	s.catalogue.learn(e.Name, h) // before it gets requests
	return s.learn(e.Name, h, 0)
}

// askDue asks those that were set aside, once their time is over, whether they are well again.
func (s *Service) askDue(ctx context.Context) {
	var asking sync.WaitGroup
	defer asking.Wait()
	for {
		select {
		case e := <-s.due:
			asking.Go(func() {
				well := s.ask(ctx, e)
				s.o.Log.Info("replica asked after it was set aside", "replica", e.Name, "well", well)
				s.queue.change(func(p *balance.Pool) { p.Asked(e, well, time.Now()) })
			})
		case <-ctx.Done():
			return
		}
	}
}

// readiness asks a server whether it is ready, and comes back with what it says of itself; the status is 0 where it does not answer.
func readiness(ctx context.Context, transport http.RoundTripper, url string) (said http.Header, status int) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+api.PathReadyz, nil)
	if err != nil {
		return nil, 0
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, 0
	}
	defer resp.Body.Close()
	return resp.Header, resp.StatusCode
}

// Fixed is a discovery of a given list of replicas: it asks each of them, over and over, whether it is ready.
type Fixed struct {
	Replicas  []balance.Endpoint
	Transport http.RoundTripper
}

// Watch tells which of the replicas are ready: none at first, then after each change.
func (f Fixed) Watch(ctx context.Context, changed func([]balance.Endpoint)) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	said := make([]inquiry, len(f.Replicas))
	told := f.endpoints(said)
	changed(told)
	for {
		f.ask(ctx, said)
		if now := f.endpoints(said); ctx.Err() == nil && !slices.Equal(now, told) {
			told = now
			changed(told)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// ask asks all of them at once.
func (f Fixed) ask(ctx context.Context, said []inquiry) {
	var asking sync.WaitGroup
	for i, e := range f.Replicas {
		asking.Go(func() { said[i] = said[i].ask(ctx, f.Transport, e) })
	}
	asking.Wait()
}

func (f Fixed) endpoints(said []inquiry) []balance.Endpoint {
	list := slices.Clone(f.Replicas)
	for i := range list {
		list[i].Serving = said[i].ready
	}
	return list
}

// inquiry is what came of asking a replica, over and over, whether it is ready.
type inquiry struct {
	ready  bool
	misses int // questions in a row that it left unanswered
}

// mostMisses is how many of those do not count against one that was ready: a busy machine can be late once.
const mostMisses = 1

// ask asks once more.
func (q inquiry) ask(ctx context.Context, transport http.RoundTripper, e balance.Endpoint) inquiry {
	_, status := readiness(ctx, transport, e.URL)
	if status != 0 {
		return inquiry{ready: status == http.StatusOK}
	}
	return inquiry{ready: q.ready && q.misses < mostMisses, misses: q.misses + 1}
}
