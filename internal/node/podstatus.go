package node

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// podFacts are what a pod's status is made of.
type podFacts struct {
	began         time.Time
	podIP, hostIP string // podIP is empty while there is none
	containers    []corev1.ContainerStatus
	over          bool // nothing of it will run any more,
	nodeStops     bool // because the node's agent ends
}

// podStatus is what the node says of a pod. before is what was said last: a condition that has not changed keeps its date.
func podStatus(policy corev1.RestartPolicy, f podFacts, before corev1.PodStatus, now time.Time) corev1.PodStatus {
	s := corev1.PodStatus{
		Phase:             phase(policy, f),
		HostIP:            f.hostIP,
		HostIPs:           []corev1.HostIP{{IP: f.hostIP}},
		StartTime:         &metav1.Time{Time: f.began.Truncate(time.Second)},
		QOSClass:          before.QOSClass,
		ContainerStatuses: f.containers,
	}
	if f.podIP != "" {
		s.PodIP, s.PodIPs = f.podIP, []corev1.PodIP{{IP: f.podIP}}
	}
	if f.nodeStops {
		s.Reason, s.Message = "Terminated", "Pod was terminated in response to imminent node shutdown."
	}
	s.Conditions = conditions(s, before.Conditions, now)
	return s
}

// phase sums the containers up, as the kubelet does: one that has not started yet outweighs those that run, and those that run the
// ones that have ended.
func phase(policy corev1.RestartPolicy, f podFacts) corev1.PodPhase {
	any := func(is func(corev1.ContainerStatus) bool) bool { return slices.ContainsFunc(f.containers, is) }
	failed := any(func(s corev1.ContainerStatus) bool {
		return s.State.Terminated == nil || s.State.Terminated.ExitCode != 0
	})
	ended := !any(func(s corev1.ContainerStatus) bool { return s.State.Terminated == nil })
	switch {
	case f.nodeStops, f.over && failed:
		return corev1.PodFailed
	case f.over, ended && !failed && policy != corev1.RestartPolicyAlways:
		return corev1.PodSucceeded
	case ended && policy == corev1.RestartPolicyNever:
		return corev1.PodFailed
	case any(unstarted):
		return corev1.PodPending
	}
	return corev1.PodRunning
}

func conditions(s corev1.PodStatus, before []corev1.PodCondition, now time.Time) []corev1.PodCondition {
	ready := corev1.PodCondition{Status: corev1.ConditionTrue}
	var waiting []string
	for _, c := range s.ContainerStatuses {
		if !c.Ready {
			waiting = append(waiting, c.Name)
		}
	}
	switch {
	case s.Phase == corev1.PodSucceeded:
		ready = corev1.PodCondition{Status: corev1.ConditionFalse, Reason: "PodCompleted"}
	case s.Phase == corev1.PodFailed:
		ready = corev1.PodCondition{Status: corev1.ConditionFalse, Reason: "PodFailed"}
	case len(waiting) > 0:
		ready = corev1.PodCondition{
			Status: corev1.ConditionFalse, Reason: "ContainersNotReady",
			Message: fmt.Sprintf("containers with unready status: [%s]", strings.Join(waiting, " ")),
		}
	}
	hasAddress := corev1.PodCondition{Status: corev1.ConditionFalse}
	if s.PodIP != "" {
		hasAddress.Status = corev1.ConditionTrue
	}
	return []corev1.PodCondition{
		dated(corev1.PodReadyToStartContainers, hasAddress, before, now),
		dated(corev1.PodInitialized, corev1.PodCondition{Status: corev1.ConditionTrue}, before, now),
		dated(corev1.PodReady, ready, before, now),
		dated(corev1.ContainersReady, ready, before, now),
		dated(corev1.PodScheduled, corev1.PodCondition{Status: corev1.ConditionTrue}, before, now),
	}
}

// dated gives a condition its type, and the instant when it last became what it is.
func dated(kind corev1.PodConditionType, c corev1.PodCondition, before []corev1.PodCondition, now time.Time) corev1.PodCondition {
	c.Type, c.LastTransitionTime = kind, metav1.NewTime(now.Truncate(time.Second))
	for _, b := range before {
		if b.Type == kind && b.Status == c.Status {
			c.LastTransitionTime = b.LastTransitionTime
		}
	}
	return c
}

func sameStatus(a, b corev1.PodStatus) bool { return equality.Semantic.DeepEqual(a, b) }
