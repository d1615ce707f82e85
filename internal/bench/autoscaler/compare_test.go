package autoscaler

// comparison is ours against the Pareto front of the peers.
type comparison struct {
	measured
	beaten   []point // peers with fewer violations at no more cost
	equal    point   // the peers' fewest violations at no more cost than ours, and a little
	hasEqual bool
	cheapest point // the cheapest peer that keeps 0.1 %
	hasCheap bool
}

const kept = 0.001

func (m measured) compare() comparison {
	c := comparison{measured: m}
	for _, p := range m.peers {
		if p.ReplicaSeconds <= m.ours.ReplicaSeconds {
			if p.Violations() < m.ours.Violations() {
				c.beaten = append(c.beaten, p)
			}
			if !c.hasEqual || p.Violations() < c.equal.Violations() {
				c.equal, c.hasEqual = p, true
			}
		}
		if p.Violations() <= kept && (!c.hasCheap || p.ReplicaSeconds < c.cheapest.ReplicaSeconds) {
			c.cheapest, c.hasCheap = p, true
		}
	}
	return c
}
