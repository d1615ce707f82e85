package kube

import (
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// failed says what went wrong.
func failed(op, namespace, verb, resource string, err error) error {
	if err == nil {
		return nil
	}
	return withRight(fmt.Errorf("%s: %w", op, err), verb, resource, namespace)
}

// withRight adds to a 403 what an administrator has to grant.
func withRight(err error, verbs, resource, namespace string) error {
	if !apierrors.IsForbidden(err) {
		return err
	}
	return fmt.Errorf("%w (the right that is missing: %s on %s in namespace %s)", err, verbs, resource, namespace)
}
