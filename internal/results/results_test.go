package results_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/results"
	"resnet-autoscaling/internal/summary"

	"github.com/google/go-cmp/cmp"
)

var begun = time.Date(2026, 11, 24, 12, 0, 0, 500_000_000, time.UTC)

func TestEachRequestIsALineOfVegetas(t *testing.T) {
	var b bytes.Buffer
	v := results.NewVegeta(&b, begun, "http://x/predict?a=1,2")
	for _, o := range []summary.Outcome{
		{Number: 2, Due: time.Second, Latency: 20 * time.Millisecond, Kind: summary.OK, Status: 200, Bytes: 100, Received: 7},
		{Number: 0, Due: 2 * time.Second, Latency: time.Millisecond, Kind: summary.Refused, Status: 503, Bytes: 100},
		{Number: 1, Due: 3 * time.Second, Latency: 30 * time.Second, Kind: summary.Timeout, Bytes: 100},
		{Number: 3, Due: 4 * time.Second, Latency: time.Second, Kind: summary.Wrong, Status: 200},
	} {
		if err := v.Add(o); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Flush(); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := func(seconds int64) string { return strconv.FormatInt(begun.UnixNano()+seconds*1e9, 10) }
	want := [][]string{
		{at(1), "200", "20000000", "100", "7", "", "", "loadtest", "2", "POST", "http://x/predict?a=1,2", ""},
		{at(2), "503", "1000000", "100", "0", "status 503", "", "loadtest", "0", "POST", "http://x/predict?a=1,2", ""},
		{at(3), "0", "30000000000", "100", "0", "timeout", "", "loadtest", "1", "POST", "http://x/predict?a=1,2", ""},
		{at(4), "200", "1000000000", "0", "0", "wrong label", "", "loadtest", "3", "POST", "http://x/predict?a=1,2", ""},
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func measured() summary.Result {
	r := summary.NewRecorder()
	r.Add(summary.Outcome{Due: 0, Latency: 1500 * time.Millisecond, Kind: summary.OK})
	r.Add(summary.Outcome{Number: 2, Due: time.Second, Latency: time.Millisecond, Kind: summary.Refused})
	r.AddReplicas(summary.Replicas{Second: 0, Ready: 2, Desired: -1, Queue: 3, Capacity: 26.5})
	r.AddReplicas(summary.Replicas{Second: 1, Ready: 1, Desired: 2, CPU: 0.75})
	r.AddReplicas(summary.Replicas{Second: 1, Ready: 2, Desired: 2, CPU: 0.75})
	res := r.Result("x", 2*time.Second, nil)
	res.Started, res.Tags = begun, map[string]string{"9 lives": `a"b\c`, "zone": "eu"}
	return res
}

func TestSeconds(t *testing.T) {
	var b bytes.Buffer
	if err := results.WriteSeconds(&b, measured()); err != nil {
		t.Fatal(err)
	}
	want := `second,due,answered,ok,failed,p50_ms,p99_ms,in_flight,ready,desired,queue,capacity_rps,cpu_cores,errors_503
0,1,0,1,0,1503.9,1503.9,1,2,,3,26.5,,0
1,1,1,0,1,,,0,2,2,0,,0.75,1
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func TestOpenMetrics(t *testing.T) {
	var b bytes.Buffer
	if err := results.WriteOpenMetrics(&b, measured()); err != nil {
		t.Fatal(err)
	}
	const tags = `_9_lives="a\"b\\c",zone="eu"`
	for _, want := range []string{
		`loadtest_requests_total{outcome="ok",` + tags + `} 1 1795521601.500`,
		`loadtest_requests_total{outcome="503",` + tags + `} 1 1795521601.500`,
		`loadtest_in_flight{` + tags + `} 1 1795521600.500`,
		`loadtest_latency_seconds{quantile="0.99",` + tags + `} 1.5039`,
		`loadtest_replicas{state="ready",` + tags + `} 2 1795521601.500`,
		`loadtest_replicas{state="desired",` + tags + `} 2 1795521601.500`,
		`loadtest_queue_length{` + tags + `} 3 `,
		`loadtest_capacity_rps{` + tags + `} 26.5 `,
		`loadtest_cpu_cores{` + tags + `} 0.75 `,
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in\n%s", want, b.String())
		}
	}
	// A series has one value at a time, though the second look of a second came too.
	if n := strings.Count(b.String(), `loadtest_replicas{state="ready"`); n != 2 || !strings.HasSuffix(b.String(), "\n# EOF\n") {
		t.Errorf("%d samples of ready replicas in\n%s", n, b.String())
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestAFullDiskIsTold(t *testing.T) {
	v := results.NewVegeta(broken{}, begun, "http://x")
	err := v.Add(summary.Outcome{})
	for name, err := range map[string]error{
		"vegeta": errors.Join(err, v.Flush()), "seconds": results.WriteSeconds(broken{}, measured()), "openmetrics": results.WriteOpenMetrics(broken{}, measured()),
	} {
		if err == nil || !strings.Contains(err.Error(), "disk full") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
