package kubelite

import (
	"context"
	"errors"
	"time"

	"resnet-autoscaling/internal/kubelite/kinds"
	"resnet-autoscaling/internal/kubelite/store"
	"resnet-autoscaling/internal/kubelite/workload"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	tick          = time.Second // for what only time changes: minReadySeconds, deadlines, old Events
	eventLifetime = time.Hour
)

// control looks at everything after each change and takes the next step towards what is asked for. What it changes is a change
// too, so it comes to rest only when nothing is left to do.
func (s *Server) control(ctx context.Context) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		changed := s.api.store.Changed()
		if err := s.api.reconcile(); err != nil {
			s.o.Log.Error("controllers: a step failed; it is tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-ticker.C:
		}
	}
}

func (a *api) reconcile() error {
	return errors.Join(a.collect(), a.rollOut(), a.schedule(), a.connect(), a.forget())
}

// collect deletes what has lost all its owners.
func (a *api) collect() error {
	alive := map[types.UID]bool{}
	var owned []func() error
	for _, k := range kinds.All() {
		for _, o := range all[kinds.Object](a, k) {
			alive[o.GetUID()] = true
			if len(o.GetOwnerReferences()) > 0 && o.GetDeletionTimestamp() == nil {
				owned = append(owned, func() error {
					for _, owner := range o.GetOwnerReferences() {
						if alive[owner.UID] {
							return nil
						}
					}
					return a.drop(k, o)
				})
			}
		}
	}
	var errs []error
	for _, check := range owned {
		errs = append(errs, check())
	}
	return errors.Join(errs...)
}

func (a *api) drop(k *kinds.Kind, o kinds.Object) error {
	uid := o.GetUID()
	_, _, err := a.remove(k, store.KeyOf(o), metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}})
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // gone already, or another one of its name
	}
	return err
}

// rollOut takes each Deployment's next step.
func (a *api) rollOut() error {
	var errs []error
	every := all[*corev1.Pod](a, pods)
	for _, d := range all[*appsv1.Deployment](a, deployments) {
		var own []*corev1.Pod
		for _, p := range every {
			if metav1.IsControlledBy(p, d) {
				own = append(own, p)
			}
		}
		r := workload.Plan(d, own, a.now())
		for range r.Create {
			_, err := a.create(pods, d.Namespace, r.Pod.DeepCopy())
			errs = append(errs, err)
		}
		for _, p := range r.Remove {
			errs = append(errs, a.drop(pods, p))
		}
		errs = append(errs, a.setStatus(deployments, d, func(o kinds.Object) { o.(*appsv1.Deployment).Status = r.Status }))
	}
	return errors.Join(errs...)
}

// revise writes what change makes of an object, unless the object is no longer the one that was seen: then the next look decides.
func (a *api) revise(k *kinds.Kind, seen kinds.Object, change func(kinds.Object) (kinds.Object, error)) error {
	_, err := a.update(k, store.KeyOf(seen), func(current kinds.Object) (kinds.Object, error) {
		if current != seen {
			return current, nil
		}
		return change(seen.DeepCopyObject().(kinds.Object))
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// setStatus is revise for the status alone.
func (a *api) setStatus(k *kinds.Kind, seen kinds.Object, set func(kinds.Object)) error {
	return a.revise(k, seen, func(next kinds.Object) (kinds.Object, error) {
		set(next)
		return k.Update(next, seen, true)
	})
}

// schedule gives pods their node.
func (a *api) schedule() error {
	bound, refused := workload.Schedule(all[*corev1.Pod](a, pods), all[*corev1.Node](a, nodes))
	var errs []error
	for p, node := range bound {
		errs = append(errs, a.revise(pods, p, func(next kinds.Object) (kinds.Object, error) {
			workload.Bind(next.(*corev1.Pod), node, a.now())
			return next, nil
		}))
	}
	for p, why := range refused {
		errs = append(errs, a.setStatus(pods, p, func(next kinds.Object) { workload.Refuse(next.(*corev1.Pod), why, a.now()) }))
	}
	return errors.Join(errs...)
}

// connect keeps the EndpointSlices of the Services that select pods.
func (a *api) connect() error {
	every := all[*corev1.Pod](a, pods)
	present := map[store.Key]*discoveryv1.EndpointSlice{}
	for _, slice := range all[*discoveryv1.EndpointSlice](a, slicesKind) {
		if slice.Labels[discoveryv1.LabelManagedBy] == workload.SliceManager {
			present[store.KeyOf(slice)] = slice
		}
	}
	var errs []error
	for _, service := range all[*corev1.Service](a, services) {
		for _, want := range workload.Slices(service, every) {
			errs = append(errs, a.put(want, present[store.KeyOf(want)]))
			delete(present, store.KeyOf(want))
		}
	}
	for _, left := range present {
		errs = append(errs, a.drop(slicesKind, left))
	}
	return errors.Join(errs...)
}

func (a *api) put(want, present *discoveryv1.EndpointSlice) error {
	if present == nil {
		_, err := a.create(slicesKind, want.Namespace, want)
		return err
	}
	return a.revise(slicesKind, present, func(kinds.Object) (kinds.Object, error) { return slicesKind.Update(want, present, false) })
}

// forget drops Events that are of no interest any more.
func (a *api) forget() error {
	var errs []error
	for _, e := range all[*corev1.Event](a, events) {
		if a.now().Sub(kinds.LastSeen(e)) > eventLifetime {
			errs = append(errs, a.drop(events, e))
		}
	}
	return errors.Join(errs...)
}
