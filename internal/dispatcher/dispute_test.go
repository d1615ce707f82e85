package dispatcher_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/balance"
	"resnet-autoscaling/internal/dispatcher"
	"resnet-autoscaling/internal/testkit"
)

// hearsay is a discovery that tells what it is given.
type hearsay chan []balance.Endpoint

func (h hearsay) Watch(ctx context.Context, changed func([]balance.Endpoint)) error {
	for {
		select {
		case list := <-h:
			changed(list)
		case <-ctx.Done():
			return nil
		}
	}
}

// unready is what is said of replicas that a control plane has lost.
func unready(replicas []balance.Endpoint) (list []balance.Endpoint) {
	for _, e := range replicas {
		list = append(list, balance.Endpoint{Name: e.Name, URL: e.URL, Unready: true})
	}
	return list
}

// noticeBoard keeps what was written to it.
type noticeBoard struct {
	mu    sync.Mutex
	notes []string
}

func (b *noticeBoard) Warn(_ context.Context, reason, message string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notes = append(b.notes, reason+": "+message)
	return nil
}

func (b *noticeBoard) read() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.notes)
}

// answering is a transport to replicas that answer when they are asked whether they are ready: by host, 0 for one that is gone and -1 for
// one that says nothing.
type answering struct {
	mu        sync.Mutex
	status    map[string]int
	questions int // so far
}

func (a *answering) set(host string, status int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status[host] = status
}

func (a *answering) asked() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.questions
}

func (a *answering) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	status := a.status[r.URL.Host]
	a.questions++
	a.mu.Unlock()
	switch status {
	case 0:
		return nil, errors.New("connection refused")
	case -1:
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return &http.Response{StatusCode: status, Body: http.NoBody}, nil
}

// dispute is one that goes on.
type dispute struct {
	t       *testing.T
	heard   hearsay
	replies *answering
	board   *noticeBoard
	log     testkit.Buffer

	mu   sync.Mutex
	told string // the names of those that serve, and (those) that do not
}

// disputing runs f in a bubble of time, with replicas a to d that are ready.
func disputing(t *testing.T, f func(*dispute)) {
	board := &noticeBoard{}
	disputingBefore(t, board, func(d *dispute) {
		d.board = board
		f(d)
	})
}

// disputingBefore is disputing where these are told of it.
func disputingBefore(t *testing.T, notices dispatcher.Notices, f func(*dispute)) {
	synctest.Test(t, func(t *testing.T) {
		d := &dispute{t: t, heard: make(hearsay), replies: &answering{status: map[string]int{}}}
		ctx, stop := context.WithCancel(t.Context())
		watched := dispatcher.NewDisputes(dispatcher.Options{
			Discovery: d.heard, Transport: d.replies, Notices: notices, Log: slog.New(slog.NewTextHandler(&d.log, nil)),
		})
		ended := make(chan error)
		go func() {
			ended <- watched.Watch(ctx, func(list []balance.Endpoint) {
				d.mu.Lock()
				defer d.mu.Unlock()
				d.told = ""
				for _, e := range list {
					if e.Serving {
						d.told += e.Name
					} else {
						d.told += "(" + e.Name + ")"
					}
				}
			})
		}()
		for _, host := range []string{"a", "b", "c", "d"} {
			d.replies.set(host, http.StatusOK)
		}
		d.hear("RRRR")
		d.serve("as it is told", "abcd")
		f(d)
		before := d.serving()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		d.serve("its end is no news of the replicas", before)
	})
}

// hear has discovery list replicas, a letter each: R is ready, u unready, t shuts down, and - is not there.
func (d *dispute) hear(states string) {
	var list []balance.Endpoint
	for i, state := range states {
		name := string(rune('a' + i))
		e := balance.Endpoint{Name: name, URL: "http://" + name, Serving: state == 'R', Unready: state == 'u'}
		if state != '-' {
			list = append(list, e)
		}
	}
	d.heard <- list
	synctest.Wait()
}

func (d *dispute) serve(when, want string) {
	d.t.Helper()
	if got := d.serving(); got != want {
		d.t.Errorf("%s: %q serve, want %q", when, got, want)
	}
}

func (d *dispute) serving() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.told
}

// wait lets time pass until just after the next questions have been answered, or have not been for so long that it counts.
func (d *dispute) wait(t time.Duration) {
	time.Sleep(t)
	synctest.Wait()
}

func TestReplicasAreAskedBeforeMostAreDropped(t *testing.T) {
	disputing(t, func(d *dispute) {
		d.replies.set("c", http.StatusServiceUnavailable)
		d.replies.set("d", 0)
		d.hear("uuuu")
		d.serve("c says that it is not ready, d says nothing", "abd")
		d.wait(500 * time.Millisecond)
		d.hear("uuuu") // that this is said again is no news
		d.wait(time.Second)
		d.serve("d says nothing again", "ab")
		if got := d.board.read(); len(got) != 1 || got[0] != "ReadinessDisputed: 4 replicas are said not to be ready any more, and 2 of them say that they are: these serve on" {
			t.Errorf("on the board: %q", got)
		}
		d.replies.set("c", http.StatusOK)
		d.replies.set("a", http.StatusServiceUnavailable)
		d.wait(time.Second)
		d.serve("c is ready after all, and a is not any more", "bc")
		d.hear("tRuu")
		d.serve("a is taken away, b is called ready", "(a)bc")
		d.hear("tRRR")
		d.serve("all are called ready", "(a)bcd")
		d.hear("-uRR")
		d.serve("one of many", "cd")
		if n := strings.Count(d.log.String(), "believed again"); n != 1 {
			t.Errorf("the end is told %d times: %s", n, d.log.String())
		}
		if got := d.board.read(); len(got) != 1 {
			t.Errorf("on the board: %q", got)
		}
	})
}

// A machine that is busy may answer late once.
func TestAnAnswerMayBeLateOnce(t *testing.T) {
	disputing(t, func(d *dispute) {
		for _, host := range []string{"a", "b", "c", "d"} {
			d.replies.set(host, -1)
		}
		d.hear("uuuu")
		d.wait(1500 * time.Millisecond)
		d.serve("the first questions were not answered", "abcd")
		d.replies.set("a", http.StatusOK)
		d.wait(5 * time.Second)
		d.serve("nor any other but a's", "a")
		if got := d.board.read(); len(got) != 0 {
			t.Errorf("on the board, though nobody said that it was ready: %q", got)
		}
	})
}

// Also where it was asked just then.
func TestNoReplicaIsAskedOnceAllAreCalledReady(t *testing.T) {
	disputing(t, func(d *dispute) {
		d.replies.set("a", -1)
		d.hear("uuuu")
		d.wait(500 * time.Millisecond)
		d.hear("RRRR")
		d.wait(5 * time.Second)
		d.serve("all are called ready", "abcd")
		if n := d.replies.asked(); n != 4 {
			t.Errorf("%d questions, want one each", n)
		}
	})
}

// Each dispute is asked about at once, and told.
func TestADisputeAfterAnother(t *testing.T) {
	disputing(t, func(d *dispute) {
		for n := range 3 {
			d.replies.set("a", http.StatusOK)
			d.hear("RRRR")
			d.wait(1700 * time.Millisecond)
			d.serve("all are called ready", "abcd")
			d.replies.set("a", http.StatusServiceUnavailable)
			d.hear("uuuu")
			d.serve("a says that it is not ready", "bcd")
			if got := d.board.read(); len(got) != n+1 {
				t.Errorf("on the board after %d disputes: %q", n+1, got)
			}
		}
	})
}

// A question that is not answered since nobody waits for its answer any more counts for nothing.
func TestADisputeEndsInMidQuestion(t *testing.T) {
	disputing(t, func(d *dispute) {
		for _, host := range []string{"a", "b", "c", "d"} {
			d.replies.set(host, -1)
		}
		d.hear("uuuu")
		d.wait(1500 * time.Millisecond)
		d.serve("one more miss, and they count as gone", "abcd")
	})
}

// notices are ways to be told.
type notices func(context.Context) error

func (n notices) Warn(ctx context.Context, _, _ string) error { return n(ctx) }

// Replicas are asked whether or not anybody can be told of it.
func TestADisputeThatNobodyCanBeToldOf(t *testing.T) {
	for name, c := range map[string]struct {
		told dispatcher.Notices
		says string
	}{
		"there is no cluster":            {nil, ""},
		"the API server refuses":         {notices(func(context.Context) error { return errors.New("forbidden") }), "error=forbidden"},
		"the API server does not answer": {notices(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }), "error=\"context deadline exceeded\""},
	} {
		t.Run(name, func(t *testing.T) {
			disputingBefore(t, c.told, func(d *dispute) {
				d.hear("uuuu")
				d.replies.set("b", http.StatusServiceUnavailable)
				d.wait(1500 * time.Millisecond)
				d.serve("b is not ready any more", "acd")
				d.wait(10 * time.Second)
				if said := d.log.String(); strings.Contains(said, "the event could not be written") != (c.says != "") || !strings.Contains(said, c.says) {
					t.Errorf("it should say %q:\n%s", c.says, said)
				}
			})
		})
	}
}

func TestTheOnlyReplicaDies(t *testing.T) {
	disputing(t, func(d *dispute) {
		d.hear("R")
		d.replies.set("a", 0)
		d.hear("u")
		d.wait(time.Second)
		d.serve("it is dead", "")
		if said := d.log.String(); !strings.Contains(said, "none of them says otherwise") || len(d.board.read()) > 0 {
			t.Errorf("%q, and on the board %q", said, d.board.read())
		}
	})
}

// What callers feel of it, and where it is told.
func TestRequestsGoOnWhileAllAreCalledUnready(t *testing.T) {
	var third atomic.Int32 // what it answers when it is asked whether it is ready
	third.Store(http.StatusOK)
	replicas := []balance.Endpoint{replica(t, echo), replica(t, echo), playedReplica(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == api.PathReadyz {
			w.WriteHeader(int(third.Load()))
			return
		}
		echo(w, r)
	})}
	heard, board := make(hearsay), &noticeBoard{}
	url := "http://" + run(t, func(o *dispatcher.Options) { o.Discovery, o.Notices = heard, board }).Addr().String()
	heard <- replicas
	testkit.Eventually(t, "all are ready", func() bool { return status(t, url).ReadyReplicas() == 3 })
	disputed := func() (n float64) {
		for _, r := range status(t, url).Replicas {
			if r.Disputed {
				n++
			}
		}
		if m := metric(t, url, "dispatcher_replicas_disputed"); m != n {
			t.Errorf("%v are disputed, and by the metric %v", n, m)
		}
		return n
	}
	if n := disputed(); n != 0 {
		t.Errorf("%v are disputed, and nothing is wrong", n)
	}
	third.Store(http.StatusServiceUnavailable)
	heard <- unready(replicas)
	testkit.Eventually(t, "it is told", func() bool { return len(board.read()) == 1 })
	for range 10 {
		if code, body := post(t, url, "picture"); code != http.StatusOK {
			t.Fatalf("%d %s", code, body)
		}
	}
	if n := disputed(); n != 2 || metric(t, url, `dispatcher_replicas{state="ready"}`) != 2 {
		t.Errorf("%v are disputed, and these are ready:\n%s", n, ask(t, "GET", url+api.PathStatus, "").body)
	}
	heard <- replicas
	heard <- replicas // it has heard the first
	if n := disputed(); n != 0 {
		t.Errorf("%v are disputed still", n)
	}
}
