package kube

import (
	"context"
)

// Desired is how many replicas the Deployment's scale asks for. It reads only the scale subresource.
func (d *Deployment) Desired(ctx context.Context) (int, error) {
	scale, err := d.scale(ctx)
	if err != nil {
		return 0, d.failed("read the scale of deployment", "get", "deployments/scale", err)
	}
	return int(scale.Spec.Replicas), nil
}
