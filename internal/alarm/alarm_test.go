package alarm_test

import (
	"slices"
	"testing"
	"time"

	"resnet-autoscaling/internal/alarm"
)

func TestItNeverWakesEarly(t *testing.T) {
	clock, err := alarm.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []time.Duration{-time.Second, 0, time.Nanosecond, 50 * time.Microsecond, 3 * time.Millisecond} {
		begin := time.Now()
		if err := clock.Sleep(d); err != nil || time.Since(begin) < d {
			t.Errorf("slept %v for %v, %v", time.Since(begin), d, err)
		}
	}
	if err := clock.Close(); err != nil {
		t.Fatal(err)
	}
}

// It tells how late the half of short sleeps, and one in a hundred, are.
func BenchmarkSleep(b *testing.B) {
	clock, err := alarm.New()
	if err != nil {
		b.Fatal(err)
	}
	defer clock.Close()
	const sleep = 700 * time.Microsecond
	var late []time.Duration
	for b.Loop() {
		begin := time.Now()
		if err := clock.Sleep(sleep); err != nil {
			b.Fatal(err)
		}
		late = append(late, time.Since(begin)-sleep)
	}
	slices.Sort(late)
	b.ReportMetric(float64(late[len(late)/2].Microseconds()), "µs-late-p50")
	b.ReportMetric(float64(late[len(late)*99/100].Microseconds()), "µs-late-p99")
}
