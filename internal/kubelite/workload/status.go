package workload

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// status is what a Deployment says of itself: counts, whether enough is available, and whether the roll-out moves.
func status(d *appsv1.Deployment, c census, least int, now time.Time) appsv1.DeploymentStatus {
	alive := len(c.updated) + len(c.outdated)
	terminating := int32(c.terminating)
	s := appsv1.DeploymentStatus{
		ObservedGeneration: d.Generation, Replicas: int32(alive), UpdatedReplicas: int32(len(c.updated)), ReadyReplicas: int32(c.ready),
		AvailableReplicas: int32(c.available), UnavailableReplicas: max(0, *d.Spec.Replicas-int32(c.available)), TerminatingReplicas: &terminating,
	}
	complete := s.UpdatedReplicas == *d.Spec.Replicas && s.Replicas == s.UpdatedReplicas && s.AvailableReplicas == s.UpdatedReplicas
	moved := moved(&s, &d.Status)
	s.Conditions = []appsv1.DeploymentCondition{
		settle(availability(c.available, least), d.Status.Conditions, false, now),
		settle(progress(d, complete, moved, now), d.Status.Conditions, moved, now),
	}
	return s
}

func availability(available, least int) appsv1.DeploymentCondition {
	if available >= least {
		return deploymentCondition(appsv1.DeploymentAvailable, corev1.ConditionTrue, "MinimumReplicasAvailable", "Deployment has minimum availability.")
	}
	return deploymentCondition(appsv1.DeploymentAvailable, corev1.ConditionFalse, "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
}

func progress(d *appsv1.Deployment, complete, moved bool, now time.Time) appsv1.DeploymentCondition {
	if complete {
		return deploymentCondition(appsv1.DeploymentProgressing, corev1.ConditionTrue, "NewReplicaSetAvailable", fmt.Sprintf("Deployment %q has successfully progressed.", d.Name))
	}
	last := find(d.Status.Conditions, appsv1.DeploymentProgressing)
	patience := time.Duration(*d.Spec.ProgressDeadlineSeconds) * time.Second
	if last != nil && last.Reason != "NewReplicaSetAvailable" && !moved && now.After(last.LastUpdateTime.Add(patience)) {
		return deploymentCondition(appsv1.DeploymentProgressing, corev1.ConditionFalse, "ProgressDeadlineExceeded", fmt.Sprintf("Deployment %q has timed out progressing.", d.Name))
	}
	return deploymentCondition(appsv1.DeploymentProgressing, corev1.ConditionTrue, "ReplicaSetUpdated", fmt.Sprintf("Deployment %q is progressing.", d.Name))
}

// moved tells whether pods were made, or became ready or available, since the last status.
func moved(s, last *appsv1.DeploymentStatus) bool {
	return s.UpdatedReplicas != last.UpdatedReplicas || s.ReadyReplicas > last.ReadyReplicas || s.AvailableReplicas > last.AvailableReplicas ||
		s.ObservedGeneration != last.ObservedGeneration
}

// settle dates a condition: its transition is when its status changed, its update when it said something new.
func settle(c appsv1.DeploymentCondition, before []appsv1.DeploymentCondition, moved bool, now time.Time) appsv1.DeploymentCondition {
	c.LastUpdateTime, c.LastTransitionTime = metav1.NewTime(now.Truncate(time.Second)), metav1.NewTime(now.Truncate(time.Second))
	last := find(before, c.Type)
	if last == nil {
		return c
	}
	if last.Status == c.Status {
		c.LastTransitionTime = last.LastTransitionTime
	}
	if last.Status == c.Status && last.Reason == c.Reason && !moved {
		c.LastUpdateTime = last.LastUpdateTime
	}
	return c
}

func deploymentCondition(kind appsv1.DeploymentConditionType, status corev1.ConditionStatus, reason, message string) appsv1.DeploymentCondition {
	return appsv1.DeploymentCondition{Type: kind, Status: status, Reason: reason, Message: message}
}

func find(conditions []appsv1.DeploymentCondition, kind appsv1.DeploymentConditionType) *appsv1.DeploymentCondition {
	for i := range conditions {
		if conditions[i].Type == kind {
			return &conditions[i]
		}
	}
	return nil
}
