package summary_test

import (
	"encoding/json"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/summary"

	"github.com/google/go-cmp/cmp"
)

func parsed(t *testing.T, texts ...string) (all []summary.SLO) {
	t.Helper()
	for _, text := range texts {
		slo, err := summary.ParseSLO(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, slo)
	}
	return all
}

func TestServerTiming(t *testing.T) {
	ms := func(v float64) time.Duration { return time.Duration(v * float64(time.Millisecond)) }
	for header, want := range map[string]summary.Stages{
		"":                            {},
		"cache;desc=hit":              {},
		"queue;dur=x, decode;dur=-1":  {},
		"queue;dur=1e300":             {},
		"inference;dur=7.5, miss":     {Told: true, Took: [4]time.Duration{3: ms(7.5)}},
		`queue;desc="a b";dur="0.25"`: {Told: true, Took: [4]time.Duration{ms(0.25)}},
		"queue;dur=1.000, decode;dur=2.000, preprocess;dur=3.000, inference;dur=4.000": {Told: true, Took: [4]time.Duration{ms(1), ms(2), ms(3), ms(4)}},
	} {
		if got := summary.ParseServerTiming(header); got != want {
			t.Errorf("%q: %v, want %v", header, got, want)
		}
	}
}

func TestStagesAreOfGoodAnswers(t *testing.T) {
	r := summary.NewRecorder()
	for i := range 100 {
		r.Add(summary.Outcome{Kind: summary.OK, Latency: time.Second, Stages: summary.ParseServerTiming("queue;dur=" + string(rune('0'+i/10)) + ", inference;dur=8")})
	}
	r.Add(summary.Outcome{Kind: summary.Refused, Stages: summary.ParseServerTiming("queue;dur=5000")})
	got := r.Result("x", time.Second, nil).Stages
	if len(got) != 4 || got[0].Name != "queue" || got[0].Max > 9.01 || math.Abs(got[0].P50-4) > 0.01 || math.Abs(got[3].P99-8) > 0.01 {
		t.Errorf("%+v", got)
	}
	if silent := hundred().Result("x", time.Second, nil).Stages; silent != nil {
		t.Errorf("a server that tells nothing has %+v", silent)
	}
}

// Two replicas do 10/s each. For 10 s 15/s are due, which keeps them less than busy, then 40/s for 10 s, which leaves work waiting, and then
// nothing until the last is answered.
func TestReplicasAreJudgedWhileTheyHadWork(t *testing.T) {
	r := summary.NewRecorder()
	due := func(at float64, latency float64) {
		r.Add(summary.Outcome{Due: time.Duration(at * float64(time.Second)), Latency: time.Duration(latency * float64(time.Second)), Kind: summary.OK})
	}
	for i := range 150 {
		due(float64(i)/15, 0.02)
	}
	for i := range 400 {
		at, answered := 10+float64(i)/40, 10+float64(i+1)/20
		due(at, answered-at)
	}
	for s := range 40 {
		r.AddReplicas(summary.Replicas{Second: s, Ready: 2, Desired: 2})
	}
	got := r.Result("x", 20*time.Second, parsed(t, "per-replica>=9.9/s", "per-replica>10.2/s"))
	p := got.PerReplica
	if p == nil || p.Seconds != 30 || p.BusySeconds != 18 || math.Abs(p.BusyOK-10) > 0.1 || math.Abs(p.OK-9.17) > 0.01 || p.CalmP99 > 1100 || p.BusyP99 < 9000 {
		t.Fatalf("%+v, want about 10/s over 18 busy seconds", p)
	}
	if !got.SLO[0].Kept || got.SLO[1].Kept || !strings.Contains(got.SLO[0].Measured, "busy seconds") {
		t.Errorf("%+v", got.SLO)
	}
	idle := hundred()
	idle.AddReplicas(summary.Replicas{Ready: 500})
	if v := idle.Result("x", time.Second, parsed(t, "per-replica>=1/s")).SLO[0]; v.Kept || !strings.Contains(v.Measured, "in no second") {
		t.Errorf("never busy: %+v", v)
	}
}

func TestLimits(t *testing.T) {
	r := summary.NewRecorder()
	for s := range 40 {
		kind, latency := summary.OK, 10*time.Millisecond
		if s >= 30 {
			latency = 3 * time.Second
		}
		r.Add(summary.Outcome{Due: time.Duration(s) * time.Second, Kind: kind, Latency: latency})
		if s%10 == 0 {
			r.Add(summary.Outcome{Due: time.Duration(s) * time.Second, Kind: summary.Refused})
		}
	}
	for text, want := range map[string]struct {
		at     time.Duration
		broken bool
	}{
		"errors>9%":      {20 * time.Second, true},
		"errors>10%":     {20 * time.Second, false},
		"errors>0%":      {9 * time.Second, false}, // the window is not over
		"errors>40%/1s":  {21 * time.Second, true},
		"errors>0%/1s":   {22 * time.Second, false},
		"p99>2s":         {25 * time.Second, false},
		"p50>2s/5s":      {40 * time.Second, true},
		"max > 10s":      {40 * time.Second, false},
		"errors>4%/20s":  {20 * time.Second, true},
		"errors>20%/20s": {20 * time.Second, false},
	} {
		l, err := summary.ParseLimit(text)
		if err != nil {
			t.Fatal(err)
		}
		by, broken := r.Broken(l, want.at)
		if broken != want.broken || broken && !strings.HasPrefix(by, text+": ") {
			t.Errorf("%s at %v: %v %q", text, want.at, broken, by)
		}
	}
	for _, bad := range []string{"", "errors<5%", "errors>5", "p99>fast", "errors>5%/2m", "errors>5%/1500ms", "errors>5%/x", "wrong>1%"} {
		if _, err := summary.ParseLimit(bad); err == nil || !strings.Contains(err.Error(), "errors>5%") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// Ten million requests take no more memory than one: what is kept is of the seconds.
func TestMemoryDoesNotGrowWithRequests(t *testing.T) {
	r := summary.NewRecorder()
	r.Patience = 30 * time.Second
	heap := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	const million, rate = 1_000_000, 5000
	fill := func(from, to int) {
		for i := from; i < to; i++ {
			r.Add(summary.Outcome{
				Due: time.Duration(i) * time.Second / rate, Latency: time.Duration(1+i%1000) * 50 * time.Microsecond, Kind: summary.OK, Bytes: 100_000,
			})
		}
	}
	fill(0, million)
	first := heap()
	fill(million, 10*million)
	whole := heap()
	t.Logf("%.1f MB after 1 million, %.1f MB after 10", first/1e6, whole/1e6)
	if grown := whole - first; grown > 4e6 {
		t.Errorf("it grew by %.1f MB", grown/1e6)
	}
	got := r.Result("x", 2000*time.Second, nil)
	// The first second is long closed, the last is not: both still know their percentiles.
	if first, last := got.Timeline[0], got.Timeline[1990]; first.P99 != last.P99 || first.P50 != last.P50 || first.P99 < 45 || got.OK != 10*million {
		t.Errorf("%v and %v of %d", first.P99, last.P99, got.OK)
	}
}

// A second's percentiles count what came as late as a request may that left late; how long that is, the patience says.
func TestASecondStaysOpenForItsLastAnswer(t *testing.T) {
	for patience, last := range map[time.Duration]time.Duration{0: 599 * time.Second, 5 * time.Second: 10 * time.Second, time.Hour: 599 * time.Second} {
		r := summary.NewRecorder()
		r.Patience = patience
		for at := range int(last / time.Second) {
			r.Add(summary.Outcome{Due: time.Duration(at) * time.Second, Latency: time.Millisecond, Kind: summary.OK})
		}
		r.Add(summary.Outcome{Latency: last, Kind: summary.OK})
		if got := time.Duration(r.Result("x", last, nil).Timeline[0].P99 * float64(time.Millisecond)); got < last*99/100 {
			t.Errorf("patience %v: the first second's p99 is %v, and an answer came after %v", patience, got, last)
		}
	}
}

func throughJSON(t *testing.T, r summary.Result) summary.Result {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var back summary.Result
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	return back
}

// What one tester measures is what three measure together, when each has a third of it.
func TestMergedTestersAreOneTest(t *testing.T) {
	start := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	whole := summary.NewRecorder()
	var parts []summary.Result
	for tester := range 3 {
		r := summary.NewRecorder()
		for i := tester; i < 3000; i += 3 {
			o := summary.Outcome{
				Due: time.Duration(i) * time.Millisecond, Latency: time.Duration(1+i*7%400) * time.Millisecond, Lag: time.Duration(i%9) * time.Microsecond,
				Kind: summary.OK, Bytes: 10, Received: 3, Checked: true, Stages: summary.ParseServerTiming("inference;dur=4"),
			}
			if i%100 == 0 {
				o.Kind = summary.Wrong
			}
			whole.Add(o)
			// The second and the third begin a second later each.
			o.Due -= time.Duration(tester) * time.Second
			if o.Due < 0 {
				o.Due += 3 * time.Second
			}
			r.Add(o)
		}
		part := r.Result("constant:333/3s", 3*time.Second, parsed(t, "p99<1s", "errors<1%"))
		part.Started, part.URL = start.Add(time.Duration(tester)*time.Second), "http://x/predict"
		part.Warmup = &summary.Warmup{Seconds: 5, Requests: 50}
		parts = append(parts, throughJSON(t, part))
	}
	got, err := summary.Merge([]summary.Result{parts[2], parts[0], parts[1]}, parsed(t, "p50<1ms")...)
	if err != nil {
		t.Fatal(err)
	}
	want := whole.Result("constant:333/3s", 3*time.Second, parsed(t, "p99<1s", "errors<1%", "p50<1ms"))
	if diff := cmp.Diff(want.Latency, got.Latency); diff != "" {
		t.Errorf("latency (-one +merged)\n%s", diff)
	}
	if got.Requests != 3000 || got.OK != want.OK || got.Errors[summary.Wrong] != 30 || got.BytesSent != 30000 || got.BytesReceived != 9000 || *got.Labels != *want.Labels ||
		got.Lag != want.Lag || got.Stages[3].P50 != want.Stages[3].P50 || got.Warmup.Requests != 150 {
		t.Errorf("merged %+v", got)
	}
	if diff := cmp.Diff(want.SLO, got.SLO); diff != "" || !got.Started.Equal(start) || got.Seconds != 5 || len(got.Timeline) < 5 {
		t.Errorf("begun %v for %v s; verdicts (-one +merged)\n%s", got.Started, got.Seconds, diff)
	}
	// The first second has only the first tester's requests, the third those of all.
	if got.Timeline[0].Due != 334 || got.Timeline[2].Due < 990 || !strings.Contains(strings.Join(got.Notes, " "), "3 testers") {
		t.Errorf("%d and %d due; %v", got.Timeline[0].Due, got.Timeline[2].Due, got.Notes)
	}
}

func TestWhatCannotBeMerged(t *testing.T) {
	if _, err := summary.Merge(nil); err == nil {
		t.Error("nothing was merged")
	}
	if _, err := summary.Merge([]summary.Result{{}}); err == nil || !strings.Contains(err.Error(), "no histograms") {
		t.Errorf("%v", err)
	}
	for _, text := range []string{`{"latency_histogram":7}`, `{"latency_histogram":"x"}`, `{"latency_histogram":"HISTFAAAAAB42pNpmSzMwMDAxQABzFCaEUzOYGCw/wARASIAVbsFOA=="}`} {
		var r summary.Result
		if err := json.Unmarshal([]byte(text), &r); err == nil {
			if _, err = summary.Merge([]summary.Result{r}); err == nil {
				t.Errorf("%s is merged", text)
			}
		}
	}
}

func TestCompare(t *testing.T) {
	tolerance := summary.Tolerance{LatencyRatio: 1.1, ThroughputRatio: 0.95, ErrorPoints: 0.1}
	base := summary.Result{Profile: "p", Requests: 1000, OK: 1000, Rate: summary.Rate{Achieved: 100}, Latency: summary.Latency{P50: 10, P90: 20, P95: 30, P99: 40, P999: 50, Max: 60}}
	regressions := func(now summary.Result) (names []string) {
		for _, m := range summary.Compare(base, now, tolerance).Measures {
			if m.Regression {
				names = append(names, m.Name)
			}
		}
		return names
	}
	for name, c := range map[string]struct {
		change func(*summary.Result)
		want   string
	}{
		"the same":         {func(*summary.Result) {}, ""},
		"within":           {func(r *summary.Result) { r.Latency.P99 = 43.9; r.OK = 999 }, ""},
		"slower":           {func(r *summary.Result) { r.Latency.P99 = 44.1 }, "p99"},
		"max is only told": {func(r *summary.Result) { r.Latency.Max = 6000 }, ""},
		"errors":           {func(r *summary.Result) { r.OK = 998 }, "errors"},
		"lost":             {func(r *summary.Result) { r.OK = 940 }, "answered well errors"},
		"nothing":          {func(r *summary.Result) { r.OK, r.Latency = 0, summary.Latency{} }, "p50 p90 p95 p99 p99.9 answered well errors"},
		"given up":         {func(r *summary.Result) { r.OK = 900; r.Errors = map[summary.Kind]int64{summary.Canceled: 100} }, ""},
	} {
		now := base
		c.change(&now)
		if got := strings.Join(regressions(now), " "); got != c.want {
			t.Errorf("%s: regressions %q, want %q", name, got, c.want)
		}
	}
	base.PerReplica = &summary.PerReplica{BusySeconds: 9, BusyOK: 10}
	slow := base
	slow.PerReplica = &summary.PerReplica{BusySeconds: 9, BusyOK: 9.4}
	if got := strings.Join(regressions(slow), " "); got != "per busy replica" {
		t.Errorf("slower replicas: %q", got)
	}
	slow.Profile, slow.Lag.P99 = "other", 99
	if notes := strings.Join(summary.Compare(base, slow, tolerance).Notes, " "); !strings.Contains(notes, "different tests") || !strings.Contains(notes, "too slow") {
		t.Errorf("notes %q", notes)
	}
	if c := summary.Compare(base, slow, tolerance); !c.Regressed() || summary.Compare(base, base, tolerance).Regressed() {
		t.Errorf("regressed: %+v", c)
	}
}
