package node

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"sync"
	"time"

	"resnet-autoscaling/internal/node/logfile"

	corev1 "k8s.io/api/core/v1"
)

// logLimit is when a container's log file is set aside, in bytes: a kubelet's default.
const logLimit = 10 << 20

// worker runs one pod. What it does is decided by the pod as it was first seen (nobody changes a pod's program while it runs), and by
// its deletion.
type worker struct {
	agent      *Agent
	pod        *corev1.Pod // as first seen
	logDir     string
	log        *slog.Logger
	farewell   *farewell
	changed    chan struct{} // has one when the status may be another
	containers []*container
	began      time.Time
	told       corev1.PodStatus // what the API server was told last; the worker's own
	toldAs     string           // the pod's version that this made

	left chan struct{} // closed when the agent ends

	mu    sync.Mutex
	state podState
}

// podState is what the goroutines of a worker, and its agent, let each other know of the pod.
type podState struct {
	newest    *corev1.Pod // as the API server has it
	address   netip.Addr
	lost      bool // the API server does not have the pod any more
	over      bool // all containers have ended for good
	nodeStops bool // because the agent ends
}

// deleting: the API server waits for the pod's end.
func (s podState) deleting() bool { return s.newest.DeletionTimestamp != nil }

func newWorker(a *Agent, p *corev1.Pod) *worker {
	w := &worker{
		agent: a, pod: p, farewell: newFarewell(), changed: make(chan struct{}, 1), left: make(chan struct{}),
		began: time.Now(), told: p.Status, state: podState{newest: p},
		logDir: filepath.Join(a.o.LogDir, p.Namespace+"_"+p.Name),
		log:    a.o.Log.With("pod", p.Namespace+"/"+p.Name),
	}
	if p.Status.StartTime != nil {
		w.began = p.Status.StartTime.Time
	}
	if p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return w // it has ended already, and waits to be deleted
	}
	for i := range p.Spec.Containers {
		w.containers = append(w.containers, w.newContainer(&p.Spec.Containers[i]))
	}
	return w
}

func (w *worker) newContainer(spec *corev1.Container) *container {
	c := &container{
		spec: *spec, policy: w.policy(), grace: w.grace(), processes: w.agent.o.Processes,
		output: logfile.New(w.logDir, spec.Name, logLimit), log: w.log,
		happened: w.happened, changed: w.change,
	}
	var before *corev1.ContainerStatus
	for i := range w.pod.Status.ContainerStatuses {
		if s := &w.pod.Status.ContainerStatuses[i]; s.Name == spec.Name {
			before = s
		}
	}
	c.status = newStatus(spec, before, w.agent.o.Images[spec.Image].Path)
	return c
}

func (w *worker) policy() corev1.RestartPolicy {
	return cmp.Or(w.pod.Spec.RestartPolicy, corev1.RestartPolicyAlways)
}

func (w *worker) grace() time.Duration {
	seconds := int64(corev1.DefaultTerminationGracePeriodSeconds)
	if own := w.pod.Spec.TerminationGracePeriodSeconds; own != nil {
		seconds = *own
	}
	return time.Duration(seconds) * time.Second
}

// happened tells an Event, and the log; of probes only those who look for it, since each new container fails a few.
func (w *worker) happened(kind, reason, message string) {
	w.agent.events.Event(w.pod, kind, reason, message)
	level := slog.LevelInfo
	if reason == "Unhealthy" {
		level = slog.LevelDebug
	}
	w.log.Log(context.Background(), level, message, "reason", reason)
}

func (w *worker) set(change func(*podState)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.state)
}

func (w *worker) snapshot() podState {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state
}

func (w *worker) change() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// see takes in the pod's newest version.
func (w *worker) see(p *corev1.Pod) {
	w.set(func(s *podState) { s.newest = p })
	w.change()
	if p.DeletionTimestamp == nil {
		return
	}
	grace := w.grace()
	if p.DeletionGracePeriodSeconds != nil {
		grace = time.Duration(*p.DeletionGracePeriodSeconds) * time.Second
	}
	w.farewell.within(grace)
}

// lose ends a pod that was removed without waiting for its end.
func (w *worker) lose() {
	w.set(func(s *podState) { s.lost = true })
	w.farewell.within(min(forceGrace, w.grace()))
}

// leave ends the pod because the agent ends, within timeout where that is not 0.
func (w *worker) leave(timeout time.Duration) {
	w.set(func(s *podState) { s.nodeStops = !s.over })
	close(w.left)
	grace := w.grace()
	if timeout > 0 {
		grace = min(grace, timeout)
	}
	w.farewell.within(grace)
}

// run runs the pod until its end has been told.
func (w *worker) run() {
	defer w.farewell.over()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.live()
	}()
	for {
		var again <-chan time.Time
		if err := w.tell(); err != nil {
			w.log.Warn("the API server was not told of the pod's status; trying again", "error", err)
			again = time.After(retryEvery)
		}
		select {
		case <-w.changed:
		case <-again:
		case <-ended:
			w.finish()
			return
		}
	}
}

// live returns when nothing of the pod runs any more and it has been asked to end.
func (w *worker) live() {
	if len(w.containers) > 0 {
		w.runContainers()
	}
	w.set(func(s *podState) { s.over = true })
	w.change()
	<-w.farewell.soft.Done()
}

// runContainers gives the pod a place, and runs its containers there.
func (w *worker) runContainers() {
	var address netip.Addr
	if !w.insist("NoAddress", func() (err error) { address, err = w.agent.addresses.take(); return err }) {
		return
	}
	defer w.agent.addresses.giveBack(address)
	w.set(func(s *podState) { s.address = address })
	at := w.agent.place(address.String())
	if !w.insist("FailedMount", func() error { return w.furnish(&at) }) {
		return
	}
	var group sync.WaitGroup
	for _, c := range w.containers {
		group.Go(func() { w.runContainer(c, at) })
	}
	group.Wait()
}

// insist tries until it works, as a kubelet does, and tells meanwhile what the containers wait for; false: the farewell came before.
func (w *worker) insist(reason string, try func() error) bool {
	for !w.farewell.begun() {
		err := try()
		if err == nil {
			return true
		}
		for _, c := range w.containers {
			c.refuse(reason, err.Error())
		}
		w.farewell.wait(retryEvery)
	}
	return false
}

func (w *worker) runContainer(c *container, at place) {
	command, err := commandFor(w.pod, &c.spec, w.agent.o.Images, at)
	var refused *refusal
	if errors.As(err, &refused) {
		c.refuse(refused.reason, refused.message)
		<-w.farewell.soft.Done() // nothing about a pod that would change this may be changed
		return
	}
	c.address = at.podIP
	c.run(command, w.farewell)
}
