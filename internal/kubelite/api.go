package kubelite

import (
	"time"

	"resnet-autoscaling/internal/kubelite/kinds"
	"resnet-autoscaling/internal/kubelite/store"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/apimachinery/pkg/util/uuid"
)

// history is how far a watcher may be behind before it has to list again: as long as an API server whose etcd is compacted every five minutes,
// its default, and so many changes of a kind.
var history = store.Memory{Time: 5 * time.Minute, Changes: 2000}

// api is what the server can do, by whatever way it is asked. Its errors are Kubernetes' Statuses.
type api struct {
	store *store.Store
	now   func() time.Time
}

func newAPI(now func() time.Time) (*api, error) {
	a := &api{store: store.New(history, now), now: now}
	for _, k := range kinds.All() {
		if !k.IsView() {
			a.store.Table(k.Table(), k.Limit)
		}
	}
	for _, name := range []string{metav1.NamespaceDefault, "kube-node-lease", metav1.NamespaceSystem} {
		namespace := namespaces.New()
		namespace.SetName(name)
		if _, err := a.create(namespaces, "", namespace); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (a *api) get(k *kinds.Kind, key store.Key) (kinds.Object, error) {
	if o := a.store.Get(k.Table(), key); o != nil {
		return o, nil
	}
	return nil, apierrors.NewNotFound(k.GroupResource(), key.Name)
}

// create takes o, and returns it as it is stored.
func (a *api) create(k *kinds.Kind, namespace string, o kinds.Object) (kinds.Object, error) {
	if namespace != "" {
		if _, err := a.get(namespaces, store.Key{Name: namespace}); err != nil {
			return nil, err
		}
	}
	if err := k.Create(o, namespace, kinds.Birth{Now: a.now(), UID: uuid.NewUUID(), Suffix: rand.String(5)}); err != nil {
		return nil, err
	}
	return a.store.Change(k.Table(), store.KeyOf(o), func(current kinds.Object) (kinds.Object, error) {
		if current != nil {
			return nil, apierrors.NewAlreadyExists(k.GroupResource(), o.GetName())
		}
		return k.Stored(o), nil
	})
}

// update replaces an object by what next makes of it as kind k, and returns it as it is stored, or as it last was.
func (a *api) update(k *kinds.Kind, key store.Key, next func(old kinds.Object) (kinds.Object, error)) (kinds.Object, error) {
	var last kinds.Object
	_, err := a.change(k, key, func(current kinds.Object) (kinds.Object, error) {
		old := k.View(current)
		o, err := next(old)
		if err != nil {
			return nil, err
		}
		if o == old {
			last = current
			return current, nil
		}
		last = k.Stored(o)
		if kinds.Ended(o) {
			return nil, nil
		}
		return last, nil
	})
	return last, err
}

// remove deletes an object, or begins to: gone says whether it is gone.
func (a *api) remove(k *kinds.Kind, key store.Key, o metav1.DeleteOptions) (last kinds.Object, gone bool, err error) {
	_, err = a.change(k, key, func(current kinds.Object) (kinds.Object, error) {
		next, err := k.Delete(current, o, a.now())
		if last, gone = next, next == nil; gone {
			last = current
		}
		return next, err
	})
	return last, gone, err
}

func (a *api) change(k *kinds.Kind, key store.Key, decide func(kinds.Object) (kinds.Object, error)) (kinds.Object, error) {
	return a.store.Change(k.Table(), key, func(current kinds.Object) (kinds.Object, error) {
		if current == nil {
			return nil, apierrors.NewNotFound(k.GroupResource(), key.Name)
		}
		return decide(current)
	})
}

// all are the objects of a kind, as T.
func all[T kinds.Object](a *api, k *kinds.Kind) []T {
	objects, _ := a.store.List(k.Table(), func(kinds.Object) bool { return true })
	typed := make([]T, len(objects))
	for i, o := range objects {
		typed[i] = o.(T)
	}
	return typed
}
