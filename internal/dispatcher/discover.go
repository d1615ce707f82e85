package dispatcher

import (
	"context"
	"net/http"
	"sync"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/balance"
)

// probeEvery is how often a replica is asked until it has said what it can do.
const probeEvery = 250 * time.Millisecond

// discover keeps the pool at what discovery sees, and asks each new replica how many slots it has: until it has said so it gets nothing.
func (s *Service) discover(ctx context.Context) error {
	var probes sync.WaitGroup
	defer probes.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	probing := map[balance.Endpoint]context.CancelFunc{}
	return s.o.Discovery.Watch(ctx, func(endpoints []balance.Endpoint) {
		s.queue.change(func(p *balance.Pool) { p.SetEndpoints(endpoints) })
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

func (s *Service) ask(ctx context.Context, e balance.Endpoint) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.URL+api.PathReadyz, nil)
	if err != nil {
		return false
	}
	resp, err := s.o.Transport.RoundTrip(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	c, ok := api.CapabilityFrom(resp.Header)
	if resp.StatusCode != http.StatusOK || !ok {
		return false
	}
	s.queue.change(func(p *balance.Pool) { p.Learn(e.Name, c.Slots, c.CapacityRPS) })
	return true
}

// Fixed is a discovery that always sees the same replicas.
type Fixed []balance.Endpoint

// Watch tells the replicas once.
func (f Fixed) Watch(ctx context.Context, changed func([]balance.Endpoint)) error {
	changed(f)
	<-ctx.Done()
	return nil
}
