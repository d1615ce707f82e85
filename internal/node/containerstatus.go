package node

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The steps of a container's life, as changes of its status. It is in one state at a time: waiting, running or terminated.

// newStatus is a container before its first start. before is what an earlier agent said of it: what ran then has ended with that agent.
func newStatus(c *corev1.Container, before *corev1.ContainerStatus, imageID string) corev1.ContainerStatus {
	s := corev1.ContainerStatus{Name: c.Name, Image: c.Image, ImageID: imageID, Started: new(bool)}
	wait(&s, "ContainerCreating", "")
	if before == nil || before.ContainerID == "" {
		return s
	}
	s.RestartCount = before.RestartCount + 1
	s.LastTerminationState = before.LastTerminationState
	if before.State.Terminated != nil {
		s.LastTerminationState.Terminated = before.State.Terminated
	} else if before.State.Running != nil {
		s.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{
			ExitCode: 137, Reason: "ContainerStatusUnknown", Message: "the node's agent ended, and its processes with it",
			ContainerID: before.ContainerID, StartedAt: before.State.Running.StartedAt,
		}
	}
	return s
}

func wait(s *corev1.ContainerStatus, reason, message string) {
	s.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
	s.Started, s.Ready = new(bool), false
}

// begin: the process runs. Without probes that is all there is to being started, and ready.
func begin(s *corev1.ContainerStatus, id string, at metav1.Time, startup, readiness *corev1.Probe) {
	s.ContainerID = id
	s.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at}}
	if startup == nil {
		started(s, readiness)
	}
}

func started(s *corev1.ContainerStatus, readiness *corev1.Probe) {
	yes := true
	s.Started, s.Ready = &yes, readiness == nil
}

func end(s *corev1.ContainerStatus, how corev1.ContainerStateTerminated) {
	s.State = corev1.ContainerState{Terminated: &how}
	s.Started, s.Ready = new(bool), false
}

// terminated is how a process has ended.
func terminated(p Process, id string, began metav1.Time) corev1.ContainerStateTerminated {
	code, signal := p.Exit()
	how := corev1.ContainerStateTerminated{
		ExitCode: int32(code), Reason: "Error", ContainerID: id, StartedAt: began, FinishedAt: metav1.Now(),
	}
	if signal != 0 {
		how.ExitCode, how.Signal = 128+int32(signal), int32(signal) // as a shell counts
	}
	switch {
	case p.OOMKilled():
		how.Reason = "OOMKilled"
	case how.ExitCode == 0:
		how.Reason = "Completed"
	}
	return how
}

// crash: it ended, and waits for its next try.
func crash(s *corev1.ContainerStatus, message string) {
	remember(s)
	wait(s, "CrashLoopBackOff", message)
}

// again: the next try begins.
func again(s *corev1.ContainerStatus) {
	remember(s)
	wait(s, "ContainerCreating", "")
	s.RestartCount++
}

// remember makes the run that has ended the last one.
func remember(s *corev1.ContainerStatus) {
	if s.State.Terminated != nil {
		s.LastTerminationState = corev1.ContainerState{Terminated: s.State.Terminated}
	}
}

// unstarted tells of a container that has not run yet, which keeps its pod pending.
func unstarted(s corev1.ContainerStatus) bool {
	return s.State.Waiting != nil && s.LastTerminationState.Terminated == nil
}
