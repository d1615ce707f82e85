package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"resnet-autoscaling/internal/summary"
)

const (
	stallLoad    = 0.5 // of what all replicas can serve
	stallAdds    = time.Second * 2
	stallPatient = time.Second // how long callers wait
	stallAttempt = 500 * time.Millisecond
	leastSuccess = 0.9995
)

// stall slows one replica for a third of the time. All proxies are measured at the same time, each with replicas of its own, so that all
// have the same conditions.
func (b *bench) stall(ctx context.Context, s *section) error {
	all := b.available(dispatcher, nginxTries, haproxyLeast, haproxyQueue, envoyLeast)
	got, errs := make([]outcomes, len(all)), make([]error, len(all))
	var measuring sync.WaitGroup
	for i, c := range all {
		measuring.Go(func() { got[i], errs[i] = b.stalled(ctx, c) })
	}
	measuring.Wait()
	s.table = [][]string{{"proxy", "requests", "success", "failed", "p50", "p99", "p99.9"}}
	for i, c := range all {
		if errs[i] != nil {
			if err := b.drop(s, c, errs[i]); err != nil {
				return err
			}
			continue
		}
		s.table = append(s.table, append([]string{c.title, fmt.Sprint(len(got[i])), percent(got[i].success()), got[i].failures()}, latencies(got[i], 0.5, 0.99, 0.999)...))
	}
	s.judge(got[0].success() >= leastSuccess, "requests answered within 1 s", fmt.Sprintf("≥ %.2f %%", 100*leastSuccess), "%s", percent(got[0].success()))
	s.note("Eight replicas of %v at %.0f %% load. After a third of the time one of them takes 2 s longer for each request, for another third. Callers wait for 1 s and say so "+
		"(X-Request-Timeout-Ms). The others try for %v and then elsewhere; ours has its defaults. All at the same time, on fleets of their own, with pictures of %d bytes.",
		fullServiceTime, 100*stallLoad, stallAttempt, len(b.small))
	return nil
}

func (b *bench) stalled(ctx context.Context, c contender) (all outcomes, err error) {
	f, err := b.fleet(ctx, equals(slower, fleetSize))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	third := b.lasts(30*time.Second, 5*time.Second)
	stalling := make(chan error, 1)
	t := traffic{
		profile: constant(stallLoad*f.capacity(), 3*third), timeout: stallPatient, tell: true, picture: b.small,
		begun: func() { time.AfterFunc(third, func() { stalling <- f.slow(ctx, 0, stallAdds, third) }) },
	}
	all, err = b.through(ctx, c, role{replicas: f.hosts, workers: 2, caller: stallPatient, retry: true, attempt: stallAttempt}, t)
	if err != nil {
		return nil, err
	}
	return all, <-stalling
}

// slow makes each request to a replica take longer, for a while.
func (f *fleet) slow(ctx context.Context, replica int, add, length time.Duration) error {
	url := fmt.Sprintf("http://%s/control/slow?add=%s&for=%s", f.hosts[replica], add, length)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("slow down a replica: %s", resp.Status)
	}
	return nil
}

// failures are the requests without a good answer, by their kinds.
func (o outcomes) failures() string {
	var parts []string
	for _, kind := range []summary.Kind{summary.Timeout, summary.Connect, summary.Broken, summary.Refused, summary.Late, summary.Caller, summary.Server, summary.Unsent} {
		if n := o.count(kind); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kind))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
