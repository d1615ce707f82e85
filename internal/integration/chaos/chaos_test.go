package chaos_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

var (
	requests     = flag.Int("chaos.requests", 1500, "requests of each scenario with stand-ins for model servers")
	rate         = flag.Float64("chaos.rate", 400, "of them, in a second")
	realRequests = flag.Int("chaos.real", 0, "requests of each scenario with real model servers; 0: these are left out")
	realRate     = flag.Float64("chaos.real-rate", 36, "of them, in a second")
	seed         = flag.Uint64("chaos.seed", uint64(time.Now().UnixNano()), "of all that is left to chance; a test that fails tells its own")
)

// bin is where the binaries are that all tests run.
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "resnet-chaos-")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		bin = dir
		build := exec.Command("go", "build", "-race", "-o", dir, "resnet-autoscaling/cmd/dispatcher", "resnet-autoscaling/internal/testkit/replica")
		if *realRequests > 0 {
			build.Args = append(build.Args, "resnet-autoscaling/cmd/model-server")
		}
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// form is how much a scenario has to stand.
type form struct {
	kind     kind
	replicas int
	requests int
	rate     float64
	// unanswered requests are the most that there are at once: where the machine cannot bear the rate, the load is held back, since the
	// dispatcher would be right to refuse what it foresees to wait for ten seconds.
	unanswered int
}

// span is a time as the long form has it, and less where the load lasts only for seconds.
func (f form) span(long time.Duration, share float64) time.Duration {
	return min(long, time.Duration(share*float64(f.requests)/f.rate*float64(time.Second)))
}

func (f form) killEvery() time.Duration  { return f.span(5*time.Second, 0.2) }
func (f form) drainDelay() time.Duration { return f.span(5*time.Second, 0.2) }
func (f form) apiAway() time.Duration    { return f.span(time.Minute, 1.1) }

// forms are what is run of each scenario, by the name of what the replicas are.
func forms() map[string]form {
	all := map[string]form{"stand-ins": {kind: standIns, replicas: 8, requests: *requests, rate: *rate, unanswered: 256}}
	if *realRequests > 0 {
		all["model servers"] = form{kind: modelServers, replicas: 4, requests: *realRequests, rate: *realRate, unanswered: 32}
	}
	return all
}

func TestNoRequestIsLost(t *testing.T) {
	for name, f := range forms() {
		t.Run(name, func(t *testing.T) {
			t.Run("rolling restart of all replicas", func(t *testing.T) { f.run(t, rollReplicas) })
			t.Run("kill -9 again and again", func(t *testing.T) { f.run(t, killReplicas) })
			t.Run("scaled to one and back", func(t *testing.T) { f.run(t, scaleDownAndUp) })
			t.Run("the Kubernetes API goes away", func(t *testing.T) { f.run(t, takeTheAPIAway) })
			t.Run("all replicas are called unready", func(t *testing.T) { f.run(t, loseSightOfAll) })
			t.Run("rolling restart of the dispatchers", func(t *testing.T) { f.run(t, rollDispatchers) })
		})
	}
}

// run sets the stage, breaks it under load, and looks at what is left of it.
func (f form) run(t *testing.T, breakIt func(*stage)) {
	s := newStage(t, f)
	s.startLoad()
	breakIt(s)
	s.pods.settle()
	s.load.finish()
	s.comesToRest()
}

// What is sent while there is no replica at all waits for the first one, also for longer than the queue's patience, which does not run
// meanwhile. It is counted, which is what wakes that replica.
func TestRequestsSentIntoNothingAreAnswered(t *testing.T) {
	const sent = 100
	for name, f := range forms() {
		t.Run(name, func(t *testing.T) {
			// They come over a longer time than the queue has patience, and can be answered in far less.
			rate := sent / (1.2 * f.kind.queueTimeout.Seconds())
			s := newStage(t, form{kind: f.kind, requests: sent, rate: rate, unanswered: sent}, "--queue-timeout="+f.kind.queueTimeout.String())
			s.startLoad()
			s.load.enough()
			d := s.dispatchers.running()[0]
			s.eventually("all of them wait", func(c *complaint) {
				if m, err := d.metrics(); !c.failed(err) {
					c.want("waiting", m.sum("dispatcher_queue_length"), float64(sent))
					c.want("arrivals", m.sum("dispatcher_arrivals_total"), float64(sent))
				}
			})
			s.pods.add(1)
			s.load.finish()
			s.comesToRest()
		})
	}
}
