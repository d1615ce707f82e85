package chaos_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"resnet-autoscaling/internal/testkit"
)

// serviceURL is what clients know the dispatchers by.
const serviceURL = "http://dispatcher"

// asked is how often it is asked who is ready, and how much later than that a change reaches the clients at most.
const asked = 200 * time.Millisecond

// dispatchers are those that run, and what a Service does for them: a new connection goes to one of those that were ready when they were
// last asked, and stays there.
type dispatchers struct {
	t          *testing.T
	diary      *diary
	here       addresses
	root       string
	args       []string
	drainDelay time.Duration
	made       int
	stopped    int
	background sync.WaitGroup

	mu     sync.Mutex
	random *rand.Rand
	list   []*dispatcher
	ready  []*dispatcher
}

type dispatcher struct {
	*child
	address    string
	goroutines float64 // before the load
	leaving    bool
	unready    bool // it has said that it is not ready
}

func newDispatchers(t *testing.T, here addresses, d *diary, drainDelay time.Duration, args ...string) *dispatchers {
	args = append(args, "--log-format=json", "--log-level=debug", "--drain-delay="+drainDelay.String())
	f := &dispatchers{t: t, diary: d, here: here, root: testkit.Root(t), args: args, drainDelay: drainDelay, random: chance(connections)}
	ctx, stop := context.WithCancel(context.Background())
	f.background.Go(func() {
		for ctx.Err() == nil {
			f.look()
			time.Sleep(asked)
		}
	})
	t.Cleanup(func() {
		stop()
		f.end()
		f.background.Wait()
	})
	return f
}

// look asks each whether it is ready.
func (f *dispatchers) look() {
	f.mu.Lock()
	list := slices.Clone(f.list)
	f.mu.Unlock()
	var ready []*dispatcher
	for _, d := range list {
		switch readiness(d.address) {
		case http.StatusOK:
			ready = append(ready, d)
		case http.StatusServiceUnavailable:
			f.mu.Lock()
			d.unready = true
			f.mu.Unlock()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ready = ready
}

// running are those that are to stay.
func (f *dispatchers) running() []*dispatcher {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.list), func(d *dispatcher) bool { return d.leaving })
}

func (f *dispatchers) takesConnections(d *dispatcher) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Contains(f.ready, d)
}

// client keeps connections alive, but none at rest for as long as a server drains: one that was not used since the drain began was not told
// of it, and would be closed, which HTTP/1.1 cannot do without the risk of a request on its way.
func (f *dispatchers) client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext: f.dial, MaxIdleConnsPerHost: 1000, IdleConnTimeout: f.drainDelay / 2, DisableCompression: true,
	}}
}

func (f *dispatchers) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	f.mu.Lock()
	if len(f.ready) == 0 {
		f.mu.Unlock()
		return nil, errors.New("no dispatcher is ready")
	}
	d := f.ready[f.random.IntN(len(f.ready))]
	f.mu.Unlock()
	var dialer net.Dialer
	return dialer.DialContext(ctx, network, d.address)
}

// start starts one and waits until it gets connections.
func (f *dispatchers) start() *dispatcher {
	f.t.Helper()
	f.made++
	name, address := fmt.Sprintf("dispatcher-%d", f.made), f.here.dispatcher(f.made)
	process, err := spawn(name, f.root, "dispatcher", append([]string{"--listen=" + address}, f.args...)...)
	if err != nil {
		f.t.Fatal(err)
	}
	d := &dispatcher{child: process, address: address}
	f.mu.Lock()
	f.list = append(f.list, d)
	f.mu.Unlock()
	testkit.Eventually(f.t, name+" is ready", func() bool {
		select {
		case <-d.ended:
			f.t.Fatalf("%s ended before it was ready:\n%s", name, d.tail())
		default:
		}
		return f.takesConnections(d)
	})
	f.diary.note("%s is ready at %s", name, address)
	return d
}

// stop tells one to end, which goes on in the background. Clients get to know as they would: by its readiness, and by its answers.
func (f *dispatchers) stop(d *dispatcher) {
	f.stopped++
	f.mu.Lock()
	d.leaving, d.unready = true, false
	f.mu.Unlock()
	f.diary.note("%s terminates", d.name)
	f.background.Go(func() {
		if err := d.end(syscall.SIGTERM); err != nil {
			f.t.Error(err)
		}
		f.diary.note("%s is gone", d.name)
		f.check(d)
		f.mu.Lock()
		defer f.mu.Unlock()
		if !d.unready {
			f.t.Errorf("%s was gone before it said that it is not ready", d.name)
		}
		f.list = slices.DeleteFunc(f.list, func(other *dispatcher) bool { return other == d })
	})
}

// end ends those that are left. Of a test that failed it tells where their goroutines are.
func (f *dispatchers) end() {
	for _, d := range f.running() {
		if f.t.Failed() {
			d.dump()
			f.t.Logf("%s said:\n%s", d.name, d.tail())
		} else if err := d.end(syscall.SIGINT); err != nil {
			f.t.Error(err)
		}
		f.check(d)
	}
}

func (f *dispatchers) check(d *dispatcher) {
	if d.raced() {
		f.t.Errorf("%s has a data race:\n%s", d.name, d.tail())
	}
}
