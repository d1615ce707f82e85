package chaos_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/testkit"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

const (
	namespace = metav1.NamespaceDefault
	service   = "resnet-inference"
)

// pods are the replicas: processes, and the EndpointSlice that tells of them, which is written in the order in which Kubernetes does. What
// takes its time goes on in the background until settle. Only the test's goroutine decides what happens to whom.
type pods struct {
	t          *testing.T
	kind       kind
	here       addresses
	client     kubernetes.Interface
	diary      *diary
	random     *rand.Rand
	root       string
	drainDelay time.Duration
	made       int
	killed     int
	background sync.WaitGroup

	mu       sync.Mutex // of what follows, and of the pods' fields
	list     []*pod
	children []*child // all there ever were
}

type pod struct {
	name, ip string
	process  *child
	// What its endpoint tells of it.
	ready, serving, terminating bool
	// struck is a pod that something happens to, whether its endpoint tells so or not.
	struck bool
}

func (p *pod) address() string { return net.JoinHostPort(p.ip, strconv.Itoa(podPort)) }

func newPods(t *testing.T, f form, here addresses, client kubernetes.Interface, d *diary) *pods {
	t.Helper()
	c := &pods{t: t, kind: f.kind, here: here, client: client, diary: d, random: chance(strikes), root: testkit.Root(t), drainDelay: f.drainDelay()}
	if _, err := client.DiscoveryV1().EndpointSlices(namespace).Create(t.Context(), c.slice(), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.end)
	c.add(f.replicas)
	return c
}

// end kills what is left, and tells what the race detector found in any of them.
func (c *pods) end() {
	c.killAll()
	c.background.Wait()
	c.killAll() // also what was still started
	for _, child := range c.children {
		if child.raced() {
			c.t.Errorf("%s has a data race:\n%s", child.name, child.tail())
		}
	}
}

func (c *pods) killAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, child := range c.children {
		child.kill()
	}
}

// add starts n pods and waits until they are ready.
func (c *pods) add(n int) {
	c.t.Helper()
	var starting sync.WaitGroup
	for range n {
		p := c.place()
		starting.Go(func() { c.bringUp(p) })
	}
	starting.Wait()
	if c.t.Failed() {
		c.t.FailNow()
	}
}

// place makes a pod that has an address and no process yet.
func (c *pods) place() *pod {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made++
	taken := make([]string, len(c.list))
	for i, p := range c.list {
		taken[i] = p.ip
	}
	p := &pod{name: fmt.Sprintf("%s-%d", service, c.made), ip: c.here.pod(taken), struck: true}
	c.list = append(c.list, p)
	return p
}

// bringUp starts a pod's process and tells of it once it is ready.
func (c *pods) bringUp(p *pod) {
	args := append([]string{"--listen=" + p.address(), "--drain-delay=" + c.drainDelay.String(), "--log-format=json"}, c.kind.args...)
	process, err := spawn(p.name, c.root, c.kind.program, args...)
	if err != nil {
		c.t.Error(err)
		return
	}
	c.mu.Lock()
	p.process = process
	c.children = append(c.children, process)
	c.mu.Unlock()
	for deadline := time.Now().Add(patience); !isReady(p.address()); time.Sleep(20 * time.Millisecond) {
		select {
		case <-process.ended:
			c.t.Errorf("%s ended before it was ready:\n%s", p.name, process.tail())
			return
		default:
		}
		if time.Now().After(deadline) {
			c.t.Errorf("%s was not ready within %v:\n%s", p.name, patience, process.tail())
			return
		}
	}
	c.diary.note("%s is ready at %s", p.name, p.ip)
	c.publish(func() { p.ready, p.serving, p.struck = true, true, false })
}

var probe = &http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// readiness is the status that a server answers a kubelet with; 0: it does not answer.
func readiness(address string) int {
	resp, err := probe.Get("http://" + address + api.PathReadyz)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

func isReady(address string) bool { return readiness(address) == http.StatusOK }

// running are the pods that take requests and have been left alone.
func (c *pods) running() []*pod {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(c.list), func(p *pod) bool { return !p.ready || p.struck })
}

// any is one of those, once there are more than so many.
func (c *pods) any(moreThan int) *pod {
	c.t.Helper()
	var running []*pod
	testkit.Eventually(c.t, fmt.Sprintf("more than %d replicas run", moreThan), func() bool {
		running = c.running()
		return len(running) > moreThan
	})
	return running[c.random.IntN(len(running))]
}

// settle waits until all that began is over.
func (c *pods) settle() {
	c.t.Helper()
	c.background.Wait() // each of them has its own limit
	if c.t.Failed() {
		c.t.FailNow()
	}
}

// publish changes pods and tells of it.
func (c *pods) publish(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
	// Also while the test ends: the API server ends later.
	if _, err := c.client.DiscoveryV1().EndpointSlices(namespace).Update(context.Background(), c.slice(), metav1.UpdateOptions{}); err != nil {
		c.t.Errorf("write the EndpointSlice: %v", err)
	}
}

// slice is what the EndpointSlice controller would write.
func (c *pods) slice() *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: namespace, Name: service + "-slice", Labels: map[string]string{discoveryv1.LabelServiceName: service}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: new("http"), Port: new(int32(podPort)), Protocol: new(corev1.ProtocolTCP)}},
		Endpoints:   make([]discoveryv1.Endpoint, len(c.list)),
	}
	for i, p := range c.list {
		s.Endpoints[i] = discoveryv1.Endpoint{
			Addresses:  []string{p.ip},
			Conditions: discoveryv1.EndpointConditions{Ready: new(p.ready), Serving: new(p.serving), Terminating: new(p.terminating)},
			TargetRef:  &corev1.ObjectReference{Kind: "Pod", Namespace: namespace, Name: p.name},
		}
	}
	return s
}
