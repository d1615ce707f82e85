package node

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/tools/cache"
)

// forceGrace is what is left to containers whose pod has been removed without waiting for the node; a kubelet gives as much.
const forceGrace = 2 * time.Second

// runPods watches the pods of this node and keeps a worker for each, until ctx ends; then it ends the pods.
func (a *Agent) runPods(ctx context.Context) error {
	pods := cache.NewListWatchFromClient(a.core.RESTClient(), "pods", metav1.NamespaceAll, fields.OneTermEqualSelector("spec.nodeName", a.o.Name))
	_, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: pods,
		ObjectType:    &corev1.Pod{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc: func(o any) { a.see(o.(*corev1.Pod)) },
			UpdateFunc: func(before, o any) {
				// One of the same name in its place: that the first has gone was not seen.
				if was := before.(*corev1.Pod); was.UID != o.(*corev1.Pod).UID {
					a.lose(was)
				}
				a.see(o.(*corev1.Pod))
			},
			DeleteFunc: func(o any) {
				if last, ok := o.(cache.DeletedFinalStateUnknown); ok {
					o = last.Obj
				}
				a.lose(o.(*corev1.Pod))
			},
		},
	})
	informer.RunWithContext(ctx)
	a.endPods(context.WithoutCancel(ctx))
	return nil
}

// see starts a pod or tells its worker what is new.
func (a *Agent) see(p *corev1.Pod) {
	a.mu.Lock()
	w, known := a.workers[p.UID]
	if !known {
		w = newWorker(a, p)
		a.workers[p.UID] = w
		a.running.Go(func() {
			w.run()
			a.mu.Lock()
			delete(a.workers, p.UID)
			a.mu.Unlock()
		})
	}
	a.mu.Unlock()
	w.see(p)
}

// lose ends a pod that the API server does not have any more.
func (a *Agent) lose(p *corev1.Pod) {
	a.mu.Lock()
	w := a.workers[p.UID]
	a.mu.Unlock()
	if w != nil {
		w.lose()
	}
}

// endPods ends all pods and waits. The node says first that it takes no more.
func (a *Agent) endPods(ctx context.Context) {
	if err := a.tellNode(ctx, false); err != nil {
		a.o.Log.Warn("the API server was not told that this node ends", "error", err)
	}
	for _, w := range a.all() {
		w.leave(a.o.StopTimeout)
	}
	a.running.Wait()
}

func (a *Agent) all() []*worker {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]*worker, 0, len(a.workers))
	for _, w := range a.workers {
		list = append(list, w)
	}
	return list
}
