package node_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"resnet-autoscaling/internal/kubelite"
	"resnet-autoscaling/internal/node"
	"resnet-autoscaling/internal/process"
	"resnet-autoscaling/internal/testkit"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
)

const (
	namespace = "default"
	image     = "test:latest"
	nodeName  = "here"
)

// processes are the real ones.
type processes struct{ *process.Launcher }

func (p processes) Start(c node.Command) (node.Process, error) {
	started, err := p.Launcher.Start(process.Command{
		Name: c.Name, Path: c.Path, Args: c.Args, Env: c.Env, Dir: c.Dir, Output: c.Output, CPU: c.CPU, Memory: c.Memory,
	})
	if err != nil {
		return nil, err
	}
	return started, nil
}

// world is an API server, a node that runs, and a way to both.
type world struct {
	api     *kubelite.Server
	client  kubernetes.Interface
	options node.Options
	agent   *node.Agent
	stop    func() error // ends the agent
}

// start may be called by tests that run at the same time.
func start(t *testing.T, changes ...func(*node.Options)) *world {
	t.Helper()
	api, err := kubelite.New(kubelite.Options{Listen: "127.0.0.1:0", Log: quiet(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	testkit.Running(t, api.Run)
	launcher, err := process.NewLauncher(process.Options{Name: fmt.Sprintf("resnet-node-test-%d", rand.Uint32()), Log: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := launcher.Close(); err != nil {
			t.Error(err)
		}
	})
	own := netip.AddrFrom4([4]byte{127, byte(70 + rand.IntN(180)), byte(rand.IntN(256)), 1})
	certificate, err := api.Certificate(own.String())
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{api: api, client: kubernetes.NewForConfigOrDie(api.Config())}
	w.options = node.Options{
		Name: nodeName, Config: api.Config(), Listen: own.String() + ":0", Pods: netip.PrefixFrom(own, 24),
		Images: map[string]node.Image{
			image: {Path: program, Args: []string{"serve"}}, "fail:latest": {Path: program, Args: []string{"fail"}}, "finish:latest": {Path: program, Args: []string{"finish"}},
		},
		LogDir: t.TempDir(), TLS: certificate, Token: api.Token(), Processes: processes{launcher},
		CPU: 4, Memory: 4 << 30, StopTimeout: 5 * time.Second, Log: quiet(),
	}
	for _, change := range changes {
		change(&w.options)
	}
	w.startAgent(t)
	return w
}

func (w *world) startAgent(t *testing.T) {
	t.Helper()
	agent, err := node.New(w.options)
	if err != nil {
		t.Fatal(err)
	}
	w.agent, w.stop = agent, testkit.Running(t, agent.Run)
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// podNamed is a pod that serves, with a readiness probe that asks every second.
func podNamed(name string, changes ...func(*corev1.PodSpec)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": "test"}},
		Spec: corev1.PodSpec{TerminationGracePeriodSeconds: new(int64(20)), Containers: []corev1.Container{{
			Name: "main", Image: image,
			Ports:     []corev1.ContainerPort{{Name: "http", ContainerPort: 18080}},
			Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("250m")}},
			ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, FailureThreshold: 1, ProbeHandler: corev1.ProbeHandler{
				HTTPGet: &corev1.HTTPGetAction{Path: "/readyz", Port: intstr.FromString("http")},
			}},
		}}},
	}
	for _, change := range changes {
		change(&p.Spec)
	}
	return p
}

// as makes the pod's image another one, of a program that answers no probes.
func as(image string) func(*corev1.PodSpec) {
	return func(s *corev1.PodSpec) { s.Containers[0].Image, s.Containers[0].ReadinessProbe = image, nil }
}

func env(name, value string) func(*corev1.PodSpec) {
	return func(s *corev1.PodSpec) {
		s.Containers[0].Env = append(s.Containers[0].Env, corev1.EnvVar{Name: name, Value: value})
	}
}

func (w *world) create(t *testing.T, p *corev1.Pod) {
	t.Helper()
	if _, err := w.client.CoreV1().Pods(namespace).Create(t.Context(), p, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func (w *world) delete(t *testing.T, name string, o metav1.DeleteOptions) {
	t.Helper()
	if err := w.client.CoreV1().Pods(namespace).Delete(t.Context(), name, o); err != nil {
		t.Fatal(err)
	}
}

// until waits for a pod to be as is says, which is asked with nil once the pod is gone.
func (w *world) until(t *testing.T, name, what string, is func(*corev1.Pod) bool) *corev1.Pod {
	t.Helper()
	var last *corev1.Pod
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		list, err := w.client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=" + name})
		if err != nil {
			t.Fatal(err)
		}
		last = nil
		if len(list.Items) > 0 {
			last = &list.Items[0]
		}
		if is(last) {
			return last
		}
	}
	if last == nil {
		t.Fatalf("%s: not within 30 s; there is no such pod", what)
	}
	t.Fatalf("%s: not within 30 s; the status is %s %+v", what, last.Status.Phase, last.Status.ContainerStatuses)
	return nil
}

func isReady(p *corev1.Pod) bool {
	return p != nil && condition(p, corev1.PodReady) == corev1.ConditionTrue
}

func isGone(p *corev1.Pod) bool { return p == nil }

func condition(p *corev1.Pod, kind corev1.PodConditionType) corev1.ConditionStatus {
	for _, c := range p.Status.Conditions {
		if c.Type == kind {
			return c.Status
		}
	}
	return ""
}

func restarted(times int32) func(*corev1.Pod) bool {
	return func(p *corev1.Pod) bool {
		return p != nil && len(p.Status.ContainerStatuses) == 1 && p.Status.ContainerStatuses[0].RestartCount >= times
	}
}

// pid is the process of a pod's one container.
func pid(t *testing.T, p *corev1.Pod) int {
	t.Helper()
	text, ok := strings.CutPrefix(p.Status.ContainerStatuses[0].ContainerID, "process://")
	n, err := strconv.Atoi(text)
	if err != nil || !ok {
		t.Fatalf("container id %q names no process", p.Status.ContainerStatuses[0].ContainerID)
	}
	return n
}

func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// ask sends a request to a pod.
func ask(t *testing.T, p *corev1.Pod, method, path string) string {
	t.Helper()
	return fetch(t, http.DefaultClient, method, fmt.Sprintf("http://%s:18080%s", p.Status.PodIP, path), "")
}

func fetch(t *testing.T, client *http.Client, method, url, token string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", answer.StatusCode, body)
}

func TestOptionsAreChecked(t *testing.T) {
	valid := start(t).options
	valid.Listen = strings.Replace(valid.Listen, ".1:", ".9:", 1)
	for name, c := range map[string]struct {
		change func(*node.Options)
		says   string
	}{
		"no API":        {func(o *node.Options) { o.Config = nil }, "API server"},
		"no processes":  {func(o *node.Options) { o.Processes = nil }, "processes"},
		"no logger":     {func(o *node.Options) { o.Log = nil }, "logger"},
		"no name":       {func(o *node.Options) { o.Name = "" }, "name"},
		"no port":       {func(o *node.Options) { o.Listen = "127.64.0.1" }, "127.64.0.1:10250"},
		"all addresses": {func(o *node.Options) { o.Listen = "0.0.0.0:0" }, "one IP address"},
		"host name":     {func(o *node.Options) { o.Listen = "localhost:0" }, `"localhost:0"`},
		"not ours":      {func(o *node.Options) { o.Listen = "192.0.2.1:0" }, "192.0.2.1:0"},
		"no range":      {func(o *node.Options) { o.Pods = netip.Prefix{} }, "127.64.0.0/16"},
		"no logs":       {func(o *node.Options) { o.LogDir = "" }, "logs"},
		"no identity":   {func(o *node.Options) { o.TLS.Certificate = nil }, "certificate"},
		"no CPU":        {func(o *node.Options) { o.CPU = math.NaN() }, "NaN cores"},
		"no memory":     {func(o *node.Options) { o.Memory = 0 }, "0 bytes"},
		"negative time": {func(o *node.Options) { o.StopTimeout = -time.Second }, "-1s"},
	} {
		o := valid
		c.change(&o)
		if _, err := node.New(o); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want an error that says %q", name, err, c.says)
		}
	}
}
