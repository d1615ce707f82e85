package simulate_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/scaling"
	"resnet-autoscaling/internal/simulate"
)

// fixed always wants as many.
type fixed int

func (f fixed) String() string                { return "fixed" }
func (f fixed) Interval() time.Duration       { return 5 * time.Second }
func (f fixed) Replicas(_ *simulate.View) int { return int(f) }

// scripted wants what a list says, one a decision; the last one stays.
type scripted struct {
	wants []int
	saw   func(v *simulate.View)
}

func (s *scripted) String() string          { return "scripted" }
func (s *scripted) Interval() time.Duration { return time.Second }
func (s *scripted) Replicas(v *simulate.View) int {
	if s.saw != nil {
		s.saw(v)
	}
	want := s.wants[0]
	if len(s.wants) > 1 {
		s.wants = s.wants[1:]
	}
	return want
}

func constant(seconds int, rate float64) simulate.Trace {
	t := simulate.Trace{Name: "constant", Bin: 1}
	for range seconds {
		t.Rates = append(t.Rates, rate)
	}
	return t
}

func cluster(capacity float64, replicas int) simulate.Cluster {
	c := simulate.Default()
	c.Capacity, c.Replicas = capacity, replicas
	return c
}

func simulated(t *testing.T, c simulate.Cluster, trace simulate.Trace, a simulate.Autoscaler) simulate.Result {
	t.Helper()
	r, err := simulate.Run(c, trace, a)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A fixed fleet under independent requests is M/D/c, whose lateness is known: four servers of 50 ms, 64 requests a second, 0.19 s to
// spare are late once in 1,300, 72 are once in 30.
func TestLateAsQueueingTheorySays(t *testing.T) {
	c := cluster(20, 4)
	c.ServiceNoise = 0
	for rate, want := range map[float64]float64{64: 1.0 / 1300, 72: 1.0 / 30} {
		trace := constant(7200, rate)
		trace.Bin = 7200
		if got := simulated(t, c, trace, fixed(4)).Violations(); got < want/1.7 || got > want*1.7 {
			t.Errorf("%v rps: %.5f late, want about %.5f", rate, got, want)
		}
	}
}

func TestEvenArrivalsNeedNoQueue(t *testing.T) {
	c := cluster(20, 4)
	c.Arrivals, c.ServiceNoise = simulate.Even, 0
	r := simulated(t, c, constant(600, 79), fixed(4))
	if r.Violations() != 0 || r.Offered != 79*600 || r.ReplicaSeconds != 4*600 || r.Scalings != 0 {
		t.Errorf("%+v", r)
	}
}

func TestTooMuchLoadIsShedOrGivenUp(t *testing.T) {
	c := cluster(10, 1)
	r := simulated(t, c, constant(300, 100), fixed(1))
	if r.TimedOut == 0 || r.Shed != 0 {
		t.Errorf("a queue of 2048 at 10 rps: %d given up, %d shed; want them given up after 10 s", r.TimedOut, r.Shed)
	}
	c.Queue = 20
	if r = simulated(t, c, constant(300, 100), fixed(1)); r.Shed == 0 || r.TimedOut != 0 {
		t.Errorf("a queue of 20: %d given up, %d shed; want them shed", r.TimedOut, r.Shed)
	}
	if v := r.Violations(); v < 0.9 || v > 1 {
		t.Errorf("%.3f of requests late, shed or given up, want nearly all", v)
	}
}

// Cost counts from the asking, and a replica that goes finishes what it has.
func TestStartingAndDrainingReplicasCost(t *testing.T) {
	c := cluster(1, 1)
	c.StartNoise, c.ServiceNoise, c.Series = 0, 0, true
	grow := &scripted{wants: []int{3}}
	r := simulated(t, c, constant(30, 0), grow)
	if r.ReplicaSeconds != 90 || r.Series.Ready[9] != 1 || r.Series.Ready[11] != 3 || r.Scalings != 1 {
		t.Errorf("%v replica-seconds, ready %v", r.ReplicaSeconds, r.Series.Ready)
	}
	c.Arrivals = simulate.Even
	trace := constant(20, 0)
	trace.Rates[0] = 1
	if r = simulated(t, c, trace, &scripted{wants: []int{1, 0}}); math.Abs(r.ReplicaSeconds-1.5) > 0.51 || r.Late != 1 {
		t.Errorf("one second of one replica and what it still worked: %v replica-seconds, %d late", r.ReplicaSeconds, r.Late)
	}
}

func TestReplicasThatAreNotReadyGoFirst(t *testing.T) {
	c := cluster(10, 2)
	c.Series = true
	r := simulated(t, c, constant(30, 1), &scripted{wants: []int{6, 6, 3}})
	if r.Series.Ready[5] != 2 || r.Series.Ready[29] != 3 || r.Scalings != 2 || r.Reversals != 1 {
		t.Errorf("ready %v, %d scalings, %d reversals", r.Series.Ready, r.Scalings, r.Reversals)
	}
}

// With no replica at all requests wait for one for as long as clients do.
func TestRequestsWaitForTheFirstReplica(t *testing.T) {
	c := cluster(10, 0)
	r := simulated(t, c, constant(60, 2), &scripted{wants: []int{1}})
	if r.TimedOut != 0 || r.Late == 0 {
		t.Errorf("%d given up, %d late", r.TimedOut, r.Late)
	}
}

func TestViewCountsWhatHappens(t *testing.T) {
	c := cluster(10, 2)
	var last simulate.Totals
	a := &scripted{wants: []int{2}, saw: func(v *simulate.View) { last = v.At(v.Second()) }}
	simulated(t, c, constant(101, 12), a)
	if last.Arrivals != 1200 || math.Abs(last.Answered-1200) > 12 || math.Abs(last.Busy-120) > 3 || last.Ready != 200 {
		t.Errorf("after 100 s: %+v", last)
	}
}

func TestTheSameSeedGivesTheSameAnswer(t *testing.T) {
	c := cluster(20, 3)
	trace := constant(600, 58)
	a, b := simulated(t, c, trace, fixed(3)), simulated(t, c, trace, fixed(3))
	if a.Late != b.Late || a.Late == 0 {
		t.Errorf("%d and %d late", a.Late, b.Late)
	}
	c.Seed = 2
	if other := simulated(t, c, trace, fixed(3)); other.Late == a.Late {
		t.Errorf("another seed: %d late again", other.Late)
	}
}

func TestOracles(t *testing.T) {
	c := cluster(10, 1)
	c.Arrivals, c.ServiceNoise = simulate.Even, 0
	trace := constant(300, 9)
	for i := 100; i < 110; i++ {
		trace.Rates[i] = 49
	}
	o, err := simulate.Foresee(c, trace)
	if err != nil {
		t.Fatal(err)
	}
	if o.Fluid != 290+50 || o.Instant < 290+49 || o.Instant > 290+55 {
		t.Errorf("fluid %v, instant %v; want 340 and about as many", o.Fluid, o.Instant)
	}
	// Four replicas for a minute instead of ten seconds, and five starts of ten seconds.
	if o.Holding < 300+4*60+50 || o.Holding > 300+5*60+60 {
		t.Errorf("holding %v, want about 590", o.Holding)
	}
	r := simulated(t, c, trace, fixed(5))
	if r.Violations() != 0 || r.ReplicaSeconds < o.Instant {
		t.Errorf("five all the time: %v late at %v, the clairvoyant needs %v", r.Violations(), r.ReplicaSeconds, o.Instant)
	}
}

func TestWhatIsLearnedFromIsNotJudged(t *testing.T) {
	c := cluster(10, 1)
	trace := constant(600, 9)
	for i := range 300 {
		trace.Rates[i] = 50
	}
	c.Judged = 400
	if r := simulated(t, c, trace, fixed(1)); r.Offered != 200*9 || r.ReplicaSeconds != 200 || r.Seconds != 200 {
		t.Errorf("%+v", r)
	}
}

func TestReadTrace(t *testing.T) {
	trace, err := simulate.ReadTrace("x", strings.NewReader("second,rps\n0,1\n60,2.5\n120,3\n"))
	if err != nil || len(trace.Rates) != 180 || trace.Bin != 60 || trace.Rates[59] != 1 || trace.Rates[60] != 2.5 || trace.Rates[179] != 3 {
		t.Errorf("%v, %d seconds in bins of %d", err, len(trace.Rates), trace.Bin)
	}
	if busiest := trace.Scaled(2).BusiestMinute(); busiest != 6 {
		t.Errorf("the busiest minute is %v, want 6", busiest)
	}
	for text, word := range map[string]string{
		"": "no line such as", "second,rps\n": "no line such as", "0": "write second,rps", "x,1": "whole number", "0,x": "from 0 to 1000000", "0,-1": "from 0", "0,NaN": "from 0",
		"5,1\n5,2": "does not come after", "0,1\n90000000,1": "at most a day",
	} {
		if _, err := simulate.ReadTrace("x", strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q: %v, want a word on %q", text, err, word)
		}
	}
}

func TestBurstsComeOnTop(t *testing.T) {
	trace := constant(7200, 10)
	burst := trace.WithBursts(3, 60, 900, 1)
	more := 0
	for i, r := range burst.Rates {
		if r > trace.Rates[i] {
			more++
		}
	}
	if more < 120 || more%60 > 59 || burst.BusiestMinute() <= 10 || trace.BusiestMinute() != 10 {
		t.Errorf("%d seconds of bursts, busiest minute %v", more, burst.BusiestMinute())
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	for name, break_ := range map[string]func(*simulate.Cluster){
		"capacity": func(c *simulate.Cluster) { c.Capacity = 0 }, "slot": func(c *simulate.Cluster) { c.Slots = 0 },
		"replicas": func(c *simulate.Cluster) { c.Replicas = 100 }, "times": func(c *simulate.Cluster) { c.Latency = 0 },
		"noise": func(c *simulate.Cluster) { c.ServiceNoise = -1 }, "arrive": func(c *simulate.Cluster) { c.Arrivals = "by bus" },
		"quota": func(c *simulate.Cluster) { c.CPU = 0.25 },
	} {
		c := cluster(10, 1)
		break_(&c)
		if _, err := simulate.Run(c, constant(10, 1), fixed(1)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func slo() scaling.Policy {
	return scaling.SLO{Min: 1, Max: 64, Latency: 250 * time.Millisecond, Interval: simulate.Interval, QueueTimeout: 10 * time.Second, Tuning: scaling.DefaultTuning()}
}

// Eight times the load at once: the queue is gone, and requests are answered in time, when pods have started and two intervals are over.
func TestAStepIsOverSoonAfterPodsHaveStarted(t *testing.T) {
	c := cluster(20, 4)
	c.Series = true
	trace := constant(2400, 30)
	for i := 1203; i < len(trace.Rates); i++ {
		trace.Rates[i] = 240
	}
	r := simulated(t, c, trace, simulate.NewLive(slo()))
	over := 1203 + int(c.StartTime.Seconds()) + 2*int(simulate.Interval.Seconds())
	late := float32(0)
	for _, bad := range r.Series.Bad[over:] {
		late += bad
	}
	if share := float64(late) / float64(240*(2400-over)); share > 0.001 {
		t.Errorf("%.4f of the requests are late from %d s after the step on", share, over-1203)
	}
}

// A constant load is left alone, whatever chance makes of it.
func TestAConstantLoadIsLeftAlone(t *testing.T) {
	trace := constant(4*3600, 100)
	trace.Bin = 4 * 3600
	r := simulated(t, cluster(20, 7), trace, simulate.NewLive(slo()))
	if r.ScalingsPerHour() > 8 || r.ReversalsPerHour() > 1 || r.Violations() > 0.001 {
		t.Errorf("%.1f scalings and %.1f reversals an hour, %.5f late", r.ScalingsPerHour(), r.ReversalsPerHour(), r.Violations())
	}
}

func TestTargetInTheSimulation(t *testing.T) {
	c := cluster(20, 3)
	c.Series = true
	trace := constant(1800, 30)
	for i := 600; i < 1200; i++ {
		trace.Rates[i] = 140
	}
	target := scaling.Target{Min: 1, Max: 64, Tolerance: 0.1, DownWindow: time.Minute}
	r := simulated(t, c, trace, simulate.NewLive(target))
	if n := r.Series.Desired[1190]; n < 9 || n > 13 {
		t.Errorf("%d replicas for 140 rps at 14 each", n)
	}
	if n := r.Series.Desired[1790]; n < 2 || n > 4 {
		t.Errorf("%d replicas when it is over", n)
	}
}

func BenchmarkDay(b *testing.B) {
	trace := constant(86400, 0)
	for i := range trace.Rates {
		trace.Rates[i] = 200 + 100*math.Sin(float64(i)/13750)
	}
	c := simulate.Default().For(trace)
	for b.Loop() {
		if _, err := simulate.Run(c, trace, simulate.NewLive(slo())); err != nil {
			b.Fatal(err)
		}
	}
}

// One replica, and five times what it can do: who would wait for too long is refused at once, as by our dispatcher, instead of in vain.
func TestWhoWouldWaitInVainIsRefused(t *testing.T) {
	c := cluster(10, 1)
	patient := simulated(t, c, constant(120, 50), fixed(1))
	c.Foresees = true
	told := simulated(t, c, constant(120, 50), fixed(1))
	if patient.TimedOut == 0 || patient.Shed != 0 || told.TimedOut != 0 || told.Shed < 4000 {
		t.Errorf("%d give up and %d are refused; where waits are foreseen %d give up and %d are refused", patient.TimedOut, patient.Shed, told.TimedOut, told.Shed)
	}
}
