package dispatcher

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"time"

	"resnet-autoscaling/internal/balance"
)

// Notices are where a person looks for what has happened: the Events of the cluster.
type Notices interface {
	Warn(ctx context.Context, reason, message string) error
}

// reasonDisputed is why there is an Event.
const reasonDisputed = "ReadinessDisputed"

// noticeTimeout is for an API server that has just come back, or is about to go.
const noticeTimeout = 10 * time.Second

// disputes is a discovery that does not take another one's word for it that most replicas are not ready any more: it asks them, over and
// over, until they are called ready again or leave. Those that say that they are ready serve on. What else it is told it passes on as it is.
type disputes struct {
	Discovery
	transport http.RoundTripper
	notices   Notices // nil: there is no cluster
	log       *slog.Logger
	begun     chan struct{} // of one: there is somebody to ask

	mu      sync.Mutex
	changed func([]balance.Endpoint) // called under the lock: what was heard later is told later
	rule    balance.Dispute
	listed  []balance.Endpoint
	asked   map[balance.Endpoint]inquiry // the disputed ones
}

func newDisputes(o Options) *disputes {
	return &disputes{Discovery: o.Discovery, transport: o.Transport, notices: o.Notices, log: o.Log, begun: make(chan struct{}, 1)}
}

// Watch is the other discovery's, corrected.
func (d *disputes) Watch(ctx context.Context, changed func([]balance.Endpoint)) error {
	d.changed = changed
	var asking sync.WaitGroup
	defer asking.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	asking.Go(func() { d.askOn(ctx) })
	return d.Discovery.Watch(ctx, d.hear)
}

// hear takes in what discovery lists now. Who has become disputed is taken to be as before until it has been asked.
func (d *disputes) hear(listed []balance.Endpoint) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before, asked := d.asked, map[balance.Endpoint]inquiry{}
	if ask := d.rule.Hear(listed); len(ask) > 0 {
		served := map[string]bool{}
		for _, e := range d.believed() {
			served[e.URL] = e.Serving
		}
		for _, e := range ask {
			asked[e] = inquiry{ready: served[e.URL], misses: before[e].misses}
		}
	}
	d.listed, d.asked = listed, asked
	d.changed(d.believed())
	switch {
	case len(before) == 0 && len(asked) > 0:
		select {
		case d.begun <- struct{}{}:
		default: // it has not been seen yet that those of before are no more
		}
	case len(before) > 0 && len(asked) == 0:
		d.log.Info("what is said of the replicas is believed again")
	}
}

// believed are the replicas as they are taken to be.
func (d *disputes) believed() (list []balance.Endpoint) {
	for _, e := range d.listed {
		switch {
		case !e.Unready:
			list = append(list, e)
		case d.asked[e].ready:
			list = append(list, balance.Endpoint{Name: e.Name, URL: e.URL, Serving: true})
		}
	}
	return list
}

// serving are the names of those that serve by their own word.
func (d *disputes) serving() map[string]bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := map[string]bool{}
	for e, said := range d.asked {
		if said.ready {
			names[e.Name] = true
		}
	}
	return names
}

// askOn asks the disputed replicas whenever there are some, until ctx ends.
func (d *disputes) askOn(ctx context.Context) {
	for {
		select {
		case <-d.begun:
			d.settle(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// settle asks the disputed replicas until there are none. What comes of the first questions is worth an Event: later ones find those that
// have died since, or begun anew.
func (d *disputes) settle(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	var telling sync.WaitGroup
	defer telling.Wait()
	for first := true; ; first = false {
		ready, of := d.ask(ctx)
		if of == 0 || ctx.Err() != nil {
			return
		}
		if first {
			telling.Go(func() { d.tell(ctx, ready, of) })
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// ask asks all disputed replicas at once, and comes back with how many of them say that they are ready.
func (d *disputes) ask(ctx context.Context) (ready, of int) {
	d.mu.Lock()
	said := maps.Clone(d.asked)
	d.mu.Unlock()
	var mu sync.Mutex
	var asking sync.WaitGroup
	for e, before := range maps.Clone(said) {
		asking.Go(func() {
			now := before.ask(ctx, d.transport, e)
			mu.Lock()
			defer mu.Unlock()
			said[e] = now
		})
	}
	asking.Wait()
	if ctx.Err() == nil {
		d.take(said)
	}
	for _, one := range said {
		if one.ready && one.misses == 0 {
			ready++
		}
	}
	return ready, len(said)
}

// take takes in what replicas said, those of them that are still disputed.
func (d *disputes) take(said map[balance.Endpoint]inquiry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	changed := false
	for e, now := range said {
		before, disputed := d.asked[e]
		if !disputed {
			continue
		}
		d.asked[e] = now
		if before.ready != now.ready {
			changed = true
			d.log.Info("disputed replica", "replica", e.Name, "ready", now.ready)
		}
	}
	if changed {
		d.changed(d.believed())
	}
}

// tell tells a person.
func (d *disputes) tell(ctx context.Context, ready, of int) {
	if ready == 0 {
		d.log.Info("most replicas are said not to be ready any more, and none of them says otherwise", "replicas", of)
		return
	}
	d.log.Warn("most replicas are said not to be ready any more; those that say that they are serve on", "replicas", of, "ready", ready)
	if d.notices == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, noticeTimeout)
	defer cancel()
	message := fmt.Sprintf("%d replicas are said not to be ready any more, and %d of them say that they are: these serve on", of, ready)
	if err := d.notices.Warn(ctx, reasonDisputed, message); err != nil {
		d.log.Error("the event could not be written", "reason", reasonDisputed, "error", err)
	}
}
