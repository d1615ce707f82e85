package kinds

import (
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ScaleOf is the scale of a Deployment: the one number that an autoscaler may write.
func ScaleOf(d *appsv1.Deployment) *autoscalingv1.Scale {
	scale := &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{
			Name: d.Name, Namespace: d.Namespace, UID: d.UID, ResourceVersion: d.ResourceVersion, CreationTimestamp: d.CreationTimestamp,
		},
		Spec:   autoscalingv1.ScaleSpec{Replicas: *d.Spec.Replicas},
		Status: autoscalingv1.ScaleStatus{Replicas: d.Status.Replicas, Selector: metav1.FormatLabelSelector(d.Spec.Selector)},
	}
	scale.SetGroupVersionKind(autoscalingv1.SchemeGroupVersion.WithKind("Scale"))
	return scale
}

// Rescaled is a Deployment, as kind k has it, with the replicas of a scale.
func (k *Kind) Rescaled(d *appsv1.Deployment, scale *autoscalingv1.Scale) (Object, error) {
	if errs := ValidateReplicas(scale.Spec.Replicas); len(errs) > 0 {
		return nil, apierrors.NewInvalid(scale.GroupVersionKind().GroupKind(), d.Name, errs)
	}
	next := d.DeepCopy()
	next.Spec.Replicas = &scale.Spec.Replicas
	next.Name, next.UID, next.ResourceVersion = scale.Name, scale.UID, scale.ResourceVersion
	return k.Update(next, d, false)
}
