package node_test

import (
	"bufio"
	"crypto/tls"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"resnet-autoscaling/internal/testkit"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	corev1 "k8s.io/api/core/v1"
)

// port asks the node itself.
func (w *world) port(t *testing.T, path, token string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	return fetch(t, client, http.MethodGet, "https://"+w.agent.Addr().String()+path, token)
}

func (w *world) log(t *testing.T, pod string, o corev1.PodLogOptions) string {
	t.Helper()
	text, err := w.client.CoreV1().Pods(namespace).GetLogs(pod, &o).DoRaw(t.Context())
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return string(text)
}

func TestLogsThroughTheAPIServer(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.create(t, podNamed("web"))
	p := w.until(t, "web", "ready", isReady)
	ask(t, p, "POST", "/print?line=one")
	ask(t, p, "POST", "/print?line=two")
	testkit.Eventually(t, "the log has both lines", func() bool { return w.log(t, "web", corev1.PodLogOptions{}) == "serving\none\ntwo\n" })
	if got := w.log(t, "web", corev1.PodLogOptions{TailLines: new(int64(1))}); got != "two\n" {
		t.Errorf("the last line is %q", got)
	}
	if got := w.log(t, "web", corev1.PodLogOptions{LimitBytes: new(int64(4))}); got != "serv" {
		t.Errorf("four bytes are %q", got)
	}
	if err := syscall.Kill(pid(t, p), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.until(t, "web", "restarted", restarted(1))
	w.until(t, "web", "ready again", isReady)
	if got := w.log(t, "web", corev1.PodLogOptions{Previous: true}); got != "serving\none\ntwo\n" {
		t.Errorf("the run before wrote %q", got)
	}
	if got := w.log(t, "web", corev1.PodLogOptions{}); got != "serving\n" {
		t.Errorf("this run wrote %q", got)
	}
}

func TestALogIsFollowedToTheContainersEnd(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.create(t, podNamed("web"))
	p := w.until(t, "web", "ready", isReady)
	stream, err := w.client.CoreV1().Pods(namespace).GetLogs("web", &corev1.PodLogOptions{Follow: true}).Stream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	lines := bufio.NewScanner(stream)
	for _, line := range []string{"serving", "one", "two"} {
		if line != "serving" {
			ask(t, p, "POST", "/print?line="+line)
		}
		if !lines.Scan() || lines.Text() != line {
			t.Fatalf("followed %q (%v), want %q", lines.Text(), lines.Err(), line)
		}
	}
	if err := syscall.Kill(pid(t, p), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if !lines.Scan() || lines.Text() != "terminated" || lines.Scan() {
		t.Errorf("the end of the log is %q (%v)", lines.Text(), lines.Err())
	}
}

func TestThePortRefusesInWords(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.create(t, podNamed("web"))
	w.until(t, "web", "ready", isReady)
	for _, c := range []struct{ path, token, want, says string }{
		{"/healthz", "", "200", "ok"},
		{"/metrics", "", "200", "kubelet_running_pods 1"},
		{"/metrics/cadvisor", "", "401", "Bearer TOKEN"},
		{"/metrics/cadvisor", "wrong", "401", "Bearer TOKEN"},
		{"/containerLogs/default/web/main", "", "401", "Bearer TOKEN"},
		{"/containerLogs/default/web/main", w.api.Token(), "200", "serving"},
		{"/containerLogs/default/web/other", w.api.Token(), "404", "no container other of a pod default/web"},
		{"/containerLogs/default/web/main?previous=true", w.api.Token(), "400", "not been restarted"},
		{"/containerLogs/default/web/main?previous=perhaps", w.api.Token(), "400", "previous is"},
		{"/containerLogs/default/web/main?tailLines=-1", w.api.Token(), "400", "at least 0"},
		{"/containerLogs/default/web/main?sinceSeconds=5", w.api.Token(), "400", "tailLines"},
		{"/exec/default/web/main", w.api.Token(), "404", "/containerLogs/"},
	} {
		if got := w.port(t, c.path, c.token); !strings.HasPrefix(got, c.want) || !strings.Contains(got, c.says) {
			t.Errorf("%s with token %q: %s, want %s saying %q", c.path, c.token, got, c.want, c.says)
		}
	}
}

// use reads a pod's samples of /metrics/cadvisor.
func (w *world) use(t *testing.T, pod string) map[string]*dto.Metric {
	t.Helper()
	answer := w.port(t, "/metrics/cadvisor", w.api.Token())
	text, ok := strings.CutPrefix(answer, "200 ")
	if !ok {
		t.Fatal(answer)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*dto.Metric{}
	for name, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "pod" && l.GetValue() == pod {
					found[name] = m
				}
			}
		}
	}
	return found
}

func TestTheUseOfContainersIsTold(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.create(t, podNamed("web"))
	p := w.until(t, "web", "ready", isReady)
	cpu := func() float64 { return w.use(t, "web")["container_cpu_usage_seconds_total"].GetCounter().GetValue() }
	first := w.use(t, "web")
	m := first["container_cpu_usage_seconds_total"]
	labels := map[string]string{}
	for _, l := range m.GetLabel() {
		labels[l.GetName()] = l.GetValue()
	}
	if labels["namespace"] != namespace || labels["container"] != "main" || labels["image"] != image || m.TimestampMs != nil {
		t.Errorf("the sample is %v", m)
	}
	if got := first["container_memory_working_set_bytes"].GetGauge().GetValue(); got < 1<<20 {
		t.Errorf("it has %v bytes of memory", got)
	}
	before := cpu()
	ask(t, p, "POST", "/spin?ms=200")
	after := cpu()
	if used := after - before; used < 0.02 || used > 0.3 {
		t.Errorf("200 ms of work on a quarter of a core used %v s of CPU", used)
	}
	if err := syscall.Kill(pid(t, p), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	w.until(t, "web", "restarted", restarted(1))
	w.until(t, "web", "ready again", isReady)
	if again := cpu(); again < after {
		t.Errorf("the count fell over a restart: %v, then %v", after, again)
	}
}
