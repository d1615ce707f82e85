package scaling

import "time"

// station is replicas that share one queue, and the SLO that they are to keep.
type station struct {
	capacity float64       // requests per second of one replica
	slots    int           // requests that a replica works on at once
	latency  time.Duration // the SLO
	clumping float64       // how much more requests come in clumps than independent ones do: variance of their number by its mean; 0: as those
}

// service is how long a request takes, in seconds.
func (s station) service() float64 { return float64(s.slots) / s.capacity }

// serviceSpread is by how much a slow request is slower than the mean: the network's time is nearly always the same, the picture's
// decoding is not quite.
const serviceSpread = 1.08

// patience is how long a request may wait without being late, in service times. Below 0 even an idle replica is too slow.
func (s station) patience() float64 { return s.latency.Seconds()/s.service() - serviceSpread }

// hopeless tells whether the SLO cannot be kept however many replicas there are.
func (s station) hopeless() bool { return s.patience() < 0 }

// late is the share of requests that are late by queueing. Requests that come in clumps of z load c slots like independent ones that
// need z slots each at once, so c/z slots serve a load of a/z (Hayward's approximation; A. A. Fredericks, "Congestion in blocking
// systems", 1980).
func (s station) late(replicas int, rate float64) float64 {
	z := max(1, s.clumping)
	return lateness(float64(replicas*s.slots)/z, rate*s.service()/z, s.patience())
}

// hopelessLoad is how busy replicas are kept where they cannot keep the SLO.
const hopelessLoad = 0.7

// mostBusy is the share of their time that replicas are busy at most. Where a request takes far less than it may, queueing theory has many
// replicas busy nearly always; a load that is two per cent higher than foreseen then is a queue that grows until there are more.
const mostBusy = 0.98

// bear tells whether so many replicas do: no larger share of their requests is late, and they have some time to spare.
func (s station) bear(replicas int, rate, risk float64) bool {
	return rate <= mostBusy*float64(replicas)*s.capacity && s.late(replicas, rate) <= risk
}

// staff is the fewest replicas that bear a load, but at most most.
func (s station) staff(rate, risk float64, most int) int {
	if s.hopeless() {
		return min(max(1, ceil(rate/(s.capacity*hopelessLoad))), most)
	}
	n := max(1, int(rate/s.capacity))
	for n < most && !s.bear(n, rate, risk) {
		n++
	}
	return min(n, most)
}
