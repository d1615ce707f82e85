package kube

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"resnet-autoscaling/internal/scaling"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
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

// podWatch holds the facts of all pods of a Deployment while it is watched. Any goroutine may look.
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
	l := &link[*corev1.Pod, *corev1.PodList]{
		from: d.pods, labels: selector, into: &d.watched,
		well: func(err error) { d.watched.setWell(err == nil) }, log: log.With("deployment", d.name, "namespace", d.namespace),
		lost: "the pods cannot be watched; they are listed at each tick", back: "the pods are watched again",
		resource: "pods", namespace: d.namespace,
	}
	l.follow(ctx)
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

func (w *podWatch) put(p *corev1.Pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pods[p.UID] = factsOf(p)
}

func (w *podWatch) drop(p *corev1.Pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.pods, p.UID)
}

func (w *podWatch) replace(all []*corev1.Pod) {
	pods := make(map[types.UID]podFacts, len(all))
	for _, p := range all {
		pods[p.UID] = factsOf(p)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pods, w.filled = pods, true
}
