package simulate

// Result is what a simulation came to.
type Result struct {
	Trace          string
	Autoscaler     string
	Offered        int // requests
	Late           int // answered, but later than the SLO
	Shed           int // refused by a full queue, or because it would have waited for too long
	TimedOut       int // given up in the queue
	ReplicaSeconds float64
	Scalings       int
	Reversals      int // scalings against the one before, within two minutes
	Seconds        int
	Series         *Series // nil unless it was asked for
}

// Violations is the share of the offered requests that were late, shed or given up.
func (r Result) Violations() float64 {
	if r.Offered == 0 {
		return 0
	}
	return float64(r.Late+r.Shed+r.TimedOut) / float64(r.Offered)
}

// ScalingsPerHour is how often the number of replicas changed.
func (r Result) ScalingsPerHour() float64 { return perHour(r.Scalings, r.Seconds) }

// ReversalsPerHour is how often a change was soon undone.
func (r Result) ReversalsPerHour() float64 { return perHour(r.Reversals, r.Seconds) }

func perHour(n, seconds int) float64 { return float64(n) * 3600 / float64(max(seconds, 1)) }

// Series is what happened in each second.
type Series struct {
	Offered []float32 // requests that came
	Bad     []float32 // of those, how many were late, shed or given up
	Desired []int16
	Ready   []int16
}

// reversalWithin is how soon a scaling against the one before counts as its undoing, in seconds.
const reversalWithin = 120

// tally counts.
type tally struct {
	offered              float64
	late, shed, timedOut int
	replicaSeconds       float64
	scalings, reversals  int
	lastAt               float64
	lastBy               int
	keep                 bool
	past                 float64 // requests that came before those that count
	series               Series
}

// forget begins to count anew; what is going on goes on.
func (t *tally) forget() {
	t.past += t.offered
	*t = tally{past: t.past, lastAt: t.lastAt, lastBy: t.lastBy, keep: t.keep, series: t.series}
}

func (t *tally) scaled(now float64, by int) {
	if by == 0 {
		return
	}
	t.scalings++
	if t.lastBy != 0 && (by > 0) != (t.lastBy > 0) && now-t.lastAt <= reversalWithin {
		t.reversals++
	}
	t.lastAt, t.lastBy = now, by
}

func (t *tally) second(r *run, offered int) {
	t.offered += float64(offered)
	if !t.keep {
		return
	}
	t.series.Offered = append(t.series.Offered, float32(offered))
	t.series.Bad = append(t.series.Bad, 0)
	t.series.Desired = append(t.series.Desired, int16(r.desired))
	t.series.Ready = append(t.series.Ready, int16(r.ready()))
}

func (t *tally) bad(came float64) {
	if t.keep {
		t.series.Bad[int(came)]++
	}
}

func (r *run) result(name string) Result {
	t := r.tally
	result := Result{
		Trace: r.arrivals.trace.Name, Autoscaler: name, Offered: int(t.offered), Late: t.late, Shed: t.shed, TimedOut: t.timedOut,
		ReplicaSeconds: t.replicaSeconds, Scalings: t.scalings, Reversals: t.reversals, Seconds: int(r.now) - r.c.Judged,
	}
	// What still waits at the end is not judged: how it would have gone is not known.
	if t.keep {
		result.Series = &t.series
	}
	return result
}
