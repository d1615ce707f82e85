package integration_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"resnet-autoscaling/internal/autoscaler"
	"resnet-autoscaling/internal/kubelite"
	"resnet-autoscaling/internal/scaling"
	"resnet-autoscaling/internal/testkit"
)

// edges are a real Prometheus and the API subset, each behind a proxy that can be told to fail, with a Deployment whose pods are ready
// when they are asked for, and counters that grow as a load would make them.
type edges struct {
	api, prometheus *fault
	server          *kubelite.Server
	client          *http.Client
	process         *exec.Cmd // Prometheus
	targets         string    // the address of all that it scrapes
	pods            string    // the file that tells it of pods by their names
	kubeconfig      string
	past            past

	mu                sync.Mutex
	arrived, answered counter
}

// counter grows by so much per second since a time.
type counter struct {
	rate  float64
	since time.Time
	total float64
}

func (c *counter) at(now time.Time) float64 { return c.total + c.rate*now.Sub(c.since).Seconds() }

func (c *counter) grow(rate float64, now time.Time) {
	*c = counter{rate: rate, since: now, total: c.at(now)}
}

// fault passes requests on, unless it is told how to answer them.
type fault struct {
	*httptest.Server
	answer atomic.Pointer[func(http.ResponseWriter, *http.Request) bool] // false: pass it on after all
}

func newFault(t *testing.T, to *url.URL, transport http.RoundTripper, token string) *fault {
	f := &fault{}
	proxy := &httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			if token != "" {
				r.Out.Header.Set("Authorization", "Bearer "+token)
			}
		},
	}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if answer := f.answer.Load(); answer != nil && (*answer)(w, r) {
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		f.CloseClientConnections()
		f.Close()
	})
	return f
}

func (f *fault) set(answer func(http.ResponseWriter, *http.Request) bool) {
	if answer == nil {
		f.answer.Store(nil)
		return
	}
	f.answer.Store(&answer)
}

// past is a Prometheus that knows of so long before, how often it scrapes, and whether only pods that it is told of by their names.
type past struct {
	history, scrape time.Duration
	named           bool
}

func newEdges(t *testing.T, replicas int, p past) *edges {
	t.Helper()
	e := &edges{past: past{p.history, cmp.Or(p.scrape, time.Second), p.named}}
	e.startAPI(t)
	e.startPrometheus(t, replicas)
	e.kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	config := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c","contexts":[{"name":"c","context":{"cluster":"c","user":"u","namespace":"default"}}],
"clusters":[{"name":"c","cluster":{"server":%q}}],"users":[{"name":"u","user":{}}]}`, e.api.URL)
	if err := os.WriteFile(e.kubeconfig, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	e.call(t, http.MethodPost, "/apis/apps/v1/namespaces/default/deployments", fmt.Sprintf(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"resnet-inference"},
"spec":{"replicas":%d,"selector":{"matchLabels":{"app":"resnet"}},"template":{"metadata":{"labels":{"app":"resnet"}},"spec":{"containers":[{"name":"resnet","image":"x","resources":{"requests":{"cpu":"1"}}}]}}}}`, replicas), nil)
	testkit.Running(t, func(ctx context.Context) error {
		e.kubelet(ctx, t)
		return nil
	})
	return e
}

func (e *edges) startAPI(t *testing.T) {
	t.Helper()
	server, err := kubelite.New(kubelite.Options{Listen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	testkit.Running(t, server.Run)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(server.CA())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	to := &url.URL{Scheme: "https", Host: server.Addr().String()}
	e.server, e.api, e.client = server, newFault(t, to, transport, server.Token()), &http.Client{Transport: transport}
}

// call asks the API itself, whatever its proxy does.
func (e *edges) call(t *testing.T, method, path, body string, into any) {
	t.Helper()
	if err := e.try(method, path, body, into); err != nil {
		t.Fatal(err)
	}
}

func (e *edges) try(method, path, body string, into any) error {
	request, err := http.NewRequest(method, "https://"+e.server.Addr().String()+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+e.server.Token())
	request.Header.Set("Content-Type", "application/json")
	if method == http.MethodPatch {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	answer, err := e.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s %s %w", method, path, answer.Status, text, err)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}

// kubelet makes pods ready.
func (e *edges) kubelet(ctx context.Context, t *testing.T) {
	for ctx.Err() == nil {
		var list struct {
			Items []struct {
				Metadata struct{ Name string }
				Status   struct{ Phase string }
			}
		}
		if err := e.try(http.MethodGet, "/api/v1/namespaces/default/pods", "", &list); err != nil {
			t.Error(err)
			return
		}
		for _, p := range list.Items {
			if p.Status.Phase != "Running" {
				now := time.Now().UTC().Format(time.RFC3339)
				// One that is gone meanwhile, or changed, is looked at again.
				_ = e.try(http.MethodPatch, "/api/v1/namespaces/default/pods/"+p.Metadata.Name+"/status",
					fmt.Sprintf(`{"status":{"phase":"Running","startTime":%q,"conditions":[{"type":"Ready","status":"True","lastTransitionTime":%q}]}}`, now, now), nil)
			}
		}
		select {
		case <-time.After(max(200*time.Millisecond, time.Duration(len(list.Items))*2*time.Millisecond)): // a long list takes others' time
		case <-ctx.Done():
		}
	}
}

func (e *edges) replicas(t *testing.T) int {
	t.Helper()
	var d struct{ Spec struct{ Replicas int } }
	e.call(t, http.MethodGet, "/apis/apps/v1/namespaces/default/deployments/resnet-inference", "", &d)
	return d.Spec.Replicas
}

// load makes the counters grow by so many requests per second from now on.
func (e *edges) load(rate float64) { e.offer(rate, rate) }

// offer has so many requests per second come, of which so many reach the replicas.
func (e *edges) offer(rate, answered float64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	e.arrived.grow(rate, now)
	e.answered.grow(answered, now)
}

// counts are the requests that came until now, and those that reached replicas.
func (e *edges) counts() (arrived, answered float64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	return e.arrived.at(now), e.answered.at(now)
}

// name tells Prometheus of the pods by their names, as it has them in a cluster, once there are so many.
func (e *edges) name(t *testing.T, pods int) {
	t.Helper()
	var list struct {
		Items []struct{ Metadata struct{ Name string } }
	}
	testkit.Eventually(t, fmt.Sprintf("there are %d pods", pods), func() bool {
		e.call(t, http.MethodGet, "/api/v1/namespaces/default/pods", "", &list)
		return len(list.Items) == pods
	})
	type group struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels"`
	}
	var groups []group
	for _, p := range list.Items {
		groups = append(groups, group{[]string{e.targets}, map[string]string{"namespace": "default", "pod": p.Metadata.Name}})
	}
	text, err := json.Marshal(groups)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(e.pods, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (e *edges) startPrometheus(t *testing.T, replicas int) {
	t.Helper()
	targets := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived, answered := e.counts()
		if r.URL.Path == "/dispatcher" {
			fmt.Fprintf(w, "dispatcher_arrivals_total %f\ndispatcher_shed_total{reason=\"overload\"} %f\ndispatcher_queue_length 0\n", arrived, arrived-answered)
			return
		}
		fmt.Fprintf(w, "inference_capacity_rps 10\ninference_slots 1\ninference_queue_length 0\ninference_images_total %[1]f\ninference_requests_total{outcome=\"ok\"} %[1]f\n"+
			"container_cpu_usage_seconds_total{container=\"resnet\"} %[2]f\n", answered/float64(replicas), 0.07*answered/float64(replicas))
	}))
	t.Cleanup(targets.Close)
	e.targets = strings.TrimPrefix(targets.URL, "http://")
	dir := t.TempDir()
	e.pods = filepath.Join(dir, "pods.json")
	config := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf(`
global: {scrape_interval: %v, scrape_timeout: 1s}
scrape_configs:
- job_name: dispatcher
  metrics_path: /dispatcher
  static_configs: [{targets: [%[2]q], labels: {namespace: default, pod: dispatcher-1}}]
- job_name: resnet-pods
  metrics_path: /replica
  file_sd_configs: [{files: [%[3]q]}]
  static_configs:
`, e.past.scrape, e.targets, e.pods)
	for i := 0; i < replicas && !e.past.named; i++ {
		text += fmt.Sprintf("  - {targets: [%q], labels: {namespace: default, pod: resnet-inference-%d}}\n", e.targets, i)
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	e.backfill(t, filepath.Join(dir, "data"))
	listen := freeAddress(t)
	e.process = exec.Command(testkit.Prometheus(t), "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+listen, "--log.level=error")
	e.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := e.process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.process.Process.Kill(); _ = e.process.Wait() })
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	e.prometheus = newFault(t, &url.URL{Scheme: "http", Host: listen}, transport, "")
}

// backfill gives Prometheus days of a dispatcher that is no more, which had 20 requests per second.
func (e *edges) backfill(t *testing.T, data string) {
	t.Helper()
	if e.past.history == 0 {
		return
	}
	var text strings.Builder
	text.WriteString("# TYPE dispatcher_arrivals counter\n")
	end := time.Now().Add(-10 * time.Minute)
	for at := end.Add(-e.past.history); at.Before(end); at = at.Add(5 * time.Second) {
		fmt.Fprintf(&text, "dispatcher_arrivals_total{namespace=\"default\",pod=\"dispatcher-0\"} %d %d\n", 20*(at.Unix()-end.Add(-e.past.history).Unix()), at.Unix())
	}
	text.WriteString("# EOF\n")
	file := filepath.Join(t.TempDir(), "history")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(testkit.Promtool(t), "tsdb", "create-blocks-from", "openmetrics", file, data).CombinedOutput(); err != nil {
		t.Fatalf("promtool: %v\n%s", err, out)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer free.Close()
	return free.Addr().String()
}

// scaler is an autoscaler that runs, as a process of its own.
type scaler struct {
	*exec.Cmd
	url string
	log *testkit.Buffer
}

// scale starts an autoscaler by policy slo that would shrink within seconds.
func (e *edges) scale(t *testing.T, args ...string) *scaler {
	t.Helper()
	listen := freeAddress(t)
	s := &scaler{url: "http://" + listen, log: &testkit.Buffer{}}
	s.Cmd = exec.Command(filepath.Join(bin, "autoscaler"), append([]string{
		"--listen=" + listen, "--kubeconfig=" + e.kubeconfig, "--prometheus-url=" + e.prometheus.URL, "--policy=slo", "--slo-latency=300ms",
		"--interval=1s", "--query-timeout=500ms", "--max-replicas=9", "--down-window=2s", "--stale-after=4s", "--log-format=text",
	}, args...)...)
	s.Stderr, s.SysProcAttr = s.log, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.end()
		if t.Failed() {
			t.Logf("the autoscaler at %s said:\n%s", listen, s.log)
		}
	})
	return s
}

// end kills it, if it still runs.
func (s *scaler) end() {
	_ = s.Process.Kill()
	_ = s.Wait() // killed
}

// decisions are the last ones, newest first; none while nobody answers.
func (s *scaler) decisions(t *testing.T) []scaling.Decision {
	t.Helper()
	answer, err := http.Get(s.url + "/decisions")
	if err != nil {
		return nil
	}
	defer answer.Body.Close()
	var a autoscaler.Account
	if err := json.NewDecoder(answer.Body).Decode(&a); err != nil {
		t.Fatal(err)
	}
	return a.Decisions
}

func (s *scaler) last(t *testing.T) scaling.Decision {
	t.Helper()
	if list := s.decisions(t); len(list) > 0 {
		return list[0]
	}
	return scaling.Decision{}
}

// since counts decisions after a time.
func (s *scaler) since(t *testing.T, at time.Time) (n int) {
	t.Helper()
	for _, d := range s.decisions(t) {
		if d.At.After(at) {
			n++
		}
	}
	return n
}

func problem(status int, body string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
		return true
	}
}

// hang answers when the caller has gone.
func hang(_ http.ResponseWriter, r *http.Request) bool {
	<-r.Context().Done()
	return true
}

// lie lets Prometheus answer about arrivals with a matrix of its own.
func lie(series string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasPrefix(r.FormValue("query"), "dispatcher_arrivals_total") {
			return false
		}
		fmt.Fprint(w, strings.ReplaceAll(`{"status":"success","data":{"resultType":"matrix","result":[SERIES]}}`, "SERIES", series))
		return true
	}
}

// status is what an API server answers that refuses.
func status(code int, reason, message string) string {
	return fmt.Sprintf(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"code":%d,"message":%q}`, reason, code, message)
}

// refusePatch lets nobody scale.
func refusePatch(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPatch {
		return false
	}
	return problem(403, status(403, "Forbidden", `deployments.apps "resnet-inference" is forbidden: User "u" cannot patch resource "deployments/scale"`))(w, r)
}
