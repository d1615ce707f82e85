package simulate_test

import (
	"slices"
	"testing"
	"time"

	"resnet-autoscaling/internal/scaling"
	"resnet-autoscaling/internal/simulate"
)

// grown is the second at which there were more replicas than at first, after a step to eight times the load at second 1201.
func grown(t *testing.T, c simulate.Cluster, live *simulate.Live) int {
	t.Helper()
	const step = 1201
	c.Series = true
	trace := constant(step+60, 10)
	for i := step; i < len(trace.Rates); i++ {
		trace.Rates[i] = 80
	}
	desired := simulated(t, c, trace, live).Series.Desired
	return step + slices.IndexFunc(desired[step:], func(n int16) bool { return n > desired[step] })
}

// A scrape just before a decision tells of the step, which began a second after the decision before; one just after that does not.
func TestADecisionKnowsWhatWasScrapedBefore(t *testing.T) {
	late, early := simulate.NewLive(slo()), simulate.NewLive(slo())
	late.Scrapes.Load, early.Scrapes.Load = 4.5, 0.5
	if at := grown(t, cluster(20, 2), late); at != 1205 {
		t.Errorf("it grew at %d s, want 1205", at)
	}
	if at := grown(t, cluster(20, 2), early); at != 1210 {
		t.Errorf("it grew at %d s, want 1210", at)
	}
}

// Replicas say that they can do twice as much as they can: the policy learns it from the first queue, and remembers.
func TestAPolicyBelievesReplicasUntilTheyShowLess(t *testing.T) {
	c := cluster(20, 4)
	trace := constant(7200, 50)
	honest := simulated(t, c, trace, simulate.NewLive(slo()))
	c.Stated = 40
	boastful := simulated(t, c, trace, simulate.NewLive(slo()))
	if n, m := honest.Violations(), boastful.Violations(); n > 0.001 || m < 0.001 || m > 0.01 {
		t.Errorf("%.2f%% are late, and %.2f%% where replicas say that they can do twice as much as they can", 100*n, 100*m)
	}
	c.Judged = 1800
	if m := simulated(t, c, trace, simulate.NewLive(slo())).Violations(); m > 0.005 {
		t.Errorf("half an hour later still %.2f%% are late", 100*m)
	}
	c.Judged, c.Stated = 0, 20
	if r := simulated(t, c, trace, simulate.NewLive(slo())); r.ReplicaSeconds != honest.ReplicaSeconds || r.Late != honest.Late {
		t.Errorf("who states the truth is another: %v replica-seconds, %v", r.ReplicaSeconds, honest.ReplicaSeconds)
	}
}

// Scraped by themselves, new replicas are known after two scrapes of theirs, and rates tell of a step sooner than means over their window.
func TestReplicasThatAreScrapedByThemselvesAreKnownSooner(t *testing.T) {
	c := cluster(20, 1)
	c.StartTime, c.Series = time.Second, true
	trace := constant(900, 8)
	for i := 600; i < len(trace.Rates); i++ {
		trace.Rates[i] = 200
	}
	target := scaling.Target{Min: 1, Max: 16, Tolerance: 0.1, DownWindow: time.Minute}
	reaches := func(each bool) int {
		live := simulate.NewLive(target)
		live.Scrapes.Load, live.Scrapes.Each = 1, each
		r := simulated(t, c, trace, live)
		if last := r.Series.Desired[899]; last < 14 || last > 16 {
			t.Errorf("each by itself %v: %d replicas for 200 rps at 14 each", each, last)
		}
		return slices.IndexFunc(r.Series.Desired, func(n int16) bool { return n >= 15 }) - 600
	}
	if each, all := reaches(true), reaches(false); each <= 0 || each+5 > all {
		t.Errorf("fifteen are wanted %d s after the step where each is scraped by itself, and %d s where all are at once", each, all)
	}
}

// Replicas that state three times what they can do look idle by what they answer, and CPU tells only of a minute. What is refused before
// them tells at once that they are too few.
func TestPolicyTargetSeesWhatIsRefused(t *testing.T) {
	reaches := func(foresees bool) int {
		c := cluster(10, 1)
		c.Stated, c.Foresees, c.Series = 30, foresees, true
		c.QueueTimeout = 2 * time.Minute // who is not refused waits
		trace := constant(600, 5)
		for i := 300; i < len(trace.Rates); i++ {
			trace.Rates[i] = 40
		}
		if foresees {
			c.QueueTimeout = 2 * time.Second
		}
		r := simulated(t, c, trace, simulate.NewLive(scaling.Target{Min: 1, Max: 16, Tolerance: 0.1, DownWindow: 5 * time.Minute}))
		return slices.IndexFunc(r.Series.Desired, func(n int16) bool { return n >= 4 }) - 300
	}
	if refused, waits := reaches(true), reaches(false); refused <= 0 || refused+10 > waits {
		t.Errorf("four are wanted %d s after the step where what is too much is refused, and %d s where it waits", refused, waits)
	}
}
