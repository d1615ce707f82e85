package balance_test

import (
	"testing"
	"time"

	"resnet-autoscaling/internal/balance"
)

// The replicas of ready take a tenth of a second, so the next request may be sent 5 ms before the one that is there is due.
func TestTheNextRequestIsSentALittleAhead(t *testing.T) {
	p := ready(1)
	first := mustTake(t, p, start, nil)
	c, ok := p.Choose(at(50), nil)
	if ok || c.Again != 45*time.Millisecond {
		t.Errorf("in the middle of a request: %v, again in %v; want none, and to choose again in 45ms", ok, c.Again)
	}
	ahead := mustTake(t, p, at(96), nil)
	if g, ok := take(p, at(97), nil); ok {
		t.Errorf("a second one was sent ahead to %s", g.Name())
	}
	first.Answered(at(100))
	if g, ok := take(p, at(101), nil); ok {
		t.Errorf("while the one sent ahead runs, %s got another", g.Name())
	}
	ahead.Answered(at(200))
	if latency := find(p, "a").Latency; latency != 100*time.Millisecond {
		t.Errorf("its answers take %v: the wait of what was sent ahead is not the replica's", latency)
	}
}

func TestAFreeReplicaGoesBeforeOneThatIsAboutToBe(t *testing.T) {
	p := ready(1, 1)
	mustTake(t, p, start, only(2, 0))
	if g := mustTake(t, p, at(99), nil); g.Name() != "b" {
		t.Errorf("the request went to %s, which is not free yet", g.Name())
	}
}

// Only a replica that behaves as usual is likely to end when it usually does.
func TestNothingIsSentAheadTo(t *testing.T) {
	for name, c := range map[string]struct {
		now     time.Time
		prepare func(p *balance.Pool, take func(ms int) *balance.Grant)
	}{
		"one that is overdue": {at(130), func(_ *balance.Pool, take func(int) *balance.Grant) { take(0) }},
		"one that failed lately": {at(398), func(_ *balance.Pool, take func(int) *balance.Grant) {
			take(-50).Failed(at(0))
			take(50)
		}},
		"one that was set aside": {at(5537), func(p *balance.Pool, take func(int) *balance.Grant) {
			for ms := 100; ms < 2000; ms += 500 {
				if find(p, "a").State == balance.Ready {
					take(ms).Failed(at(ms))
				}
			}
			p.Asked(p.Due(at(5000))[0], true, at(5000))
			take(5000)
		}},
		"one that other dispatchers use": {at(99), func(p *balance.Pool, take func(int) *balance.Grant) {
			take(0)
			p.Learn("a", balance.Said{Slots: 1, Capacity: 10, Load: 3}, at(50))
		}},
		"one that leaves": {at(99), func(p *balance.Pool, take func(int) *balance.Grant) {
			take(0)
			p.SetEndpoints(nil)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			p := ready(1, 1)
			c.prepare(p, func(ms int) *balance.Grant { return mustTake(t, p, at(ms), only(2, 0)) })
			if g, ok := take(p, c.now, only(2, 0)); ok {
				t.Errorf("%s got a request", g.Name())
			}
		})
	}
}
