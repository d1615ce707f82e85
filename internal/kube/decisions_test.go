package kube_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"resnet-autoscaling/internal/kube"
	"resnet-autoscaling/internal/testkit"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// eventsAPI plays the part of the Kubernetes API that Events are read by: a list, and a watch that has no news. It can be away or refuse.
type eventsAPI struct {
	mu     sync.Mutex
	broken int           // the status that every request gets; 0: it works
	cut    chan struct{} // closed when it breaks
	list   corev1.EventList
}

func newEventsAPI() *eventsAPI {
	a := &eventsAPI{cut: make(chan struct{})}
	a.list.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "EventList"}
	return a
}

func (a *eventsAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	query := r.URL.Query()
	switch {
	case a.broken != 0:
		fail(w, a.broken, map[int]metav1.StatusReason{403: metav1.StatusReasonForbidden, 503: metav1.StatusReasonServiceUnavailable}[a.broken])
	case r.URL.Path != "/api/v1/namespaces/shop/events" || query.Get("fieldSelector") != "involvedObject.name=resnet-inference":
		fail(w, http.StatusNotFound, metav1.StatusReasonNotFound)
	case query.Get("sendInitialEvents") != "":
		fail(w, http.StatusUnprocessableEntity, metav1.StatusReasonInvalid)
	case query.Get("watch") == "":
		send(w, a.list)
	default:
		a.stream(w, r)
	}
}

// stream is a watch until the client leaves or it is cut. The lock is held but while it waits.
func (a *eventsAPI) stream(w http.ResponseWriter, r *http.Request) {
	cut := a.cut
	a.mu.Unlock()
	defer a.mu.Lock()
	w.Header().Set("Content-Type", "application/json")
	_ = http.NewResponseController(w).Flush()
	select {
	case <-cut:
		panic(http.ErrAbortHandler)
	case <-r.Context().Done():
	}
}

// become breaks the API, which cuts its streams too, or mends it with 0.
func (a *eventsAPI) become(broken int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.broken = broken; broken != 0 {
		close(a.cut)
		a.cut = make(chan struct{})
	}
}

// happened adds an Event, of a minute after noon.
func (a *eventsAPI) happened(minute int, name, source, message string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list.ResourceVersion = fmt.Sprint(len(a.list.Items) + 100)
	a.list.Items = append(a.list.Items, corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", ResourceVersion: a.list.ResourceVersion},
		Source:     corev1.EventSource{Component: source}, Message: message,
		LastTimestamp: metav1.NewTime(time.Date(2026, 11, 24, 12, minute, 0, 0, time.UTC)),
	})
}

// expire removes the oldest Event.
func (a *eventsAPI) expire() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list.Items = a.list.Items[1:]
}

func resnet(t *testing.T, cluster *kube.Cluster) *kube.Deployment {
	t.Helper()
	d, err := cluster.Deployment("resnet-inference")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDecisionsAreFollowedThroughAnAbsence(t *testing.T) {
	api := newEventsAPI()
	api.happened(3, "b", "autoscaler", "2→3")
	api.happened(1, "x", "deployment-controller", "Scaled up replica set")
	api.happened(3, "a", "autoscaler", "3→4")
	api.happened(2, "c", "autoscaler", "1→2")
	var log testkit.Buffer
	decided, states := make(chan string, 100), make(chan bool, 1000)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	follow := resnet(t, connect(t, api)).DecisionLog(slog.New(slog.NewTextHandler(&log, nil)))
	go func() {
		defer close(ended)
		follow.Follow(ctx, func(at time.Time, decision string) { decided <- at.UTC().Format("15:04 ") + decision }, func(ok bool) { states <- ok })
	}()
	want := func(list ...string) {
		t.Helper()
		for _, w := range list {
			if got := <-decided; got != w {
				t.Fatalf("%q was told, want %q", got, w)
			}
		}
	}
	become := func(readable bool) {
		t.Helper()
		for state := range states {
			if state == readable {
				return
			}
		}
	}
	want("12:02 1→2", "12:03 2→3", "12:03 3→4")
	become(true)
	api.become(http.StatusForbidden)
	become(false)
	api.happened(9, "d", "autoscaler", "4→5")
	api.expire()
	api.become(0)
	become(true)
	want("12:09 4→5")
	stop()
	<-ended
	if len(decided) > 0 {
		t.Errorf("%q was told again", <-decided)
	}
	for text, times := range map[string]int{"decisions cannot be read": 1, "are read again": 1, "the right that is missing: list and watch on events in namespace shop": 1} {
		if n := strings.Count(log.String(), text); n != times {
			t.Errorf("%q was said %d times, want %d: %s", text, n, times, &log)
		}
	}
}

func TestDecisionsThatCannotBeReadSayWhy(t *testing.T) {
	api := newEventsAPI()
	api.become(http.StatusForbidden)
	err := resnet(t, connect(t, api)).Decisions(t.Context(), time.Time{}, func(time.Time, string) { t.Error("a decision was told") })
	want := "watch the events of deployment shop/resnet-inference: no (the right that is missing: list and watch on events in namespace shop)"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
