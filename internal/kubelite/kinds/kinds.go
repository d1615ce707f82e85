// Package kinds is what a small Kubernetes API knows of its objects: their names, their defaults, what is valid, what an update
// or a deletion may change, and how kubectl shows them in a table. Values in, values out; the words are Kubernetes' own.
package kinds

import (
	"resnet-autoscaling/internal/kubelite/store"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// maxEvents bounds the Events that are kept: what a person reads back, not an archive.
const maxEvents = 1000

// Object is any API object, as the store keeps it.
type Object = store.Object

// Kind is one resource of the API.
type Kind struct {
	schema.GroupVersionKind
	Plural, Singular string
	Short            []string
	Namespaced       bool
	// Status: the status is a subresource, and what is not status counts as the object's generation.
	Status bool
	// Limit is how many objects there may be; 0: any number.
	Limit int

	table     string // where another kind keeps the objects
	name      validation.ValidateNameFunc
	graceful  func(Object) int64 // seconds that the object has to end; nil: none
	defaults  func(o, old Object)
	validate  func(o, old Object) field.ErrorList
	fields    func(Object) fields.Set
	columns   []Column
	view      func(Object) Object // the object as this kind, where another kind keeps it
	stored    func(Object) Object // and the way back
	needsRV   bool                // an update has to say which version it is of
	registers bool                // a new object brings its status
	annotated bool                // annotations count as the generation too, as the API server has it for Deployments
}

// All are the kinds that are served. Their order is that of discovery.
func All() []*Kind { return all }

var all = []*Kind{
	{
		GroupVersionKind: corev1.SchemeGroupVersion.WithKind("Pod"), Plural: "pods", Singular: "pod", Short: []string{"po"}, Namespaced: true,
		Status: true, name: validation.NameIsDNSSubdomain, graceful: podGrace, defaults: typed(defaultPod), validate: typedErrors(validatePod),
		fields: podFields, columns: podColumns,
	},
	{
		GroupVersionKind: corev1.SchemeGroupVersion.WithKind("Service"), Plural: "services", Singular: "service", Short: []string{"svc"}, Namespaced: true,
		Status: true, name: validation.NameIsDNS1035Label, defaults: typed(defaultService), validate: typedErrors(validateService), columns: serviceColumns,
	},
	{
		GroupVersionKind: corev1.SchemeGroupVersion.WithKind("Node"), Plural: "nodes", Singular: "node", Short: []string{"no"},
		Status: true, registers: true, name: validation.NameIsDNSSubdomain, columns: nodeColumns,
	},
	{
		GroupVersionKind: corev1.SchemeGroupVersion.WithKind("Namespace"), Plural: "namespaces", Singular: "namespace", Short: []string{"ns"},
		Status: true, name: validation.NameIsDNSLabel, defaults: typed(defaultNamespace),
	},
	{
		GroupVersionKind: corev1.SchemeGroupVersion.WithKind("Event"), Plural: "events", Singular: "event", Short: []string{"ev"}, Namespaced: true,
		Limit: maxEvents, name: validation.NameIsDNSSubdomain, fields: eventFields, columns: eventColumns,
	},
	{
		GroupVersionKind: eventsv1.SchemeGroupVersion.WithKind("Event"), Plural: "events", Singular: "event", Namespaced: true,
		table: "events.", name: validation.NameIsDNSSubdomain, fields: eventFields, columns: eventColumns, view: viewEvent, stored: storedEvent,
	},
	{
		GroupVersionKind: appsv1.SchemeGroupVersion.WithKind("Deployment"), Plural: "deployments", Singular: "deployment", Short: []string{"deploy"},
		Namespaced: true, Status: true, annotated: true, name: validation.NameIsDNSSubdomain, defaults: typed(defaultDeployment),
		validate: typedErrors(validateDeployment), columns: deploymentColumns,
	},
	{
		GroupVersionKind: discoveryv1.SchemeGroupVersion.WithKind("EndpointSlice"), Plural: "endpointslices", Singular: "endpointslice", Namespaced: true,
		name: validation.NameIsDNSSubdomain, defaults: typed(defaultEndpointSlice), validate: typedErrors(validateEndpointSlice),
	},
	{
		GroupVersionKind: coordinationv1.SchemeGroupVersion.WithKind("Lease"), Plural: "leases", Singular: "lease", Namespaced: true,
		name: validation.NameIsDNSSubdomain, needsRV: true,
	},
	{
		GroupVersionKind: autoscalingv2.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler"), Plural: "horizontalpodautoscalers",
		Singular: "horizontalpodautoscaler", Short: []string{"hpa"}, Namespaced: true, Status: true, name: validation.NameIsDNSSubdomain,
	},
}

// Scheme knows every type that the API takes or gives.
var Scheme = newScheme()

func newScheme() *runtime.Scheme {
	s := runtime.NewScheme()
	metav1.AddToGroupVersion(s, schema.GroupVersion{Version: "v1"})
	for _, add := range []func(*runtime.Scheme) error{
		corev1.AddToScheme, appsv1.AddToScheme, discoveryv1.AddToScheme, coordinationv1.AddToScheme, eventsv1.AddToScheme,
		autoscalingv1.AddToScheme, autoscalingv2.AddToScheme,
	} {
		if err := add(s); err != nil {
			panic(err) // two types under one name: wrong for every input
		}
	}
	return s
}

// Find returns the kind of a resource, nil where it is not served.
func Find(group, version, plural string) *Kind {
	for _, k := range all {
		if k.Group == group && k.Version == version && k.Plural == plural {
			return k
		}
	}
	return nil
}

// Table is the name under which the store keeps the objects.
func (k *Kind) Table() string {
	if k.table != "" {
		return k.table
	}
	return k.Plural + "." + k.Group
}

// GroupResource names the resource in errors.
func (k *Kind) GroupResource() schema.GroupResource {
	return schema.GroupResource{Group: k.Group, Resource: k.Plural}
}

// IsView tells whether another kind keeps the objects of this one.
func (k *Kind) IsView() bool { return k.table != "" }

// View is a stored object as this kind shows it.
func (k *Kind) View(o Object) Object {
	if k.view == nil {
		return o
	}
	return k.view(o)
}

// Stored is an object of this kind as the store keeps it.
func (k *Kind) Stored(o Object) Object {
	if k.stored == nil {
		return o
	}
	return k.stored(o)
}

// New makes an empty object of the kind.
func (k *Kind) New() Object {
	o, err := Scheme.New(k.GroupVersionKind)
	if err != nil {
		panic(err) // every kind of the table is in the scheme
	}
	o.GetObjectKind().SetGroupVersionKind(k.GroupVersionKind)
	return o.(Object)
}

// Fields are the fields of an object that a field selector may name.
func (k *Kind) Fields(o Object) fields.Set {
	set := fields.Set{}
	if k.fields != nil {
		set = k.fields(o)
	}
	set["metadata.name"] = o.GetName()
	if k.Namespaced {
		set["metadata.namespace"] = o.GetNamespace()
	}
	return set
}

func typed[T Object](f func(o, old T)) func(o, old Object) {
	return func(o, old Object) {
		before, _ := old.(T) // nil on creation
		f(o.(T), before)
	}
}

func typedErrors[T Object](f func(o, old T) field.ErrorList) func(o, old Object) field.ErrorList {
	return func(o, old Object) field.ErrorList {
		before, _ := old.(T)
		return f(o.(T), before)
	}
}
