package node

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"resnet-autoscaling/internal/node/logfile"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
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

	mu        sync.Mutex
	address   netip.Addr
	deleting  bool        // the API server waits for the end
	lost      bool        // the API server does not have the pod any more
	over      bool        // all containers have ended for good
	nodeStops bool        // because the agent ends
	seen      *corev1.Pod // the newest version that has not been looked at yet
}

func newWorker(a *Agent, p *corev1.Pod) *worker {
	w := &worker{
		agent: a, pod: p, farewell: newFarewell(), changed: make(chan struct{}, 1), left: make(chan struct{}),
		began: time.Now(), told: p.Status,
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

func (w *worker) change() {
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// see takes in the pod's newest version.
func (w *worker) see(p *corev1.Pod) {
	w.mu.Lock()
	w.seen = p
	w.mu.Unlock()
	w.change()
	if p.DeletionTimestamp == nil {
		return
	}
	w.mu.Lock()
	w.deleting = true
	w.mu.Unlock()
	grace := w.grace()
	if p.DeletionGracePeriodSeconds != nil {
		grace = time.Duration(*p.DeletionGracePeriodSeconds) * time.Second
	}
	w.farewell.within(grace)
}

// lose ends a pod that was removed without waiting for its end.
func (w *worker) lose() {
	w.mu.Lock()
	w.lost = true
	w.mu.Unlock()
	w.farewell.within(min(forceGrace, w.grace()))
}

// leave ends the pod because the agent ends, within timeout where that is not 0.
func (w *worker) leave(timeout time.Duration) {
	w.mu.Lock()
	w.nodeStops = !w.over
	w.mu.Unlock()
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
	var containers sync.WaitGroup
	containers.Go(w.runContainers)
	ended := make(chan struct{})
	go func() { containers.Wait(); close(ended) }()
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

// runContainers returns when nothing of the pod runs any more and it has been asked to end.
func (w *worker) runContainers() {
	if address, ok := w.takeAddress(); ok {
		if at, ok := w.furnish(w.agent.place(address.String())); ok {
			w.runAll(at)
		}
		w.freeAddress()
	}
	w.mu.Lock()
	w.over = true
	w.mu.Unlock()
	w.change()
	<-w.farewell.soft.Done()
}

func (w *worker) runAll(at place) {
	var group sync.WaitGroup
	for _, c := range w.containers {
		group.Go(func() { w.runContainer(c, at) })
	}
	group.Wait()
}

// lack tells what the containers wait for, and gives it a little time to come.
func (w *worker) lack(reason string, err error) {
	for _, c := range w.containers {
		c.refuse(reason, err.Error())
	}
	w.farewell.wait(retryEvery)
}

// furnish adds what the containers are to find at their place: the way to the API server, and their volumes, whose tokens it keeps
// young. What is not there yet it waits for, as a kubelet does.
func (w *worker) furnish(at place) (place, bool) {
	for !w.farewell.begun() {
		if err := w.furnishOnce(&at); err != nil {
			w.lack("FailedMount", err)
			continue
		}
		return at, true
	}
	return at, false
}

func (w *worker) furnishOnce(at *place) (err error) {
	ctx, cancel := context.WithTimeout(w.farewell.soft, callTimeout)
	defer cancel()
	if at.apiServer, err = w.agent.apiServer(ctx); err != nil || w.agent.o.VolumeDir == "" {
		return err
	}
	v := &volumes{core: w.agent.core, pod: w.pod, dir: w.volumeDir()}
	folders, renew, err := v.fill(ctx, time.Now())
	if err != nil {
		return err
	}
	at.folders = folders
	go w.renew(v, renew)
	return nil
}

// renew makes tokens anew before they end, until the farewell.
func (w *worker) renew(v *volumes, at time.Time) {
	for !at.IsZero() && w.farewell.wait(time.Until(at)) {
		ctx, cancel := context.WithTimeout(w.farewell.soft, callTimeout)
		_, next, err := v.fill(ctx, time.Now())
		cancel()
		if err != nil {
			w.log.Warn("the pod's volumes were not made anew; trying again", "error", err)
			next = time.Now().Add(retryEvery)
		}
		at = next
	}
}

func (w *worker) volumeDir() string { return filepath.Join(w.agent.o.VolumeDir, string(w.pod.UID)) }

func (w *worker) takeAddress() (netip.Addr, bool) {
	for !w.farewell.begun() && len(w.containers) > 0 {
		address, err := w.agent.addresses.take()
		if err == nil {
			w.mu.Lock()
			w.address = address
			w.mu.Unlock()
			return address, true
		}
		w.lack("NoAddress", err)
	}
	return netip.Addr{}, false
}

func (w *worker) freeAddress() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.agent.addresses.giveBack(w.address)
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

// facts are what there is to say of the pod now.
func (w *worker) facts() podFacts {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := podFacts{began: w.began, hostIP: w.agent.own.String(), nodeStops: w.nodeStops && w.over, over: w.over && w.farewell.begun()}
	if w.address.IsValid() {
		f.podIP = w.address.String()
	}
	for _, c := range w.containers {
		f.containers = append(f.containers, c.snapshot())
	}
	return f
}

// contradicted takes in that somebody else wrote the pod's readiness since: the control plane does, of a node that it did not hear of.
func (w *worker) contradicted() {
	w.mu.Lock()
	seen := w.seen
	w.seen = nil
	w.mu.Unlock()
	if seen == nil || w.toldAs == "" {
		return
	}
	order, err := resourceversion.CompareResourceVersion(seen.ResourceVersion, w.toldAs)
	if err == nil && order > 0 && readiness(seen.Status) != readiness(w.told) {
		w.told = seen.Status
	}
}

func readiness(s corev1.PodStatus) corev1.ConditionStatus {
	for _, c := range s.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status
		}
	}
	return corev1.ConditionUnknown
}

// tell writes the pod's status, where it is another than the API server was told last.
func (w *worker) tell() error {
	w.contradicted()
	w.mu.Lock()
	silent := w.lost || len(w.containers) == 0
	w.mu.Unlock()
	if silent {
		return nil
	}
	status := podStatus(w.policy(), w.facts(), w.told, time.Now())
	if sameStatus(status, w.told) {
		return nil
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": w.pod.UID}, "status": status})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	answer, err := w.agent.core.Pods(w.pod.Namespace).Patch(ctx, w.pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	w.told, w.toldAs = status, answer.GetResourceVersion()
	return nil
}

// finish tells the end, and lets the API server forget a pod that it wants to.
func (w *worker) finish() {
	for {
		err := w.tell()
		if err == nil {
			err = w.remove()
		}
		if err == nil {
			return
		}
		w.log.Warn("the API server was not told of the pod's end", "error", err)
		select {
		case <-w.left:
			return // the agent does not wait for an API server
		case <-time.After(retryEvery):
		}
	}
}

// remove deletes a pod that was to be deleted, and its logs.
func (w *worker) remove() error {
	w.mu.Lock()
	deleting, lost := w.deleting, w.lost
	w.mu.Unlock()
	if deleting && !lost {
		now, uid := int64(0), w.pod.UID
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		o := metav1.DeleteOptions{GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{UID: &uid}}
		if err := w.agent.core.Pods(w.pod.Namespace).Delete(ctx, w.pod.Name, o); err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			return err // a conflict: another pod of its name is there now
		}
	}
	if !deleting && !lost {
		return nil
	}
	if w.agent.o.VolumeDir != "" {
		if err := os.RemoveAll(w.volumeDir()); err != nil {
			return err
		}
	}
	return os.RemoveAll(w.logDir)
}
