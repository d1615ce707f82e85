package kinds

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/fields"
)

// The two shapes of one Event: v1 is stored, events.k8s.io/v1 is a view of it.

func storedEvent(o Object) Object {
	e := o.(*eventsv1.Event)
	stored := &corev1.Event{
		ObjectMeta: e.ObjectMeta, InvolvedObject: e.Regarding, Related: e.Related, Reason: e.Reason, Message: e.Note, Type: e.Type,
		Action: e.Action, EventTime: e.EventTime, ReportingController: e.ReportingController, ReportingInstance: e.ReportingInstance,
		Source: e.DeprecatedSource, FirstTimestamp: e.DeprecatedFirstTimestamp, LastTimestamp: e.DeprecatedLastTimestamp, Count: e.DeprecatedCount,
	}
	if e.Series != nil {
		stored.Series = &corev1.EventSeries{Count: e.Series.Count, LastObservedTime: e.Series.LastObservedTime}
	}
	stored.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Event"))
	return stored
}

func viewEvent(o Object) Object {
	e := o.(*corev1.Event).DeepCopy()
	view := &eventsv1.Event{
		ObjectMeta: e.ObjectMeta, Regarding: e.InvolvedObject, Related: e.Related, Reason: e.Reason, Note: e.Message, Type: e.Type,
		Action: e.Action, EventTime: e.EventTime, ReportingController: e.ReportingController, ReportingInstance: e.ReportingInstance,
		DeprecatedSource: e.Source, DeprecatedFirstTimestamp: e.FirstTimestamp, DeprecatedLastTimestamp: e.LastTimestamp, DeprecatedCount: e.Count,
	}
	if e.Series != nil {
		view.Series = &eventsv1.EventSeries{Count: e.Series.Count, LastObservedTime: e.Series.LastObservedTime}
	}
	view.SetGroupVersionKind(eventsv1.SchemeGroupVersion.WithKind("Event"))
	return view
}

func podFields(o Object) fields.Set {
	p := o.(*corev1.Pod)
	return fields.Set{"spec.nodeName": p.Spec.NodeName, "status.phase": string(p.Status.Phase), "status.podIP": p.Status.PodIP}
}

// eventFields takes the stored shape. The involved object is `regarding` in the newer one.
func eventFields(o Object) fields.Set {
	e := o.(*corev1.Event)
	set := fields.Set{"reason": e.Reason, "type": e.Type, "reportingComponent": cmp.Or(e.ReportingController, e.Source.Component)}
	for name, value := range map[string]string{
		"kind": e.InvolvedObject.Kind, "namespace": e.InvolvedObject.Namespace, "name": e.InvolvedObject.Name, "uid": string(e.InvolvedObject.UID),
		"apiVersion": e.InvolvedObject.APIVersion, "fieldPath": e.InvolvedObject.FieldPath,
	} {
		set["involvedObject."+name], set["regarding."+name] = value, value
	}
	return set
}
