package dispatcher

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"resnet-autoscaling/internal/api"
)

// playedFeed is a feed whose status counts how often it was asked for; quiet ones are all the same.
func playedFeed(quiet bool) (f *feed, asked *atomic.Int64) {
	asked = new(atomic.Int64)
	return newFeed(func(time.Time) (s api.DispatcherStatus) {
		if n := asked.Add(1); !quiet {
			s.Queue.Length = int(n)
		}
		return s
	}, func(now time.Time) api.RateStatus { return api.RateStatus{OfferedRPS: float64(now.Second())} }), asked
}

// produce runs the feed until the returned function is called.
func produce(t *testing.T, f *feed) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- f.run(ctx) }()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func hear(t *testing.T, f *feed) (*listener, string) {
	t.Helper()
	l, first, err := f.join()
	if err != nil {
		t.Fatal(err)
	}
	return l, string(first)
}

func TestNobodyListensNothingIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, asked := playedFeed(false)
		defer produce(t, f)()
		time.Sleep(10*time.Second + time.Millisecond)
		if asked.Load() != 0 {
			t.Errorf("%d statuses were made for nobody", asked.Load())
		}
		l, first := hear(t, f)
		if n := strings.Count(first, "offered_rps"); n != 10+1 { // the status has it too
			t.Errorf("the history has %d seconds, want 10: %s", n-1, first)
		}
		other, _ := hear(t, f)
		time.Sleep(5 * time.Second)
		if asked.Load() != 1+5 {
			t.Errorf("%d statuses in 5 s for two listeners, want the first one and one a second", asked.Load())
		}
		f.leave(l)
		f.leave(other)
		time.Sleep(5 * time.Second)
		if asked.Load() != 1+5 {
			t.Errorf("%d statuses: some were made after all had left", asked.Load())
		}
	})
}

func TestASlowListenerGetsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, asked := playedFeed(false)
		defer produce(t, f)()
		l, _ := hear(t, f)
		time.Sleep(time.Minute + time.Millisecond)
		if got, want := string(f.news(l)), fmt.Sprintf(`"length":%d,`, asked.Load()); strings.Count(got, "event: status") != 1 || !strings.Contains(got, want) {
			t.Errorf("after a minute: %s; want the newest status alone, with %s", got, want)
		}
		if got := f.news(l); got != nil {
			t.Errorf("then: %s; want nothing", got)
		}
	})
}

func TestWhatDoesNotChangeIsNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := playedFeed(true)
		defer produce(t, f)()
		l, _ := hear(t, f)
		time.Sleep(10 * time.Second)
		if len(l.wake) != 0 {
			t.Errorf("woken for %s", f.news(l))
		}
	})
}

func TestDecisionsAreReplayed(t *testing.T) {
	f, _ := playedFeed(true)
	noon := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	decide := func(from, to int) {
		for i := from; i < to; i++ {
			f.tell(noon.Add(time.Duration(i)*time.Second), fmt.Sprintf("%d→%d", i, i+1))
		}
	}
	count := func(news string) int { return strings.Count(news, "event: decision") }
	decide(0, 3)
	l, first := hear(t, f)
	want := `id: 1795521602-0e362ad6
event: decision
data: {"at":"2026-11-24T12:00:02Z","text":"2→3"}

`
	if count(first) != 3 || !strings.Contains(first, want) {
		t.Errorf("first: %s; want 3 decisions, the last one being %s", first, want)
	}
	decide(3, 5)
	if len(l.wake) == 0 {
		t.Error("the listener was not woken")
	}
	if news := string(f.news(l)); count(news) != 2 || strings.Index(news, "3→4") > strings.Index(news, "4→5") {
		t.Errorf("news: %s; want the two, in order", news)
	}
	if _, all := hear(t, f); count(all) != 5 {
		t.Errorf("who comes later got %s", all)
	}
	decide(5, 1000)
	for _, news := range []string{string(f.news(l)), func() string { _, first := hear(t, f); return first }()} {
		if count(news) != keptDecisions || !strings.Contains(news, "999→1000") {
			t.Errorf("%d decisions, want the last %d: %s", count(news), keptDecisions, news)
		}
	}
}
