package summary_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/summary"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// hundred has good answers of 1 to 100 ms, one due every 10 ms, and two failures in the second second.
func hundred() *summary.Recorder {
	r := summary.NewRecorder()
	for i := range 100 {
		r.Add(summary.Outcome{
			Due: time.Duration(i) * 10 * time.Millisecond, Latency: time.Duration(i+1) * time.Millisecond,
			Lag: 20 * time.Microsecond, Kind: summary.OK, Bytes: 1000, Received: 10, Checked: i < 10,
		})
	}
	r.Add(summary.Outcome{Due: time.Second, Latency: time.Microsecond, Kind: summary.Refused, Bytes: 1000})
	r.Add(summary.Outcome{Due: 1500 * time.Millisecond, Latency: 5 * time.Second, Kind: summary.Timeout, Bytes: 1000})
	return r
}

func TestResult(t *testing.T) {
	r := hundred()
	r.AddReplicas(summary.Replicas{Second: 0, Ready: 1, Desired: 2})
	got := r.Result("constant:51/2s", 2*time.Second, nil)
	if got.Requests != 102 || got.OK != 100 || got.Errors[summary.Refused] != 1 || got.Errors[summary.Timeout] != 1 || len(got.Errors) != 2 {
		t.Errorf("counts %d %d %v", got.Requests, got.OK, got.Errors)
	}
	near := func(name string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > want/500 {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	near("p50", got.Latency.P50, 50)
	near("p90", got.Latency.P90, 90)
	near("p99", got.Latency.P99, 99)
	near("max", got.Latency.Max, 100)
	near("asked", got.Rate.Asked, 51)
	// The last answer, a time-out, came at 6.5 s: achieved counts until then.
	near("achieved", got.Rate.Achieved, 100/6.5)
	if got.BytesSent != 102000 || got.BytesReceived != 1000 || got.Labels.Checked != 10 || got.Labels.Wrong != 0 || got.Replicas[0].Desired != 2 {
		t.Errorf("bytes %d labels %+v replicas %v", got.BytesSent, got.Labels, got.Replicas)
	}
	if len(got.Timeline) != 7 || got.Timeline[0].OK != 100 || got.Timeline[1].Failed != 2 || got.Timeline[1].Due != 2 {
		t.Errorf("timeline %+v", got.Timeline)
	}
}

func TestLatencyBeyondTheRangeIsNotLost(t *testing.T) {
	r := summary.NewRecorder()
	r.Add(summary.Outcome{Latency: 24 * time.Hour, Kind: summary.OK})
	got := r.Result("x", time.Second, nil)
	if got.OK != 1 || got.Latency.Max < 10*60*1000 {
		t.Errorf("%d answers, longest %v ms", got.OK, got.Latency.Max)
	}
}

func TestSLO(t *testing.T) {
	for text, want := range map[string]struct {
		kept     bool
		measured string
	}{
		"p99<250ms":        {true, "99.0ms"},
		"p99 < 98ms":       {false, "99.0ms"},
		"p50<=50ms":        {false, "50.0ms"}, // the histogram's bucket ends at 50.015 ms
		"p99.9<1s":         {true, "100.0ms"},
		"p999<1s":          {true, "100.0ms"},
		"max<100ms":        {false, "100.0ms"},
		"errors<2%":        {true, "1.96% (2 of 102)"},
		"errors<=0%":       {false, "1.96% (2 of 102)"},
		"errors<0.1%":      {false, "1.96% (2 of 102)"},
		"wrong<=0%":        {true, "0% (0 of 10)"},
		"wrong<0%":         {false, "0% (0 of 10)"},
		"per-replica>=1/s": {false, "nothing was measured: how many replicas were ready is not known"},
	} {
		slo, err := summary.ParseSLO(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got := hundred().Result("x", time.Second, []summary.SLO{slo})
		if v := got.SLO[0]; v.SLO != text || v.Kept != want.kept || v.Measured != want.measured || got.Kept() != want.kept {
			t.Errorf("%s: %+v, want %+v", text, v, want)
		}
	}
	for _, bad := range []string{"", "p99", "p99>1s", "p99<fast", "p99<-1s", "errors<1", "errors<200%", "errors<NaN%", "speed<1s", "p1234<1s", "per-replica<1/s", "per-replica>=1", "per-replica>=x/s"} {
		if _, err := summary.ParseSLO(bad); err == nil || !strings.Contains(err.Error(), "p99<250ms") {
			t.Errorf("%q: %v, want an error that shows the forms", bad, err)
		}
	}
}

func TestNothingMeasuredKeepsNoSLO(t *testing.T) {
	slo, err := summary.ParseSLO("p99<1s")
	if err != nil {
		t.Fatal(err)
	}
	r := summary.NewRecorder()
	r.Add(summary.Outcome{Kind: summary.Connect})
	if got := r.Result("x", time.Second, []summary.SLO{slo}); got.Kept() {
		t.Errorf("kept without a single answer: %+v", got.SLO)
	}
}

func TestProgressIsOfTheLastTenSeconds(t *testing.T) {
	r := summary.NewRecorder()
	for s := range 30 {
		latency := 10 * time.Millisecond
		if s < 20 {
			latency = 900 * time.Millisecond
		}
		r.Add(summary.Outcome{Due: time.Duration(s) * time.Second, Latency: latency, Kind: summary.OK})
	}
	p := r.Progress(30 * time.Second)
	if p.P99 > 11*time.Millisecond || p.Achieved != 1 || p.OK != 30 {
		t.Errorf("%+v, want 10 ms and 1/s over the last ten seconds, 30 in all", p)
	}
}

// All of a 20 s old backlog is answered now: the screen shows that answers come, and how old they are.
func TestProgressGoesByWhenAnswersCome(t *testing.T) {
	r := summary.NewRecorder()
	for i := range 50 {
		due := time.Duration(i) * 10 * time.Millisecond
		r.Add(summary.Outcome{Due: due, Latency: 20*time.Second + 500*time.Millisecond - due, Kind: summary.OK})
	}
	if p := r.Progress(20 * time.Second); p.Achieved != 0 || p.P99 != 0 {
		t.Errorf("at 20 s %+v, want nothing yet", p)
	}
	if p := r.Progress(25 * time.Second); p.Achieved != 5 || p.P50 < 19*time.Second {
		t.Errorf("at 25 s %+v, want 50 answers over 10 s, of 20 s", p)
	}
}

func TestTimelineTellsDueFromAnswered(t *testing.T) {
	r := summary.NewRecorder()
	r.Add(summary.Outcome{Due: 0, Latency: 2500 * time.Millisecond, Kind: summary.OK})
	r.Add(summary.Outcome{Due: 0, Latency: 3 * time.Second, Kind: summary.Timeout})
	got := r.Result("x", time.Second, nil)
	want := []summary.Second{
		{Second: 0, Due: 2, OK: 1, Failed: 1, Errors: map[summary.Kind]int64{summary.Timeout: 1}, P50: 2500, P99: 2500, InFlight: 2, Heat: []summary.HeatCell{{Row: 43, Count: 1}}},
		{Second: 1, InFlight: 2},
		{Second: 2, Answered: 1, InFlight: 1},
		{Second: 3},
	}
	near := cmpopts.EquateApprox(0.02, 0)
	if diff := cmp.Diff(want, got.Timeline, near); diff != "" || got.Lost() != 1 {
		t.Errorf("lost %d; timeline (-want +got)\n%s", got.Lost(), diff)
	}
}

// Ending a test early cancels what is in flight: listed, but not held against the server.
func TestCanceledBreaksNoSLO(t *testing.T) {
	slo, err := summary.ParseSLO("errors<=0%")
	if err != nil {
		t.Fatal(err)
	}
	r := summary.NewRecorder()
	r.Add(summary.Outcome{Kind: summary.OK, Latency: time.Millisecond})
	r.Add(summary.Outcome{Kind: summary.Canceled})
	got := r.Result("x", time.Second, []summary.SLO{slo})
	if !got.Kept() || got.SLO[0].Measured != "0% (0 of 1)" || got.Errors[summary.Canceled] != 1 {
		t.Errorf("%+v, errors %v", got.SLO, got.Errors)
	}
}
