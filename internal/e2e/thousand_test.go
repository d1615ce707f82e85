package e2e_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/testkit"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	thousand = 1000
	// kwok gives its pods addresses out of this range, and its node this one.
	syntheticPods   = "10.244.128.0/20"
	syntheticNodeIP = "10.244.254.20"
)

// The contract's budgets for memory, in bytes, and for times. Times are logged; a loaded machine may be slower, but not by so much.
const (
	autoscalerMemory = 60e6
	dispatcherMemory = 80e6
	tickBudget       = 50 * time.Millisecond
	intakeBudget     = 500 * time.Millisecond
	loaded           = 10
)

// aThousandReplicas are pods that kwok plays, with addresses at which this process answers as model servers do; all else is real.
func (c *cluster) aThousandReplicas(t *testing.T) {
	c.playReplicas(t)
	c.kubectl(t, "set", "env", "deployment/autoscaler", fmt.Sprintf("RESNET_MIN_REPLICAS=%d", thousand), fmt.Sprintf("RESNET_MAX_REPLICAS=%d", thousand))
	c.rolledOut(t, "autoscaler")
	c.kubectl(t, "wait", "deployment/"+deployment, fmt.Sprintf("--for=jsonpath={.status.readyReplicas}=%d", thousand), "--timeout=300s")
	testkit.Eventually(t, "Prometheus has CPU and requests of them all", func() bool {
		return c.query(t, `count(rate(inference_requests_total{outcome="ok"}[30s])) == 1000 and count(rate(container_cpu_usage_seconds_total{pod=~"resnet-inference-.*"}[1m])) >= 1000`) > 0
	})
	c.measureTicks(t, "target")
	c.kubectl(t, "set", "env", "deployment/autoscaler", "RESNET_POLICY=slo")
	c.rolledOut(t, "autoscaler")
	testkit.Eventually(t, "policy slo sees what they can do together", func() bool {
		return c.query(t, `max(autoscaler_signal{name="capacity"}) == 10000`) > 0
	})
	c.measureTicks(t, "slo")
	c.measureIntake(t)
}

// playReplicas moves the Deployment's pods to a node that kwok plays.
func (c *cluster) playReplicas(t *testing.T) {
	t.Helper()
	c.master.start(t, "kwok", "--config="+filepath.Join(testkit.Root(t), "internal", "e2e", "testdata", "stages.yaml"), "--kubeconfig="+c.master.kubeconfig("kwok"), "--manage-nodes-with-label-selector=type=kwok", "--cidr="+syntheticPods, "--node-ip="+syntheticNodeIP, "--node-lease-duration-seconds=40")
	capacity := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("1000"), corev1.ResourceMemory: resource.MustParse("1Ti"), corev1.ResourcePods: resource.MustParse("2000"),
	}
	_, err := c.client.CoreV1().Nodes().Create(t.Context(), &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "synthetic", Labels: map[string]string{"type": "kwok", corev1.LabelHostname: "synthetic"}},
		Spec:       corev1.NodeSpec{Taints: []corev1.Taint{{Key: "synthetic", Effect: corev1.TaintEffectNoSchedule}}},
		Status:     corev1.NodeStatus{Capacity: capacity, Allocatable: capacity},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c.answerForPods(t)
	c.answerForNode(t)
	// All at once: one by one, as the manifest has it, a thousand would take their time.
	c.kubectl(t, "patch", "deployment", deployment, "--type=strategic", "-p", `{"spec":{
		"strategy":{"rollingUpdate":{"maxSurge":"100%"}},
		"template":{"spec":{"nodeSelector":{"type":"kwok"},"tolerations":[{"key":"synthetic","operator":"Exists"}]}}}}`)
	c.rolledOut(t, deployment)
}

// answerForPods answers at every address that kwok may give a pod, as a model server that is ready and has some load does.
func (c *cluster) answerForPods(t *testing.T) {
	t.Helper()
	var served atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc(api.PathReadyz, func(w http.ResponseWriter, _ *http.Request) {
		api.Capability{Slots: 1, CapacityRPS: 10}.Set(w.Header())
	})
	mux.HandleFunc(api.PathMetrics, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "inference_requests_total{outcome=\"ok\"} %d\ninference_capacity_rps 10\n", served.Add(1)/20)
	})
	var servers []net.Listener
	address := netip.MustParsePrefix(syntheticPods).Addr()
	for range thousand + 200 { // those that end keep theirs for a while
		address = address.Next()
		l, err := net.Listen("tcp", netip.AddrPortFrom(address, 8000).String())
		if err != nil {
			t.Fatal(err)
		}
		servers = append(servers, l)
	}
	serve(t, mux, servers...)
}

// answerForNode answers as the kubelet of kwok's node: with the CPU of all its pods.
func (c *cluster) answerForNode(t *testing.T) {
	t.Helper()
	certificate, key := c.master.kubelets.issue(t, pkix.Name{CommonName: "system:node:synthetic"}, net.ParseIP(syntheticNodeIP))
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", syntheticNodeIP+":10250", &tls.Config{Certificates: []tls.Certificate{pair}})
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		list, err := c.client.CoreV1().Pods(namespace).List(r.Context(), metav1.ListOptions{FieldSelector: "spec.nodeName=synthetic", ResourceVersion: "0"})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		for i := range list.Items {
			fmt.Fprintf(w, "container_cpu_usage_seconds_total{namespace=%q,pod=%q,container=\"resnet\"} %f\n", namespace, list.Items[i].Name, 0.15*time.Since(begin).Seconds())
		}
	}), l)
}

func serve(t *testing.T, h http.Handler, listeners ...net.Listener) {
	t.Helper()
	server := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	for _, l := range listeners {
		go func() {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				t.Errorf("serve %s: %v", l.Addr(), err)
			}
		}()
	}
	t.Cleanup(func() { server.Close() })
}

// measureTicks reads the autoscaler's own histogram over some ticks by a policy.
func (c *cluster) measureTicks(t *testing.T, policy string) {
	t.Helper()
	const (
		ticks    = 11
		ticksSum = "autoscaler_tick_duration_seconds_sum"
	)
	begin, beginSum := c.buckets(t), c.metric(t, "autoscaler", 8081, ticksSum)
	testkit.Eventually(t, "some ticks", func() bool { return c.buckets(t)["+Inf"]-begin["+Inf"] >= ticks })
	end := c.buckets(t)
	within, slowest := 0.0, "more than all buckets"
	for _, le := range slices.SortedFunc(maps.Keys(end), byBound) {
		if le == "0.05" { // the budget
			within = end[le] - begin[le]
		}
		if end[le]-begin[le] >= end["+Inf"]-begin["+Inf"] {
			slowest = le
			break
		}
	}
	memory := c.metric(t, "autoscaler", 8081, "process_resident_memory_bytes")
	mean := (c.metric(t, "autoscaler", 8081, ticksSum) - beginSum) / (end["+Inf"] - begin["+Inf"])
	t.Logf("policy %s at %d replicas: %.0f of %.0f ticks took at most %v, all at most %s s, on average %.0f ms; RSS %.1f MB (budget %.0f)",
		policy, thousand, within, end["+Inf"]-begin["+Inf"], tickBudget, slowest, 1000*mean, memory/1e6, autoscalerMemory/1e6)
	record(t, "autoscaler: a tick with 1,000 replicas, policy "+policy, fmt.Sprintf("%.0f ms on average; %.0f of %.0f within the budget, all within %s s", 1000*mean, within, end["+Inf"]-begin["+Inf"], slowest),
		"50 ms", within == end["+Inf"]-begin["+Inf"])
	record(t, "autoscaler: memory with 1,000 replicas, policy "+policy, fmt.Sprintf("%.0f MB", memory/1e6), "60 MB", memory <= autoscalerMemory)
	if bound, err := strconv.ParseFloat(slowest, 64); err != nil || bound > loaded*tickBudget.Seconds() {
		t.Errorf("ticks take up to %s s", slowest)
	}
	if memory > autoscalerMemory {
		t.Errorf("the autoscaler takes %.1f MB", memory/1e6)
	}
}

// byBound orders the bounds of buckets, which are numbers in words.
func byBound(a, b string) int {
	x, _ := strconv.ParseFloat(a, 64)
	y, _ := strconv.ParseFloat(b, 64)
	return cmp.Compare(x, y)
}

// buckets are how many ticks took at most so long, by the bound.
func (c *cluster) buckets(t *testing.T) map[string]float64 {
	t.Helper()
	found := map[string]float64{}
	for name, value := range c.series(t, "autoscaler", 8081) {
		if le, ok := strings.CutPrefix(name, `autoscaler_tick_duration_seconds_bucket{le="`); ok {
			found[strings.TrimSuffix(le, `"}`)] = value
		}
	}
	return found
}

// measureIntake starts one more dispatcher, on a laptop that is in the pods' network, and waits until it has them all.
func (c *cluster) measureIntake(t *testing.T) {
	t.Helper()
	const listen = "127.0.0.1:8079"
	dispatcher := c.command(t, bin(t, "dispatcher"), "--listen="+listen, "--log-level=error")
	out := &testkit.Buffer{}
	dispatcher.Stderr = out
	begin := time.Now()
	if err := dispatcher.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = dispatcher.Process.Kill()
		_ = dispatcher.Wait()
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ready := func() float64 {
		answer, err := client.Get("http://" + listen + "/metrics")
		if err != nil {
			return 0
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		return parseSeries(string(text))[`dispatcher_replicas{state="ready"}`]
	}
	for ready() != thousand && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond) // what it is measured to
	}
	took := time.Since(begin)
	memory := c.metric(t, "dispatcher", 8080, "process_resident_memory_bytes")
	t.Logf("dispatcher: %d endpoints found and connected %v after its start (budget %v); RSS of the one that serves %.1f MB (budget %.0f)",
		thousand, took.Round(time.Millisecond), intakeBudget, memory/1e6, dispatcherMemory/1e6)
	record(t, "dispatcher: 1,000 endpoints of a real API server found and connected, after its start", fmt.Sprintf("%d ms", took.Milliseconds()), "500 ms", took <= intakeBudget)
	record(t, "dispatcher: memory with 1,000 endpoints of a real API server", fmt.Sprintf("%.0f MB", memory/1e6), "80 MB", memory <= dispatcherMemory)
	if ctx.Err() != nil || took > loaded*intakeBudget {
		t.Errorf("it took %v, and %v replicas are ready: %s", took, ready(), out)
	}
	if memory > dispatcherMemory {
		t.Errorf("the dispatcher takes %.1f MB", memory/1e6)
	}
}
