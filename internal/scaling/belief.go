package scaling

import (
	"fmt"
	"math"
	"time"
)

// Replicas measure themselves what they can do, and may state too much: on cores that others use as well, behind a slow disk, with
// pictures unlike those that they measured with. Policy slo keeps them so busy that a little too much is a queue that never ends. So what
// replicas answer while enough waits for all of them is believed more than what they state, and remembered: who forgets it when the queue
// is gone gives up the replicas that drained it, and begins anew.

// settling is how long a replica that has got ready may take until it has as much to do as the others.
const settling = 5 * time.Second

// capacity is the requests per second that a replica is believed to answer, and those that it states.
func (p SLO) capacity(past []Decision, o Observation, now time.Time) (can, stated float64, err error) {
	stated = o.Demand.Capacity
	if !(stated > 0) || math.IsInf(stated, 0) {
		return 0, 0, fmt.Errorf("%w on what a replica can do: none has measured its capacity", ErrNoData)
	}
	return p.shown(past, o, now) * stated, stated, nil
}

// shown is the share of what they state that replicas are believed to do: what they were believed to do before, unless they answered less
// though they had all to do that they could wish for, or answered more.
func (p SLO) shown(past []Decision, o Observation, now time.Time) float64 {
	d, share := o.Demand, p.believed(past, now)
	if !(d.Answering > 0) || math.IsInf(d.Answering, 0) {
		return share
	}
	most := readyPods(o.Pods)
	if before := recent(past, now.Add(-2*d.Step)); before != nil {
		// Where at both ends of a step so much waits that all of it is late, none was idle in between. What newer replicas answered counts
		// for the others, which can only make them look better.
		settled := float64(readySince(o.Pods, d.At.Add(-d.Step-settling))) * d.Capacity
		if late := share * settled * p.Latency.Seconds(); settled > 0 && before.Waiting >= late && d.Waiting >= late {
			share = min(share, d.Answering/settled)
		}
		most = max(most, before.Ready)
	}
	share = max(share, d.Answering/(float64(max(most, 1))*d.Capacity))
	return min(max(share, leastShown), 1)
}

// believed is the share of before, of which the rest fades in.
func (p SLO) believed(past []Decision, now time.Time) float64 {
	if len(past) == 0 || past[len(past)-1].Believed == 0 {
		return 1
	}
	last := past[len(past)-1]
	return 1 - (1-min(last.Believed, 1))*math.Exp(-now.Sub(last.At).Seconds()/p.Tuning.Remember.Seconds())
}

// recent is what the last decision reckoned, if that was at a time or later.
func recent(past []Decision, since time.Time) *Reckoning {
	if len(past) == 0 || past[len(past)-1].At.Before(since) {
		return nil
	}
	return past[len(past)-1].Reckoning
}

func readySince(pods []Pod, since time.Time) int {
	n := 0
	for _, p := range pods {
		if p.Ready && !p.Since.After(since) {
			n++
		}
	}
	return n
}
