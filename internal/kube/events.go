package kube

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/gentype"
	"k8s.io/client-go/rest"
)

func eventsOf(core rest.Interface, namespace string) *events {
	return gentype.NewClientWithList("events", core, parameterCodec, namespace, newOf[corev1.Event], newOf[corev1.EventList])
}

// newEvent is an Event that one of our components writes.
func newEvent(component string, about corev1.ObjectReference, kind, reason, message string, at time.Time) *corev1.Event {
	when := metav1.NewTime(at)
	return &corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{GenerateName: about.Name + "-", Namespace: about.Namespace},
		InvolvedObject: about, Type: kind, Reason: reason, Message: message, Count: 1, FirstTimestamp: when, LastTimestamp: when,
		Source: corev1.EventSource{Component: component}, ReportingController: "resnet-autoscaling/" + component,
	}
}

// failed says what went wrong; to a 403 it adds what an administrator has to grant.
func failed(op, namespace, verb, resource string, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", op, err)
	if !apierrors.IsForbidden(err) {
		return err
	}
	return fmt.Errorf("%w (the right that is missing: %s on %s in namespace %s)", err, verb, resource, namespace)
}
