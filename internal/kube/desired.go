package kube

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Desired is how many replicas the Deployment's scale asks for. It reads only the scale subresource.
func (d *Deployment) Desired(ctx context.Context) (int, error) {
	scale, err := d.apps.Deployments(d.namespace).GetScale(ctx, d.name, metav1.GetOptions{})
	if err != nil {
		return 0, d.failed("read the scale of deployment", "get", "deployments/scale", err)
	}
	return int(scale.Spec.Replicas), nil
}
