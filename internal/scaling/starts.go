package scaling

import (
	"slices"
	"time"
)

// Starts is how long pods took from being asked for until they were ready, learned from pods that were seen to start. Its zero value has
// seen nothing. One goroutine uses it.
type Starts struct {
	took  []time.Duration // of pods that were seen to start, the latest last
	found []time.Duration // of pods that were ready before anybody looked
	ready map[string]bool // at the last look, by pod; nil: nobody has looked
}

// startsKept is how many starts count: a new image, or a fuller cluster, is soon learned.
const startsKept = 32

// Remember takes over what another learned.
func (s *Starts) Remember(usual time.Duration) {
	if usual > 0 && len(s.took) == 0 {
		s.took = append(s.took, usual)
	}
}

// See looks at the pods.
func (s *Starts) See(pods []Pod) {
	ready := make(map[string]bool, len(pods))
	var found []time.Duration
	for _, p := range pods {
		ready[p.Name] = p.Ready
		began := p.asked()
		if !p.Ready || began.IsZero() || p.Since.Before(began) {
			continue
		}
		took := max(p.Since.Sub(began), time.Second) // times in Kubernetes are whole seconds
		was, known := s.ready[p.Name]
		switch {
		case s.ready == nil || was:
			found = append(found, took)
		case !known || took < impossible*max(s.Usual(), shortestPatience):
			s.took = append(s.took, took)
		}
	}
	s.took = s.took[max(0, len(s.took)-startsKept):]
	s.found, s.ready = found, ready
}

// impossible is by how much a start is slower than the usual if it was none: the pod was overloaded, or began anew.
const impossible = 20

// Usual is the median of the starts that were seen. Where none was, it is that of the quickest quarter of the pods there are: a pod that
// stopped being ready for a while looks as if it had taken that long. 0: nothing is known.
func (s *Starts) Usual() time.Duration {
	if len(s.took) > 0 {
		return quantile(s.took, 0.5)
	}
	if len(s.found) > 0 {
		return quantile(s.found, 0.25)
	}
	return 0
}

func quantile(of []time.Duration, share float64) time.Duration {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[int(share*float64(len(sorted)-1)+0.5)]
}

// asked is when a pod was asked for, as far as is known; zero: not at all.
func (p Pod) asked() time.Time {
	if p.Created.IsZero() {
		return p.Started
	}
	return p.Created
}

// ahead is by how long pods that start will be ready before one that is asked for now, all of them together, if they take as long as usual:
// how long ago they were asked for. Nothing is expected of one that should have been ready by now, or that, by another clock, was asked for
// later than now.
func ahead(pods []Pod, usual time.Duration, now time.Time) (sum time.Duration) {
	for _, p := range pods {
		if ago := now.Sub(p.asked()); !p.Ready && ago > 0 && ago < usual {
			sum += ago
		}
	}
	return sum
}
