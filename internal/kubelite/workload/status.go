package workload

import (
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// status is what a Deployment says of itself: counts, whether enough is available, and whether the roll-out is complete. A
// roll-out has no deadline here.
func status(d *appsv1.Deployment, c census, least int, now time.Time) appsv1.DeploymentStatus {
	alive := len(c.updated) + len(c.outdated)
	terminating := int32(c.terminating)
	s := appsv1.DeploymentStatus{
		ObservedGeneration: d.Generation, Replicas: int32(alive), UpdatedReplicas: int32(len(c.updated)), ReadyReplicas: int32(c.ready),
		AvailableReplicas: int32(c.available), UnavailableReplicas: max(0, *d.Spec.Replicas-int32(c.available)), TerminatingReplicas: &terminating,
	}
	s.Conditions = []appsv1.DeploymentCondition{
		settle(availability(c.available, least), d.Status.Conditions, now), settle(progress(d, &s), d.Status.Conditions, now),
	}
	return s
}

func availability(available, least int) appsv1.DeploymentCondition {
	if available >= least {
		return deploymentCondition(appsv1.DeploymentAvailable, corev1.ConditionTrue, "MinimumReplicasAvailable", "Deployment has minimum availability.")
	}
	return deploymentCondition(appsv1.DeploymentAvailable, corev1.ConditionFalse, "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
}

func progress(d *appsv1.Deployment, s *appsv1.DeploymentStatus) appsv1.DeploymentCondition {
	if s.UpdatedReplicas == *d.Spec.Replicas && s.Replicas == s.UpdatedReplicas && s.AvailableReplicas == s.UpdatedReplicas {
		return deploymentCondition(appsv1.DeploymentProgressing, corev1.ConditionTrue, "NewReplicaSetAvailable", fmt.Sprintf("Deployment %q has successfully progressed.", d.Name))
	}
	return deploymentCondition(appsv1.DeploymentProgressing, corev1.ConditionTrue, "ReplicaSetUpdated", fmt.Sprintf("Deployment %q is progressing.", d.Name))
}

// settle dates a condition: its transition is when its status changed, its update when it said something new.
func settle(c appsv1.DeploymentCondition, before []appsv1.DeploymentCondition, now time.Time) appsv1.DeploymentCondition {
	c.LastUpdateTime = metav1.NewTime(now.Truncate(time.Second))
	c.LastTransitionTime = c.LastUpdateTime
	for _, last := range before {
		if last.Type == c.Type && last.Status == c.Status {
			c.LastTransitionTime = last.LastTransitionTime
			if last.Reason == c.Reason {
				c.LastUpdateTime = last.LastUpdateTime
			}
		}
	}
	return c
}

func deploymentCondition(kind appsv1.DeploymentConditionType, status corev1.ConditionStatus, reason, message string) appsv1.DeploymentCondition {
	return appsv1.DeploymentCondition{Type: kind, Status: status, Reason: reason, Message: message}
}
