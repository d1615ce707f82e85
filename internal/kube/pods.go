package kube

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"resnet-autoscaling/internal/scaling"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

// podFacts are what matters of a pod.
type podFacts struct {
	pod   scaling.Pod
	over  bool    // it has ended, or is being deleted
	cores float64 // that its containers request together; below 0: one of them requests none
}

func factsOf(p *corev1.Pod) podFacts {
	f := podFacts{
		pod:  scaling.Pod{Name: p.Name, Pending: p.Status.Phase != corev1.PodRunning, Created: p.CreationTimestamp.Time},
		over: p.DeletionTimestamp != nil || p.Status.Phase == corev1.PodFailed || p.Status.Phase == corev1.PodSucceeded,
	}
	if p.Status.StartTime != nil {
		f.pod.Started = p.Status.StartTime.Time
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			f.pod.Ready, f.pod.Since = c.Status == corev1.ConditionTrue, c.LastTransitionTime.Time
		}
	}
	for _, c := range p.Spec.Containers {
		request, ok := c.Resources.Requests[corev1.ResourceCPU]
		if !ok {
			f.cores = -1
			break
		}
		f.cores += request.AsApproximateFloat64()
	}
	return f
}

func (f podFacts) addTo(fleet *scaling.Fleet) {
	if f.over {
		return
	}
	fleet.Pods = append(fleet.Pods, f.pod)
	if f.cores >= 0 {
		fleet.CPURequests[f.pod.Name] = f.cores
	}
}

// podWatch holds the facts of all pods of a Deployment while it is watched. It is what the reflector fills; any goroutine may look.
type podWatch struct {
	mu     sync.Mutex
	pods   map[types.UID]podFacts
	filled bool // all were told once
	well   bool // and every change since
}

// Watch keeps the Deployment's pods in memory until ctx ends, so that Fleet need not ask for them: at a thousand pods that would take
// most of a tick. While it cannot, Fleet asks.
func (d *Deployment) Watch(ctx context.Context, log *slog.Logger) error {
	selector, err := d.awaitSelector(ctx)
	if err != nil {
		return nil // ctx has ended
	}
	selected := func(o metav1.ListOptions) metav1.ListOptions {
		o.LabelSelector = selector
		return o
	}
	l := &link{
		ask: func(ctx context.Context, o metav1.ListOptions) (runtime.Object, error) {
			return d.pods.List(ctx, selected(o))
		},
		open: func(ctx context.Context, o metav1.ListOptions) (watch.Interface, error) {
			return d.pods.Watch(ctx, selected(o))
		},
		well: func(err error) { d.watched.setWell(err == nil) }, log: log.With("deployment", d.name, "namespace", d.namespace),
		lost: "the pods cannot be watched; they are listed at each tick", back: "the pods are watched again",
		right: "list and watch on pods in namespace " + d.namespace,
	}
	l.follow(ctx, "pods", &corev1.Pod{}, &d.watched)
	d.watched.setWell(false)
	return nil
}

// awaitSelector asks for the Deployment until it is there. What is wrong with it, each Fleet tells.
func (d *Deployment) awaitSelector(ctx context.Context) (string, error) {
	const retryEvery = 5 * time.Second
	for {
		o, err := d.deployments.Get(ctx, d.name, metav1.GetOptions{})
		if err == nil {
			selector, err := metav1.LabelSelectorAsSelector(o.Spec.Selector)
			if err == nil {
				return selector.String(), nil
			}
		}
		select {
		case <-time.After(retryEvery):
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

func (w *podWatch) setWell(well bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.well = well
}

// addTo adds the pods to a fleet; false where they are not known, or not as of now.
func (w *podWatch) addTo(fleet *scaling.Fleet) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.filled || !w.well {
		return false
	}
	for _, f := range w.pods {
		f.addTo(fleet)
	}
	return true
}

// Add is Update.
func (w *podWatch) Add(o any) error { return w.Update(o) }

// Update takes in a pod.
func (w *podWatch) Update(o any) error {
	p, err := asPod(o)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pods[p.UID] = factsOf(p)
	return nil
}

// Delete forgets a pod.
func (w *podWatch) Delete(o any) error {
	p, err := asPod(o)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.pods, p.UID)
	return nil
}

// Replace takes in all pods.
func (w *podWatch) Replace(list []any, _ string) error {
	all := make(map[types.UID]podFacts, len(list))
	for _, o := range list {
		p, err := asPod(o)
		if err != nil {
			return err
		}
		all[p.UID] = factsOf(p)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pods, w.filled = all, true
	return nil
}

// Resync has nothing to repair: every change is told.
func (w *podWatch) Resync() error { return nil }

func asPod(o any) (*corev1.Pod, error) {
	p, ok := o.(*corev1.Pod)
	if !ok {
		return nil, fmt.Errorf("watch pods: got a %T", o)
	}
	return p, nil
}
