package balance

import "slices"

// Dispute tells what discovery says that is not to be believed before the replicas were asked themselves: that most of those that were ready
// are not any more, though all of them are still listed. One that fails, one that is replaced and one that is taken away look otherwise.
// A control plane that has lost its nodes looks like this: the node controller calls every pod of a node that it does not hear of unready
// (kubernetes/kubernetes#77864), and nobody serves though nothing is wrong.
//
// Most is more than half, as with Envoy's panic threshold, below which it does not believe what it is told of health at all
// (https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/panic_threshold). It need not be at one moment:
// nodes are given up one after the other.
//
// The zero value has heard nothing yet. One goroutine at a time may use it.
type Dispute struct {
	proven   map[Endpoint]bool // listed, do not leave, and were ready once
	disputed map[Endpoint]bool
}

// Hear takes in what discovery lists now, and comes back with the replicas that are to be asked: those of the unready ones that were ready
// once, where they are most, and from then on until discovery calls them ready again, or they leave. One that never was ready is not among
// them.
func (d *Dispute) Hear(listed []Endpoint) (ask []Endpoint) {
	ready, proven := 0, map[Endpoint]bool{}
	for _, e := range listed {
		switch {
		case e.Serving:
			ready++
			proven[Endpoint{Name: e.Name, URL: e.URL, Unready: true}] = true // as it would be listed
		case e.Unready && d.proven[e]:
			ask = append(ask, e)
			proven[e] = true
		}
	}
	most, before := len(ask) > ready, d.disputed
	ask = slices.DeleteFunc(ask, func(e Endpoint) bool { return !most && !before[e] })
	d.proven, d.disputed = proven, map[Endpoint]bool{}
	for _, e := range ask {
		d.disputed[e] = true
	}
	return ask
}
