package kube

import (
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func TestWhoMayTakeALease(t *testing.T) {
	held := func(holder string, seconds int32) *coordinationv1.Lease {
		return &coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{HolderIdentity: &holder, LeaseDurationSeconds: &seconds}}
	}
	for name, c := range map[string]struct {
		lease     *coordinationv1.Lease
		unchanged time.Duration
		want      bool
	}{
		"a new one":                         {&coordinationv1.Lease{}, 0, true},
		"one that was given back":           {held("", 10), 0, true},
		"one's own":                         {held("me", 10), 0, true},
		"another's":                         {held("other", 10), 10 * time.Second, false},
		"another's that has run out":        {held("other", 10), 10*time.Second + 1, true},
		"another's that lasts longer":       {held("other", 60), 30 * time.Second, false},
		"one of nobody knows what duration": {&coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{HolderIdentity: new("other")}}, 9 * time.Second, false},
	} {
		if got := free(c.lease, "me", c.unchanged); got != c.want {
			t.Errorf("%s, unchanged for %v: free is %v", name, c.unchanged, got)
		}
	}
}

func TestALeaseSaysSinceWhenAndHowOftenItChangedHands(t *testing.T) {
	var lease coordinationv1.Lease
	for i, step := range []struct {
		who         string
		acquired    time.Duration // after noon
		transitions int32
	}{{"a", 0, 0}, {"a", 0, 0}, {"b", 2 * time.Second, 1}, {"b", 2 * time.Second, 1}, {"a", 4 * time.Second, 2}} {
		now := noon.Add(time.Duration(i) * time.Second)
		take(&lease, step.who, now)
		s := lease.Spec
		if *s.HolderIdentity != step.who || !s.RenewTime.Time.Equal(now) || *s.LeaseDurationSeconds != 10 ||
			!s.AcquireTime.Time.Equal(noon.Add(step.acquired)) || *s.LeaseTransitions != step.transitions {
			t.Errorf("step %d: %+v", i, s)
		}
	}
}
