package chaos_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"resnet-autoscaling/internal/testkit"
)

// Those that draw from chance, each from a source of its own, so that none depends on when the others draw.
const (
	questions = iota
	arrivals
	strikes
	connections
)

func chance(who uint64) *rand.Rand { return rand.New(rand.NewPCG(*seed, who)) }

// stage is a scenario's system, and the load on it.
type stage struct {
	t           *testing.T
	form        form
	diary       *diary
	door        *door // to the Kubernetes API, for the dispatchers
	pods        *pods
	dispatchers *dispatchers
	load        *load
}

// newStage starts everything but the load, with one dispatcher. args are more of the dispatchers'.
func newStage(t *testing.T, f form, args ...string) *stage {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("chance can be had again, as far as the machine plays along, with -chaos.seed=%d", *seed)
		}
	})
	s := &stage{t: t, form: f, diary: &diary{began: time.Now()}}
	here := claimAddresses(t)
	client, kubeconfig, door := startAPI(t, here)
	s.door = door
	s.pods = newPods(t, f, here, client, s.diary)
	// Who asks for readiness must get to know before a dispatcher that ends is gone, on a busy machine too.
	drainDelay := max(3*time.Second, f.drainDelay())
	s.dispatchers = newDispatchers(t, here, s.diary, drainDelay, append(args, "--kubeconfig="+kubeconfig)...)
	s.startDispatcher()
	return s
}

// startDispatcher starts one more, and waits until it knows the replicas.
func (s *stage) startDispatcher() {
	s.t.Helper()
	d := s.dispatchers.start()
	s.eventually(d.name+" knows the replicas", func(c *complaint) { d.knows(c, s.pods.running()) })
	m, err := d.metrics()
	if err != nil {
		s.t.Fatal(err)
	}
	d.goroutines = m.sum("go_goroutines")
}

func (s *stage) startLoad() {
	s.t.Helper()
	s.load = startLoad(s.t, s.dispatchers.client(), s.form, s.diary)
}

// pause lets the load go on.
func (s *stage) pause(d time.Duration) { time.Sleep(d) }

// eventually waits until nothing is complained of any more.
func (s *stage) eventually(what string, look func(*complaint)) {
	s.t.Helper()
	var last complaint
	defer func() {
		if len(last) > 0 {
			s.t.Error(last.String())
		}
	}()
	testkit.Eventually(s.t, what, func() bool {
		last = nil
		look(&last)
		return len(last) == 0
	})
}

// comesToRest checks what is left once all has been answered.
func (s *stage) comesToRest() {
	s.t.Helper()
	s.eventually("all is at rest", func(c *complaint) {
		for _, p := range s.pods.running() {
			c.want(p.name+" is ready", isReady(p.address()), true)
		}
		for _, d := range s.dispatchers.running() {
			d.knows(c, s.pods.running())
			d.idles(c)
		}
		s.counts(c)
	})
}

// counts complains unless the dispatchers have counted what there was.
func (s *stage) counts(c *complaint) {
	var arrived, retried float64
	for _, d := range s.dispatchers.running() {
		m, err := d.metrics()
		if c.failed(err) {
			return
		}
		d.countsRight(c, m, len(s.pods.running()))
		arrived += m.sum("dispatcher_arrivals_total")
		retried += m.sum("dispatcher_retries_total")
	}
	if s.dispatchers.stopped > 0 {
		return // and cannot be asked any more
	}
	c.want("arrivals", arrived, float64(s.load.sent.Load()))
	if s.pods.killed > 0 {
		c.want("requests tried again since replicas were killed", retried > 0, true)
	}
}
