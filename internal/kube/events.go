package kube

import (
	"time"

	corev1 "k8s.io/api/core/v1"
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
