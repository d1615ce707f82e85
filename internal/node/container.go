package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"time"

	"resnet-autoscaling/internal/node/logfile"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// container runs one container of a pod: starts it, asks its probes, starts it again.
type container struct {
	spec      corev1.Container
	policy    corev1.RestartPolicy
	grace     time.Duration
	address   string // of the pod
	processes Processes
	output    *logfile.Log
	meter     meter
	log       *slog.Logger
	// happened tells people of events, and changed the pod that the status is another.
	happened func(kind, reason, message string)
	changed  func()

	mu     sync.Mutex
	status corev1.ContainerStatus
}

// set changes the status and lets the pod know.
func (c *container) set(change func(*corev1.ContainerStatus)) {
	c.mu.Lock()
	change(&c.status)
	c.mu.Unlock()
	c.changed()
}

// snapshot is the status now, of which nothing changes any more.
func (c *container) snapshot() corev1.ContainerStatus {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *c.status.DeepCopy()
}

// refuse says why the container does not run.
func (c *container) refuse(reason, message string) {
	c.set(func(s *corev1.ContainerStatus) { wait(s, reason, message) })
	c.happened(corev1.EventTypeWarning, "Failed", message)
}

// run keeps the container running, as its restart policy has it, until the farewell.
func (c *container) run(command Command, f *farewell) {
	var pause backoff
	for !f.begun() {
		began := time.Now()
		ended := c.once(command, f)
		c.set(func(s *corev1.ContainerStatus) { end(s, ended) })
		if f.begun() || !restarts(c.policy, ended.ExitCode) {
			return
		}
		delay := pause.next(time.Since(began))
		if delay > 0 {
			message := fmt.Sprintf("back-off %v restarting failed container=%s", delay, c.spec.Name)
			c.set(func(s *corev1.ContainerStatus) { crash(s, message) })
			c.happened(corev1.EventTypeWarning, "BackOff", message)
		}
		if !f.wait(delay) {
			return
		}
		c.set(func(s *corev1.ContainerStatus) { again(s) })
	}
}

func restarts(policy corev1.RestartPolicy, code int32) bool {
	return policy != corev1.RestartPolicyNever && (policy != corev1.RestartPolicyOnFailure || code != 0)
}

// once starts the container and returns how it ended.
func (c *container) once(command Command, f *farewell) corev1.ContainerStateTerminated {
	began := metav1.Now()
	process, err := c.start(command)
	if err != nil {
		c.happened(corev1.EventTypeWarning, "Failed", err.Error())
		return corev1.ContainerStateTerminated{ExitCode: 128, Reason: "StartError", Message: err.Error(), StartedAt: began, FinishedAt: metav1.Now()}
	}
	id := fmt.Sprintf("process://%d", process.PID())
	c.set(func(s *corev1.ContainerStatus) { begin(s, id, began, c.spec.StartupProbe, c.spec.ReadinessProbe) })
	c.happened(corev1.EventTypeNormal, "Started", fmt.Sprintf("Started container %s as process %d", c.spec.Name, process.PID()))
	c.attend(process, began.Time, f)
	if err := errors.Join(c.meter.end(), c.output.End()); err != nil {
		c.log.Warn("a container's end left something undone", "container", c.spec.Name, "error", err)
	}
	return terminated(process, id, began)
}

func (c *container) start(command Command) (Process, error) {
	if err := c.output.Begin(); err != nil {
		return nil, err
	}
	command.Output = c.output
	process, err := c.processes.Start(command)
	if err != nil {
		return nil, errors.Join(err, c.output.End())
	}
	c.meter.begin(process)
	return process, nil
}

// attend asks the probes until the process has ended, and ends it when it should.
func (c *container) attend(p Process, began time.Time, f *farewell) {
	asking, enough := context.WithCancel(context.Background())
	probes := &probes{container: c, began: began, unhealthy: make(chan string, 1)}
	var asked sync.WaitGroup
	asked.Go(func() { probes.ask(asking) })
	defer asked.Wait()
	defer enough()
	select {
	case <-p.Done():
	case <-f.soft.Done():
		c.stop(p, f.hard, "Stopping container "+c.spec.Name)
	case why := <-probes.unhealthy:
		hard, cancel := context.WithTimeout(f.hard, c.grace)
		defer cancel()
		c.stop(p, hard, why)
	}
}

// stop ends a process: softly, and hard when its time is up.
func (c *container) stop(p Process, hard context.Context, why string) {
	c.happened(corev1.EventTypeNormal, "Killing", why)
	c.signal(p, syscall.SIGTERM)
	select {
	case <-p.Done():
		return
	case <-hard.Done():
	}
	c.signal(p, syscall.SIGKILL)
	<-p.Done()
}

func (c *container) signal(p Process, s syscall.Signal) {
	select {
	case <-p.Done():
		return
	default:
	}
	if err := p.Signal(s); err != nil {
		c.log.Debug("a process took no signal: it must have ended just now", "container", c.spec.Name, "signal", s, "error", err)
	}
}
