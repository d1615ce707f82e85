package integration_test

import (
	"bytes"
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
	kubeconfig      string
	past            past

	mu    sync.Mutex
	rate  float64
	since time.Time
	total float64
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

// past is a Prometheus that knows of so long before, and how often it scrapes.
type past struct{ history, scrape time.Duration }

func newEdges(t *testing.T, replicas int, p past) *edges {
	t.Helper()
	e := &edges{since: time.Now(), past: past{p.history, cmp.Or(p.scrape, time.Second)}}
	e.startAPI(t)
	e.startPrometheus(t, replicas)
	e.kubeconfig = filepath.Join(t.TempDir(), "kubeconfig")
	config := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c","contexts":[{"name":"c","context":{"cluster":"c","user":"u","namespace":"default"}}],
"clusters":[{"name":"c","cluster":{"server":%q}}],"users":[{"name":"u","user":{}}]}`, e.api.URL)
	if err := os.WriteFile(e.kubeconfig, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	e.call(t, http.MethodPost, "/apis/apps/v1/namespaces/default/deployments", fmt.Sprintf(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"resnet-inference"},
"spec":{"replicas":%d,"selector":{"matchLabels":{"app":"resnet"}},"template":{"metadata":{"labels":{"app":"resnet"}},"spec":{"containers":[{"name":"resnet","image":"x"}]}}}}`, replicas), nil)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		e.kubelet(ctx, t)
	}()
	t.Cleanup(func() {
		stop()
		<-ended
	})
	return e
}

func (e *edges) startAPI(t *testing.T) {
	t.Helper()
	server, err := kubelite.New(kubelite.Options{Listen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- server.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
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
func (e *edges) load(rate float64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	e.total += e.rate * now.Sub(e.since).Seconds()
	e.rate, e.since = rate, now
}

func (e *edges) arrivals() float64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.total + e.rate*time.Since(e.since).Seconds()
}

func (e *edges) startPrometheus(t *testing.T, replicas int) {
	t.Helper()
	targets := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/dispatcher" {
			fmt.Fprintf(w, "dispatcher_arrivals_total %f\ndispatcher_queue_length 0\n", e.arrivals())
			return
		}
		fmt.Fprintf(w, "inference_capacity_rps 10\ninference_slots 1\ninference_queue_length 0\ninference_images_total %[1]f\ninference_requests_total{outcome=\"ok\"} %[1]f\n", e.arrivals()/float64(replicas))
	}))
	t.Cleanup(targets.Close)
	address := strings.TrimPrefix(targets.URL, "http://")
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf(`
global: {scrape_interval: %v, scrape_timeout: 1s}
scrape_configs:
- job_name: dispatcher
  metrics_path: /dispatcher
  static_configs: [{targets: [%[2]q], labels: {namespace: default, pod: dispatcher-1}}]
- job_name: resnet-pods
  metrics_path: /replica
  static_configs:
`, e.past.scrape, address)
	for i := range replicas {
		text += fmt.Sprintf("  - {targets: [%q], labels: {namespace: default, pod: resnet-inference-%d}}\n", address, i)
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
		_ = s.Process.Kill()
		_ = s.Wait() // killed
		if t.Failed() {
			t.Logf("the autoscaler at %s said:\n%s", listen, s.log)
		}
	})
	return s
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
	e := newEdges(t, thousand, past{scrape: 5 * time.Second})
	e.load(7000)
	s := e.scale(t, "--min-replicas=1000", "--max-replicas=1000", "--stale-after=20s")
	testkit.Eventually(t, "all are seen", func() bool {
		d := s.last(t)
		return d.Hold == scaling.HoldNone && d.Inputs != nil && d.Inputs.Ready == thousand && d.Reckoning != nil
	})
	const sum, count = "autoscaler_tick_duration_seconds_sum", "autoscaler_tick_duration_seconds_count"
	took, ticks := metric(t, s.url, sum, ""), metric(t, s.url, count, "")
	testkit.Eventually(t, "some ticks", func() bool { return metric(t, s.url, count, "") >= ticks+10 })
	mean := (metric(t, s.url, sum, "") - took) / (metric(t, s.url, count, "") - ticks)
	t.Logf("policy slo at %d replicas: a tick takes %.0f ms on average (budget %.0f); RSS %.1f MB", thousand, 1000*mean, 1000*budget, metric(t, s.url, "process_resident_memory_bytes", "")/1e6)
	if mean > loaded*budget {
		t.Errorf("a tick takes %.2f s", mean)
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
	if err != nil || !strings.Contains(string(explained), "days in minutes") {
		t.Errorf("%v\n%s", err, explained)
	}
	// So does whoever looks for a moment.
	explained, err = exec.Command(filepath.Join(bin, "autoscaler"), "explain", "--autoscaler-url=http://127.0.0.1:1", "--policy=slo", "--slo-latency=300ms",
		"--kubeconfig="+e.kubeconfig, "--prometheus-url="+e.prometheus.URL).CombinedOutput()
	if err != nil || !strings.Contains(string(explained), "nobody answers") || !strings.Contains(string(explained), "3.0 days in minutes") {
		t.Errorf("%v\n%s", err, explained)
	}
	if strings.Contains(s.log.String(), "the load of the past is not known") {
		t.Error("history could not be had")
	}
}
