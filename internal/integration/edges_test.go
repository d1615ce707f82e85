package integration_test

import (
	"bytes"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"resnet-autoscaling/internal/scaling"
	"resnet-autoscaling/internal/testkit"
)

// Whatever fails, and however, while the load seems to fall: it never scales down, and does so once all is mended.
func TestNothingThatFailsScalesDown(t *testing.T) {
	e := newEdges(t, 7, past{})
	e.load(40)
	s := e.scale(t)
	healthy := func() bool {
		d := s.last(t)
		return d.Hold == scaling.HoldNone && d.Reckoning != nil && d.Reckoning.Load > 35
	}
	testkit.Eventually(t, "all is well", healthy)
	before := e.replicas(t)
	e.load(1)
	t.Run("Prometheus", func(t *testing.T) { e.prometheusFails(t, s) })
	// What came before it is mended is seen as well; were that little, fewer replicas would be right.
	e.load(40)
	mended := time.Now()
	testkit.Eventually(t, "a while of the load", func() bool { return s.since(t, mended) >= 8 })
	e.prometheus.set(nil)
	testkit.Eventually(t, "all is well again", healthy)
	if now := e.replicas(t); now < before {
		t.Errorf("%d replicas became %d", before, now)
	}
	before = e.replicas(t)
	t.Run("the API server", func(t *testing.T) { e.apiFails(t, s) })
	if now := e.replicas(t); now < before {
		t.Errorf("%d replicas became %d", before, now)
	}
	e.api.set(nil)
	testkit.Eventually(t, "less load means fewer replicas, now that nothing fails", func() bool { return e.replicas(t) < before })
}

// prometheusFails lets it fail in one way after the other.
func (e *edges) prometheusFails(t *testing.T, s *scaler) {
	pass := func(http.ResponseWriter, *http.Request) bool { return false }
	before := e.replicas(t)
	for _, c := range []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request) bool
		hold   scaling.Hold
		says   string
	}{
		{"it is stopped", pass, scaling.HoldFailed, "deadline exceeded"},
		{"it answers nonsense", problem(200, "<html>"), scaling.HoldFailed, "<html>"},
		{"it is slow", hang, scaling.HoldFailed, "deadline exceeded"},
		{"it knows nothing", problem(200, `{"status":"success","data":{"resultType":"vector","result":[]}}`), scaling.HoldNoData, "no data"},
		{"not a number", lie(`{"metric":{"pod":"d"},"values":[[1000,"1"],[1005,"NaN"]]}`), scaling.HoldInvalid, "d counts NaN"},
		{"negative", lie(`{"metric":{"pod":"d"},"values":[[1000,"-1"],[1005,"2"]]}`), scaling.HoldInvalid, "d counts -1"},
		{"a series twice", lie(`{"metric":{"pod":"d"},"values":[[1000,"1"]]},{"metric":{"pod":"d","replica":"2"},"values":[[1000,"1"]]}`), scaling.HoldInvalid, "two series for pod d"},
		{"old", lie(`{"metric":{"pod":"d"},"values":[[1000,"1"],[1005,"2"]]}`), scaling.HoldStale, "the limit is 4s"},
		{"the way there is forbidden", problem(403, status(403, "Forbidden", "services/proxy is forbidden")), scaling.HoldFailed, "services/proxy is forbidden"},
	} {
		e.prometheus.set(c.answer)
		if c.name == "it is stopped" {
			if err := e.process.Process.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
		}
		begun := time.Now()
		testkit.Eventually(t, c.name+": it holds, and says why", func() bool {
			n := 0
			for _, d := range s.decisions(t) {
				if d.At.After(begun) && d.Hold == c.hold && strings.Contains(d.Reason, c.says) {
					n++
				}
			}
			return n >= 3
		})
		if now := e.replicas(t); now != before {
			t.Errorf("%s: %d replicas became %d: %v", c.name, before, now, s.last(t))
		}
		if c.name == "it is stopped" {
			e.prometheus.set(problem(200, "<html>"))
			if err := e.process.Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// apiFails lets the API server refuse, while there is less load.
func (e *edges) apiFails(t *testing.T, s *scaler) {
	for _, c := range []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request) bool
		says   string
	}{
		{"the right to scale is missing", refusePatch, "the right that is missing: patch on deployments/scale in namespace default"},
		{"the token has expired", problem(401, status(401, "Unauthorized", "Unauthorized")), "Unauthorized"},
	} {
		said := len(s.log.String())
		e.api.set(c.answer)
		if c.name == "the right to scale is missing" {
			e.load(1)
			testkit.Eventually(t, c.name+": it would shrink", func() bool { d := s.last(t); return d.To < d.From && !d.Applied })
		}
		testkit.Eventually(t, c.name+": its log says so", func() bool { return strings.Contains(s.log.String()[said:], c.says) })
	}
	var hung atomic.Int32
	e.api.set(func(w http.ResponseWriter, r *http.Request) bool {
		hung.Add(1)
		return hang(w, r)
	})
	testkit.Eventually(t, "it is slow: it is asked again and again", func() bool { return hung.Load() >= 3 })
}

// Replicas that are starved of CPU answer next to nothing. By policy target, too, there are soon more of them: the dispatcher counts what
// comes, and what it refuses.
func TestWhatIsOfferedCountsWhereReplicasAreStarved(t *testing.T) {
	e := newEdges(t, 2, past{})
	e.name(t, 2)
	e.load(8)
	s := e.scale(t, "--policy=target", "--rate-window=4s", "--target-rps=5")
	testkit.Eventually(t, "it sees what each replica answers", func() bool {
		d := s.last(t)
		return d.To == 2 && strings.HasPrefix(d.Reason, "requests 4/s per replica, target 5/s (0.8×)")
	})
	e.offer(18, 2)
	testkit.Eventually(t, "it scales by what is offered, to more than the 4 that would do if they did what they should", func() bool {
		d := s.last(t) // kept only after the cluster has taken it
		return e.replicas(t) > 4 && strings.HasPrefix(d.Reason, "offered ") && strings.Contains(d.Reason, " of it refused though a replica gets only ")
	})
}

// Two run; the one that leads is killed, without a chance to give the Lease back. The other takes over, and no patch is made twice.
func TestALeaderThatIsKilledIsReplaced(t *testing.T) {
	e := newEdges(t, 2, past{})
	var mu sync.Mutex
	var patches []string
	e.api.set(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			mu.Lock()
			patches = append(patches, string(body))
			mu.Unlock()
		}
		return false
	})
	e.load(10)
	first := e.scale(t)
	testkit.Eventually(t, "the first one leads", func() bool { return len(first.decisions(t)) > 0 })
	second := e.scale(t)
	testkit.Eventually(t, "the first one sees the load", func() bool { d := first.last(t); return d.Reckoning != nil && d.Reckoning.Load > 8 })
	testkit.Eventually(t, "the second one stands by", func() bool { return strings.Contains(second.log.String(), "holder") })
	e.load(60)
	testkit.Eventually(t, "the first one scales", func() bool { return e.replicas(t) >= 7 })
	if n := len(second.decisions(t)); n > 0 {
		t.Errorf("the second one decided %d times while another led", n)
	}
	grown := e.replicas(t)
	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	testkit.Eventually(t, "the second one leads", func() bool { return len(second.decisions(t)) > 0 })
	took := time.Since(killed)
	t.Logf("the other led %v after the leader was killed", took.Round(100*time.Millisecond))
	if took > 15*time.Second {
		t.Errorf("the other led only after %v", took)
	}
	led := time.Now()
	testkit.Eventually(t, "it decides", func() bool { return second.since(t, led) >= 3 })
	if now := e.replicas(t); now < grown {
		t.Errorf("%d replicas became %d: %v", grown, now, second.decisions(t))
	}
	e.load(90)
	testkit.Eventually(t, "it scales", func() bool { return e.replicas(t) == 9 })
	mu.Lock()
	defer mu.Unlock()
	seen := map[string]bool{}
	for _, p := range patches {
		if seen[p] {
			t.Errorf("a patch was made twice: %s", p)
		}
		seen[p] = true
	}
}

// The contract's budget for a tick is 50 ms. It is logged; a loaded machine may be slower, but not by so much.
func TestATickOfAThousandReplicas(t *testing.T) {
	const thousand, budget, loaded = 1000, 0.05, 10
	const sum, count = "autoscaler_tick_duration_seconds_sum", "autoscaler_tick_duration_seconds_count"
	e := newEdges(t, thousand, past{scrape: 5 * time.Second, named: true})
	e.name(t, thousand)
	e.load(7000)
	for _, policy := range []string{"slo", "target"} {
		s := e.scale(t, "--policy="+policy, "--min-replicas=1000", "--max-replicas=1000", "--stale-after=20s")
		testkit.Eventually(t, "all are seen by policy "+policy, func() bool {
			d := s.last(t)
			if d.Hold != scaling.HoldNone || d.Inputs == nil || d.Inputs.Ready != thousand {
				return false
			}
			for _, signal := range d.Inputs.Signals {
				if signal.Pods != thousand || signal.Mean == nil {
					return false
				}
			}
			return d.Reckoning != nil || len(d.Inputs.Signals) == 2
		})
		took, ticks := metric(t, s.url, sum, ""), metric(t, s.url, count, "")
		testkit.Eventually(t, "some ticks", func() bool { return metric(t, s.url, count, "") >= ticks+10 })
		mean := (metric(t, s.url, sum, "") - took) / (metric(t, s.url, count, "") - ticks)
		t.Logf("policy %s at %d replicas: a tick takes %.0f ms on average (budget %.0f); RSS %.1f MB", policy, thousand, 1000*mean, 1000*budget, metric(t, s.url, "process_resident_memory_bytes", "")/1e6)
		if mean > loaded*budget {
			t.Errorf("policy %s: a tick takes %.2f s", policy, mean)
		}
		s.end()
	}
}

// What was days ago is looked up in a real Prometheus, beside the ticks.
func TestDaysOfHistoryAreFound(t *testing.T) {
	e := newEdges(t, 2, past{history: 3 * 24 * time.Hour})
	e.load(20)
	s := e.scale(t)
	testkit.Eventually(t, "days and hours are known", func() bool {
		d := s.last(t)
		return d.Reckoning != nil && d.Inputs.Demand.Days > 2.5 && d.Inputs.Demand.Known > 6*3600
	})
	explained, err := exec.Command(filepath.Join(bin, "autoscaler"), "explain", "--autoscaler-url="+s.url).CombinedOutput()
	if err != nil || !strings.Contains(string(explained), "days minute by minute") {
		t.Errorf("%v\n%s", err, explained)
	}
	// So does whoever looks for a moment.
	explained, err = exec.Command(filepath.Join(bin, "autoscaler"), "explain", "--autoscaler-url=http://127.0.0.1:1", "--policy=slo", "--slo-latency=300ms",
		"--kubeconfig="+e.kubeconfig, "--prometheus-url="+e.prometheus.URL).CombinedOutput()
	if err != nil || !strings.Contains(string(explained), "nobody answers") || !strings.Contains(string(explained), "3.0 days minute by minute") {
		t.Errorf("%v\n%s", err, explained)
	}
	if strings.Contains(s.log.String(), "the load of the past is not known") {
		t.Error("history could not be had")
	}
}
