package scaling

import (
	"math"
	"time"
)

// Replicas measure themselves what they can do, and may state too much: on cores that others use as well, behind a slow disk, with
// pictures unlike those that they measured with. Policy slo keeps them so busy that a little too much is a queue that never ends. So what
// replicas answer while enough waits for all of them is believed more than what they state, and remembered: who forgets it when the queue
// is gone gives up the replicas that drained it, and begins anew.

// settling is how long a replica that has got ready may take until it has as much to do as the others.
const settling = 5 * time.Second

// clearlyLess is a share of what they state that replicas do not do by chance, or because the clocks of scrapes differ a little.
const clearlyLess = 0.95

// Belief is how far replicas are believed to do what they state.
type Belief struct {
	// Believed is the share of it, also while a decision holds; 0: nothing is known.
	Believed float64 `json:"believed,omitempty"`
	Shown    Shown   `json:"shown,omitzero"`
}

// Shown is when replicas have shown that they do less than they state; the zero value: never, or so long ago that it is forgotten.
type Shown struct {
	Share float64       `json:"share"` // of what they state: the least
	At    time.Time     `json:"at"`    // for the last time
	Over  time.Duration `json:"over"`  // since the first
}

// again is what has been shown once a share is shown at a time. One that is far below what was shown before is something new: it does not
// last because the other did.
func (s Shown) again(share float64, now time.Time) Shown {
	if s.At.IsZero() || share < farBelow*s.Share {
		return Shown{Share: share, At: now}
	}
	return Shown{Share: min(s.Share, share), At: now, Over: s.Over + now.Sub(s.At)}
}

// farBelow is a share of what was shown before that is not the same shown again.
const farBelow = 0.8

// belief is that of before, unless replicas answered less though they had all to do that they could wish for, or answered more.
func (p SLO) belief(past []Decision, o Observation, now time.Time) Belief {
	b := p.believed(past, now)
	d := o.Demand
	if d.Partial || !(d.Answering > 0) || math.IsInf(d.Answering, 0) {
		return b
	}
	halfway := (1 + b.Believed) / 2 // from what is believed to what is stated
	before, replicas := recent(past, now.Add(-2*d.Step)), readyPods(o.Pods)
	if before != nil {
		if most, ok := p.doAtMost(b.Believed, before, o); ok {
			b.Believed = min(b.Believed, most)
			if most < clearlyLess {
				b.Shown = b.Shown.again(most, now)
			}
		}
		replicas = max(replicas, before.Ready)
	}
	least := d.Answering / (float64(max(replicas, 1)) * d.Capacity)
	if least > halfway {
		b.Shown = Shown{}
	}
	b.Believed = min(max(b.Believed, least, leastShown), 1)
	return b
}

// doAtMost is the share of what they state that replicas can do, where the last step shows it: at both its ends so much waited that all of
// it is late, so that none was idle in between. What newer replicas answered counts for the others, which can only make them look better.
func (p SLO) doAtMost(believed float64, before *Reckoning, o Observation) (share float64, ok bool) {
	d := o.Demand
	stated := float64(readySince(o.Pods, d.At.Add(-d.Step-settling))) * d.Capacity
	late := believed * stated * p.Latency.Seconds()
	if stated == 0 || before.Waiting < late || d.Waiting < late {
		return 0, false
	}
	return d.Answering / stated, true
}

// believed is the belief of before. What replicas have shown is believed for as long as they have shown it, and then fades over four times
// that long: what is seen once may be a neighbour that came and went; what is seen again when it was nearly forgotten is how they are.
func (p SLO) believed(past []Decision, now time.Time) Belief {
	if len(past) == 0 || past[len(past)-1].Believed == 0 {
		return Belief{Believed: 1}
	}
	last := past[len(past)-1]
	b := Belief{Believed: min(last.Believed, 1), Shown: last.Shown}
	long := min(max(p.Tuning.Remember, b.Shown.Over), longestShown)
	faded := now.Sub(later(last.At, b.Shown.At.Add(long))).Seconds() / (fading * long.Seconds())
	if faded <= 0 {
		return b
	}
	b.Believed = 1 - (1-b.Believed)*math.Exp(-faded)
	if now.Sub(b.Shown.At) > forgotten*long {
		b.Shown = Shown{}
	}
	return b
}

const (
	fading       = 4                  // times that long: the time constant
	forgotten    = 16                 // times that long after it was shown, hardly anything is left
	longestShown = 7 * 24 * time.Hour // that counts
)

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
