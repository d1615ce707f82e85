package kube_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"resnet-autoscaling/internal/balance"
	"resnet-autoscaling/internal/kube"
	"resnet-autoscaling/internal/testkit"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// slicesAPI plays the part of the Kubernetes API that a watch of EndpointSlices uses, and can be away or refuse.
type slicesAPI struct {
	mu      sync.Mutex
	broken  int // the status that every request gets; 0: it works
	asked   int // requests since it broke
	slices  []discoveryv1.EndpointSlice
	version int
	history []metav1.WatchEvent // the one at i made version i+2
	streams map[chan metav1.WatchEvent]bool
	streamy bool // sends initial events when asked to, as API servers since 1.32 do
}

// startAPI plays the API with these slices, and connects to it.
func startAPI(t *testing.T, streamy bool, slices ...discoveryv1.EndpointSlice) (*slicesAPI, *kube.Cluster) {
	t.Helper()
	api := &slicesAPI{slices: slices, version: 1, streams: map[chan metav1.WatchEvent]bool{}, streamy: streamy}
	return api, connect(t, api)
}

// connect serves a part of the API, and connects to it by a kubeconfig.
func connect(t *testing.T, api http.Handler) *kube.Cluster {
	t.Helper()
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: here, clusters: [{name: here, cluster: {server: %q}}],
		users: [{name: me, user: {}}], contexts: [{name: here, context: {cluster: here, user: me, namespace: shop}}]}`, server.URL)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cluster, err := kube.Connect(kube.ConnectOptions{Kubeconfig: file, UserAgent: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return cluster
}

func (a *slicesAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	query := r.URL.Query()
	list := discoveryv1.EndpointSliceList{
		TypeMeta: metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSliceList"},
		ListMeta: metav1.ListMeta{ResourceVersion: fmt.Sprint(a.version)}, Items: a.slices,
	}
	switch {
	case a.broken != 0:
		a.asked++
		reason := map[int]metav1.StatusReason{403: metav1.StatusReasonForbidden, 503: metav1.StatusReasonServiceUnavailable}[a.broken]
		fail(w, a.broken, reason)
	case r.URL.Path != "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices" || query.Get("labelSelector") != "kubernetes.io/service-name=resnet":
		fail(w, http.StatusNotFound, metav1.StatusReasonNotFound)
	case query.Get("watch") == "":
		send(w, list)
	case query.Get("sendInitialEvents") != "" && !a.streamy:
		fail(w, http.StatusUnprocessableEntity, metav1.StatusReasonInvalid)
	default:
		a.stream(w, r)
	}
}

// stream serves a watch until the client leaves or the stream is cut. The lock is held but while it waits.
func (a *slicesAPI) stream(w http.ResponseWriter, r *http.Request) {
	events := make(chan metav1.WatchEvent, 100)
	a.streams[events] = true
	defer delete(a.streams, events)
	for _, e := range a.missed(r) {
		events <- e
	}
	a.mu.Unlock()
	defer a.mu.Lock()
	w.Header().Set("Content-Type", "application/json")
	_ = http.NewResponseController(w).Flush()
	for {
		select {
		case e, open := <-events:
			if !open {
				panic(http.ErrAbortHandler)
			}
			send(w, e)
			_ = http.NewResponseController(w).Flush()
		case <-r.Context().Done():
			return
		}
	}
}

// missed is what a watch is told first: all there is, or what changed since the version it knows.
func (a *slicesAPI) missed(r *http.Request) (events []metav1.WatchEvent) {
	if r.URL.Query().Get("sendInitialEvents") == "" {
		known, _ := strconv.Atoi(r.URL.Query().Get("resourceVersion"))
		return a.history[max(0, known-1):]
	}
	for _, s := range a.slices {
		events = append(events, event("ADDED", s))
	}
	return append(events, event("BOOKMARK", discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{
		ResourceVersion: fmt.Sprint(a.version), Annotations: map[string]string{metav1.InitialEventsAnnotationKey: "true"},
	}}))
}

func event(kind string, s discoveryv1.EndpointSlice) (e metav1.WatchEvent) {
	s.TypeMeta = metav1.TypeMeta{APIVersion: "discovery.k8s.io/v1", Kind: "EndpointSlice"}
	e.Type = kind
	e.Object.Object = &s
	return e
}

func send(w http.ResponseWriter, what any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(what)
}

func fail(w http.ResponseWriter, code int, reason metav1.StatusReason) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	send(w, metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: "Failure", Code: int32(code), Reason: reason, Message: "no",
	})
}

// change alters a slice, and tells the watchers.
func (a *slicesAPI) change(kind string, s discoveryv1.EndpointSlice) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.version++
	s.ResourceVersion = fmt.Sprint(a.version)
	a.slices = append(a.slices, s)
	for i, old := range a.slices[:len(a.slices)-1] {
		if old.Name == s.Name {
			a.slices = append(a.slices[:i], a.slices[i+1:]...)
			break
		}
	}
	if kind == "DELETED" {
		a.slices = a.slices[:len(a.slices)-1]
	}
	a.history = append(a.history, event(kind, s))
	for events := range a.streams {
		events <- event(kind, s)
	}
}

// become breaks the API, which cuts its streams too, or mends it with 0.
func (a *slicesAPI) become(broken int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.broken, a.asked = broken, 0
	if broken == 0 {
		return
	}
	for events := range a.streams {
		close(events)
		delete(a.streams, events)
	}
}

func (a *slicesAPI) askedSince() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked
}

// watching is a Watch that runs until the test ends.
type watching struct {
	seen chan []balance.Endpoint
	mu   sync.Mutex
	log  bytes.Buffer
}

func watch(t *testing.T, cluster *kube.Cluster) *watching {
	t.Helper()
	w := &watching{seen: make(chan []balance.Endpoint, 100)}
	endpoints, err := cluster.Endpoints("resnet", slog.New(slog.NewTextHandler(w, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- endpoints.Watch(ctx, func(e []balance.Endpoint) { w.seen <- e }) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Watch: %v", err)
		}
	})
	return w
}

func (w *watching) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(b)
}

func (w *watching) said(what string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Count(w.log.String(), what)
}

func (w *watching) want(t *testing.T, want ...balance.Endpoint) {
	t.Helper()
	if diff := cmp.Diff(append([]balance.Endpoint{}, want...), append([]balance.Endpoint{}, <-w.seen...)); diff != "" {
		t.Errorf("endpoints (-want +got):\n%s", diff)
	}
}

func serving(name, url string) balance.Endpoint {
	return balance.Endpoint{Name: name, URL: url, Serving: true}
}

// parse reads slices as kubectl shows them, less what does not matter.
func parse(t *testing.T, text string) (list []discoveryv1.EndpointSlice) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func slice(t *testing.T, name string, pods ...string) discoveryv1.EndpointSlice {
	t.Helper()
	s := parse(t, fmt.Sprintf(`[{metadata: {name: %s, namespace: shop}, addressType: IPv4, ports: [{name: http, port: 8000}]}]`, name))[0]
	for i, pod := range pods {
		s.Endpoints = append(s.Endpoints, parse(t, fmt.Sprintf(
			`[{endpoints: [{addresses: [10.0.0.%d], targetRef: {kind: Pod, name: %s}}]}]`, i+1, pod))[0].Endpoints...)
	}
	return s
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEndpointsOfSlices(t *testing.T) {
	a := serving("a", "http://10.0.0.1:8000")
	leaving, unready := a, a
	leaving.Serving = false
	unready.Serving, unready.Unready = false, true
	for name, c := range map[string]struct {
		slices string
		want   []balance.Endpoint
	}{
		"no slices": {slices: `[]`},
		"a slice without endpoints, as of a Deployment scaled to zero": {
			slices: `[{metadata: {name: s}, addressType: IPv4, ports: null, endpoints: null}]`,
		},
		"ready": {
			slices: `[{metadata: {name: s}, addressType: IPv4, ports: [{name: metrics, port: 9}, {name: http, port: 8000}], endpoints: [
				{addresses: [10.0.0.1], conditions: {ready: true, serving: true, terminating: false}, targetRef: {kind: Pod, name: a}}]}]`,
			want: []balance.Endpoint{a},
		},
		"conditions left out mean ready": {
			slices: `[{metadata: {name: s}, addressType: IPv4, ports: [{name: http, port: 8000}], endpoints: [
				{addresses: [10.0.0.1, 10.0.0.99], targetRef: {kind: Pod, name: a}}]}]`,
			want: []balance.Endpoint{a},
		},
		"one that starts, or whose node is lost, is unready": {
			slices: `[{metadata: {name: s}, addressType: IPv4, ports: [{name: http, port: 8000}], endpoints: [
				{addresses: [10.0.0.1], conditions: {ready: false, serving: false, terminating: false}, targetRef: {kind: Pod, name: a}}]}]`,
			want: []balance.Endpoint{unready},
		},
		"one of which only that is told": {
			slices: `[{metadata: {name: s}, addressType: IPv4, ports: [{name: http, port: 8000}], endpoints: [
				{addresses: [10.0.0.1], conditions: {ready: false}, targetRef: {kind: Pod, name: a}}]}]`,
			want: []balance.Endpoint{unready},
		},
		"unready in one slice, leaving in another": {
			slices: `[
				{metadata: {name: s1}, addressType: IPv4, ports: [{name: http, port: 8000}], endpoints: [
					{addresses: [10.0.0.1], conditions: {ready: false, serving: false, terminating: false}, targetRef: {kind: Pod, name: a}}]},
				{metadata: {name: s2}, addressType: IPv4, ports: [{name: http, port: 8000}], endpoints: [
					{addresses: [10.0.0.1], conditions: {ready: false, serving: true, terminating: true}, targetRef: {kind: Pod, name: a}}]}]`,
			want: []balance.Endpoint{leaving},
		},
		"one that shuts down and still serves drains": {
			slices: `[{metadata: {name: s}, addressType: IPv4, ports: [{name: http, port: 8000}], endpoints: [
				{addresses: [10.0.0.1], conditions: {ready: false, serving: true, terminating: true}, targetRef: {kind: Pod, name: a}}]}]`,
			want: []balance.Endpoint{leaving},
		},
		"one that shuts down drains also where its Service publishes all addresses": {
			slices: `[{metadata: {name: s}, addressType: IPv4, ports: [{name: http, port: 8000}], endpoints: [
				{addresses: [10.0.0.1], conditions: {ready: true, serving: true, terminating: true}, targetRef: {kind: Pod, name: a}}]}]`,
			want: []balance.Endpoint{leaving},
		},
		"one that shuts down and fails its probe is none": {
			slices: `[{metadata: {name: s}, addressType: IPv4, ports: [{name: http, port: 8000}], endpoints: [
				{addresses: [10.0.0.1], conditions: {ready: false, serving: false, terminating: true}, targetRef: {kind: Pod, name: a}}]}]`,
		},
		"several slices, a pod in two of them": {
			slices: `[
				{metadata: {name: s2}, addressType: IPv4, ports: [{name: http, port: 8000}], endpoints: [
					{addresses: [10.0.0.2], targetRef: {kind: Pod, name: b}},
					{addresses: [10.0.0.1], conditions: {ready: false, serving: true, terminating: true}, targetRef: {kind: Pod, name: a}}]},
				{metadata: {name: s1}, addressType: IPv4, ports: [{name: http, port: 8000}], endpoints: [
					{addresses: [10.0.0.1], targetRef: {kind: Pod, name: a}}]},
				{metadata: {name: s3}, addressType: IPv4, ports: [{name: http, port: 8000}], endpoints: [
					{addresses: [10.0.0.1], conditions: {ready: false, serving: true, terminating: true}, targetRef: {kind: Pod, name: a}}]}]`,
			want: []balance.Endpoint{a, serving("b", "http://10.0.0.2:8000")},
		},
		"a pod with an address of each family": {
			slices: `[
				{metadata: {name: s1}, addressType: IPv6, ports: [{name: http, port: 8000}], endpoints: [
					{addresses: ["fd00::1"], targetRef: {kind: Pod, name: a}}]},
				{metadata: {name: s2}, addressType: IPv4, ports: [{name: http, port: 8000}], endpoints: [
					{addresses: [10.0.0.1], targetRef: {kind: Pod, name: a}}]}]`,
			want: []balance.Endpoint{a},
		},
		"IPv6, a port of its own, and no pod": {
			slices: `[{metadata: {name: s}, addressType: IPv6, ports: [{name: http, port: 81}], endpoints: [{addresses: ["fd00::7"]}]}]`,
			want:   []balance.Endpoint{serving("[fd00::7]:81", "http://[fd00::7]:81")},
		},
		"another port, and no address": {
			slices: `[{metadata: {name: s1}, addressType: IPv4, ports: [{name: grpc, port: 8001}], endpoints: [{addresses: [10.0.0.1]}]},
				{metadata: {name: s2}, addressType: IPv4, ports: [{name: http, port: 8000}], endpoints: [{addresses: []}]}]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, cluster := startAPI(t, true, parse(t, c.slices)...)
			watch(t, cluster).want(t, c.want...)
		})
	}
}

func TestEndpointsAreFollowed(t *testing.T) {
	for name, streamy := range map[string]bool{"with initial events": true, "with a list first": false} {
		t.Run(name, func(t *testing.T) {
			a, b := serving("a", "http://10.0.0.1:8000"), serving("b", "http://10.0.0.2:8000")
			api, cluster := startAPI(t, streamy)
			w := watch(t, cluster)
			w.want(t)
			api.change("ADDED", slice(t, "s", "a"))
			w.want(t, a)
			api.change("MODIFIED", slice(t, "s", "a", "b"))
			w.want(t, a, b)
			api.change("DELETED", slice(t, "s", "a", "b"))
			w.want(t)
			if n := w.said("level=ERROR"); n != 0 {
				t.Errorf("%d errors logged: %s", n, &w.log)
			}
		})
	}
}

func TestTheLastEndpointsStandWhileTheAPIServerIsAway(t *testing.T) {
	api, cluster := startAPI(t, true, slice(t, "s", "a"))
	w := watch(t, cluster)
	w.want(t, serving("a", "http://10.0.0.1:8000"))
	api.become(http.StatusServiceUnavailable)
	testkit.Eventually(t, "three attempts", func() bool { return api.askedSince() >= 3 })
	if n := len(w.seen); n != 0 {
		t.Errorf("%v was told while nothing could be known", <-w.seen)
	}
	if n := w.said("cannot be watched; the last known ones stand"); n != 1 {
		t.Errorf("after three attempts it was said %d times, want once:\n%s", n, &w.log)
	}
	api.change("MODIFIED", slice(t, "s", "a", "b"))
	api.become(0)
	w.want(t, serving("a", "http://10.0.0.1:8000"), serving("b", "http://10.0.0.2:8000"))
	// They may come from a list; only the watch that follows it ends the trouble.
	testkit.Eventually(t, "its return is said", func() bool { return w.said("watched again") > 0 })
	api.change("DELETED", slice(t, "s", "a", "b"))
	w.want(t)
	if n := w.said("watched again"); n != 1 {
		t.Errorf("its return was said %d times, want once:\n%s", n, &w.log)
	}
}

func TestARefusalNamesTheMissingRight(t *testing.T) {
	api, cluster := startAPI(t, true, slice(t, "s", "a"))
	api.become(http.StatusForbidden)
	w := watch(t, cluster)
	testkit.Eventually(t, "four attempts", func() bool { return api.askedSince() >= 4 })
	if n := w.said("the right that is missing: list and watch on endpointslices.discovery.k8s.io in namespace shop"); n != 1 {
		t.Errorf("the missing right was named %d times, want once:\n%s", n, &w.log)
	}
	api.become(0) // an administrator has granted it
	w.want(t, serving("a", "http://10.0.0.1:8000"))
}

// A warning is about the Service, as soon as it is known which one that is. Slices that mirror Endpoints which somebody wrote by hand are
// owned by these, and do not tell.
func TestAWarningIsAboutNothingButTheService(t *testing.T) {
	api := &slicesAPI{version: 1, streams: map[chan metav1.WatchEvent]bool{}, streamy: true}
	about := make(chan corev1.ObjectReference, 1)
	cluster := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method+" "+r.URL.Path != "POST /api/v1/namespaces/shop/events" {
			api.ServeHTTP(w, r)
			return
		}
		var e corev1.Event
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			t.Error(err)
		}
		about <- e.InvolvedObject
		fail(w, http.StatusForbidden, metav1.StatusReasonForbidden)
	}))
	endpoints, err := cluster.Endpoints("resnet", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan []balance.Endpoint)
	testkit.Running(t, func(ctx context.Context) error {
		return endpoints.Watch(ctx, func(e []balance.Endpoint) {
			select {
			case seen <- e:
			case <-ctx.Done():
			}
		})
	})
	<-seen
	want := corev1.ObjectReference{APIVersion: "v1", Kind: "Service", Namespace: "shop", Name: "resnet"}
	for _, owner := range []metav1.OwnerReference{
		{Kind: "Endpoints", UID: "of the endpoints", Controller: new(true)},
		{Kind: "Service", UID: "of the service", Controller: new(true)},
	} {
		if owner.Kind == "Service" {
			want.UID = owner.UID
		}
		s := slice(t, "s", "a")
		s.OwnerReferences = []metav1.OwnerReference{owner}
		api.change("MODIFIED", s)
		<-seen
		err := endpoints.Warn(t.Context(), "ReadinessDisputed", "all are well")
		if diff := cmp.Diff(want, <-about); diff != "" {
			t.Errorf("slices are owned by %s: the warning is about (-want +got):\n%s", owner.Kind, diff)
		}
		if err == nil || !strings.Contains(err.Error(), "service shop/resnet") || !strings.Contains(err.Error(), "the right that is missing: create on events in namespace shop") {
			t.Errorf("%v, want it to name the right that is missing", err)
		}
	}
}

func TestEndpointsWithoutThePortAreSaid(t *testing.T) {
	nameless := slice(t, "s", "a")
	nameless.Ports[0].Name = new("web")
	_, cluster := startAPI(t, true, nameless)
	w := watch(t, cluster)
	w.want(t)
	if w.said("port=http") != 1 {
		t.Errorf("nothing was said of the port: %s", &w.log)
	}
}
