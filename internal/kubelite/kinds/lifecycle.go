package kinds

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Birth is what chance and the clock give a new object.
type Birth struct {
	Now    time.Time
	UID    types.UID
	Suffix string // what generateName lacks
}

var errStale = errors.New("the object has been modified; please apply your changes to the latest version and try again")

// Create makes o, as a client sent it, an object of its own in a namespace. It changes o.
func (k *Kind) Create(o Object, namespace string, b Birth) error {
	if err := k.place(o, namespace); err != nil {
		return err
	}
	if o.GetName() == "" && o.GetGenerateName() != "" {
		o.SetName(o.GetGenerateName() + b.Suffix)
	}
	o.SetUID(b.UID)
	o.SetCreationTimestamp(metav1.NewTime(b.Now.Truncate(time.Second)))
	o.SetDeletionTimestamp(nil)
	o.SetDeletionGracePeriodSeconds(nil)
	o.SetManagedFields(nil)
	o.SetResourceVersion("")
	if k.Status {
		o.SetGeneration(1)
	}
	if k.Status && !k.registers {
		status(o).SetZero()
	}
	return k.check(o, nil)
}

func (k *Kind) place(o Object, namespace string) error {
	if k.Namespaced && o.GetNamespace() == "" {
		o.SetNamespace(namespace)
	}
	if o.GetNamespace() != namespace {
		return apierrors.NewBadRequest(fmt.Sprintf("the namespace of the provided object does not match the namespace sent on the request (%q, %q)", o.GetNamespace(), namespace))
	}
	return nil
}

// Update makes o, as a client sent it, the next version of old. With onlyStatus nothing but the status, labels and annotations
// may change, else everything but the status. It changes o; where nothing is different, the result is old itself.
func (k *Kind) Update(o, old Object, onlyStatus bool) (Object, error) {
	if err := k.place(o, old.GetNamespace()); err != nil {
		return nil, err
	}
	if err := k.current(o, old); err != nil {
		return nil, err
	}
	if onlyStatus {
		o = withStatusOf(o, old)
	} else if k.Status {
		status(o).Set(status(old.DeepCopyObject().(Object)))
	}
	k.keepIdentity(o, old)
	if err := k.check(o, old); err != nil {
		return nil, err
	}
	annotated := k.annotated && !onlyStatus && !equality.Semantic.DeepEqual(o.GetAnnotations(), old.GetAnnotations())
	if annotated || k.Status && !equality.Semantic.DeepEqual(spec(o), spec(old)) {
		o.SetGeneration(old.GetGeneration() + 1)
	}
	if equality.Semantic.DeepEqual(o, old) {
		return old, nil
	}
	return o, nil
}

// current refuses an update that was made of another version, or of an earlier object of the same name.
func (k *Kind) current(o, old Object) error {
	switch {
	case o.GetName() != old.GetName():
		return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", o.GetName(), old.GetName()))
	case o.GetUID() != "" && o.GetUID() != old.GetUID():
		return apierrors.NewConflict(k.GroupResource(), o.GetName(), otherUID(o.GetUID(), old))
	case o.GetResourceVersion() == "" && k.needsRV:
		return k.invalid(o, field.ErrorList{field.Invalid(field.NewPath("metadata", "resourceVersion"), "", "must be specified for an update")})
	case o.GetResourceVersion() != "" && o.GetResourceVersion() != old.GetResourceVersion():
		return apierrors.NewConflict(k.GroupResource(), o.GetName(), errStale)
	}
	return nil
}

func otherUID(asked types.UID, o Object) error {
	words := fmt.Sprintf("Precondition failed: UID in precondition: %s, UID in object meta: %s", asked, o.GetUID())
	return errors.New(words)
}

// keepIdentity carries over what no client may change.
func (k *Kind) keepIdentity(o, old Object) {
	o.SetUID(old.GetUID())
	o.SetResourceVersion(old.GetResourceVersion())
	o.SetCreationTimestamp(old.GetCreationTimestamp())
	o.SetGenerateName(old.GetGenerateName())
	o.SetGeneration(old.GetGeneration())
	o.SetDeletionTimestamp(old.GetDeletionTimestamp())
	o.SetDeletionGracePeriodSeconds(old.GetDeletionGracePeriodSeconds())
	o.SetManagedFields(nil)
}

func withStatusOf(o, old Object) Object {
	next := old.DeepCopyObject().(Object)
	next.SetLabels(o.GetLabels())
	next.SetAnnotations(o.GetAnnotations())
	status(next).Set(status(o))
	return next
}

func (k *Kind) check(o, old Object) error {
	if k.defaults != nil {
		k.defaults(o, old)
	}
	o.GetObjectKind().SetGroupVersionKind(k.GroupVersionKind)
	errs := validation.ValidateObjectMetaAccessor(o, k.Namespaced, k.name, field.NewPath("metadata"))
	if k.validate != nil {
		errs = append(errs, k.validate(o, old)...)
	}
	return k.invalid(o, errs)
}

func (k *Kind) invalid(o Object, errs field.ErrorList) error {
	if len(errs) == 0 {
		return nil
	}
	return apierrors.NewInvalid(k.GroupKind(), o.GetName(), errs)
}

// Delete is what a request to delete makes of an object: nil when it goes at once; else the object, marked, for whoever runs it
// to end and to delete for good with a grace of 0.
func (k *Kind) Delete(old Object, o metav1.DeleteOptions, now time.Time) (Object, error) {
	if p := o.Preconditions; p != nil {
		if p.UID != nil && *p.UID != old.GetUID() {
			return nil, apierrors.NewConflict(k.GroupResource(), old.GetName(), otherUID(*p.UID, old))
		}
		if p.ResourceVersion != nil && *p.ResourceVersion != old.GetResourceVersion() {
			return nil, apierrors.NewConflict(k.GroupResource(), old.GetName(), errStale)
		}
	}
	grace := k.grace(old, o.GracePeriodSeconds)
	if grace == 0 && len(old.GetFinalizers()) == 0 {
		return nil, nil
	}
	if left := old.GetDeletionGracePeriodSeconds(); old.GetDeletionTimestamp() != nil && (left == nil || *left <= grace) {
		return old, nil
	}
	next := old.DeepCopyObject().(Object)
	end := metav1.NewTime(now.Truncate(time.Second).Add(time.Duration(grace) * time.Second))
	next.SetDeletionTimestamp(&end)
	next.SetDeletionGracePeriodSeconds(&grace)
	if k.Status {
		next.SetGeneration(old.GetGeneration() + 1)
	}
	return next, nil
}

func (k *Kind) grace(o Object, asked *int64) int64 {
	if k.graceful == nil {
		return 0
	}
	allowed := k.graceful(o)
	if asked == nil || allowed == 0 {
		return allowed
	}
	return max(0, *asked)
}

// Ended tells whether an object that was to be deleted has lost the last finalizer that kept it.
func Ended(o Object) bool {
	left := o.GetDeletionGracePeriodSeconds()
	return o.GetDeletionTimestamp() != nil && len(o.GetFinalizers()) == 0 && (left == nil || *left == 0)
}

func status(o Object) reflect.Value { return reflect.ValueOf(o).Elem().FieldByName("Status") }

func spec(o Object) any { return reflect.ValueOf(o).Elem().FieldByName("Spec").Interface() }

// podGrace: a pod that runs nowhere has nothing to end.
func podGrace(o Object) int64 {
	p := o.(*corev1.Pod)
	if p.Spec.NodeName == "" || p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return 0
	}
	return *p.Spec.TerminationGracePeriodSeconds
}
