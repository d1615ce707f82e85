package balance

import (
	"cmp"
	"slices"
	"time"
)

// Pool is the replicas and their credits.
type Pool struct {
	byName map[string]*replica
	all    []*replica  // those of byName, to be looked through at each choice
	free   []candidate // memory of Choose
}

// NewPool makes an empty pool.
func NewPool() *Pool { return &Pool{byName: map[string]*replica{}} }

// SetEndpoints takes in what discovery sees now. Replicas that it no longer lists drain.
func (p *Pool) SetEndpoints(endpoints []Endpoint) {
	listed := make(map[string]bool, len(endpoints))
	for _, e := range endpoints {
		listed[e.Name] = true
		r, known := p.byName[e.Name]
		if !known || r.endpoint.URL != e.URL {
			r = &replica{proven: 1}
			p.byName[e.Name] = r
		}
		r.endpoint, r.gone = e, false
	}
	for name, r := range p.byName {
		if !listed[name] {
			r.gone = true
			p.forget(r)
		}
	}
	p.all = p.all[:0]
	for _, r := range p.byName {
		p.all = append(p.all, r)
	}
	slices.SortFunc(p.all, func(a, b *replica) int { return cmp.Compare(a.endpoint.Name, b.endpoint.Name) })
}

// forget drops a replica that discovery dropped once nothing is in flight at it.
func (p *Pool) forget(r *replica) {
	if !r.gone || len(r.grants) > 0 || p.byName[r.endpoint.Name] != r {
		return
	}
	delete(p.byName, r.endpoint.Name)
	p.all = slices.DeleteFunc(p.all, func(other *replica) bool { return other == r })
}

// Said is what a replica says of itself on an answer.
type Said struct {
	Slots    int     // requests in inference at once
	Capacity float64 // pictures per second
	// Load is how many requests it holds, running and waiting, whoever sent them; negative: it does not say.
	Load int
}

// Learn notes what a replica says of itself. What it holds beyond the pool's own requests is another dispatcher's.
func (p *Pool) Learn(name string, s Said, now time.Time) {
	r, ok := p.byName[name]
	if !ok {
		return
	}
	r.slots, r.capacity = s.Slots, s.Capacity
	if s.Load >= 0 {
		r.noteOthers(max(0, s.Load-len(r.grants)), now)
	}
}

// Rate is how many requests a second the replicas say that they finish when all their slots are taken; a Line corrects it by what it sees.
func (p *Pool) Rate(now time.Time) float64 {
	rate := 0.0
	for _, r := range p.all {
		if r.open(now) {
			rate += r.capable()
		}
	}
	return rate
}

// Staying counts the replicas that take requests, or will: all but those that drain.
func (p *Pool) Staying() int {
	n := 0
	for _, r := range p.all {
		if r.state() != Draining {
			n++
		}
	}
	return n
}

// Status lists the replicas by name.
func (p *Pool) Status() []Status {
	list := make([]Status, 0, len(p.all))
	for _, r := range p.all {
		list = append(list, Status{
			Endpoint: r.endpoint, State: r.state(), Slots: r.slots, InFlight: len(r.grants), Capacity: r.capacity, Latency: r.latency,
		})
	}
	return list
}

// Usual is how long a replica takes for a request, as a mean over those that take requests; 0: not known.
func (p *Pool) Usual() time.Duration {
	slots, rate := 0, 0.0
	for _, r := range p.all {
		if r.state() != Ready {
			continue
		}
		if its := r.rate(); its > 0 {
			slots, rate = slots+r.slots, rate+its
		}
	}
	if rate == 0 {
		return 0
	}
	return time.Duration(float64(slots) / rate * float64(time.Second))
}
