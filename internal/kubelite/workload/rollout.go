// Package workload decides what a small Kubernetes does with Deployments, pods, nodes and Services: how many pods there should
// be, where each runs, and who may be sent traffic. Values in, values out.
package workload

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/rand"
)

// Rollout is the next step towards what a Deployment asks for.
type Rollout struct {
	Pod    *corev1.Pod   // the pod to create, so many times
	Create int           // how many
	Remove []*corev1.Pod // the pods to delete, with their grace
	Status appsv1.DeploymentStatus
}

// census is a Deployment's pods by what they count for.
type census struct {
	updated, outdated []*corev1.Pod // alive, from the present template or an earlier one
	ended             []*corev1.Pod // failed or succeeded: to be replaced
	terminating       int
	ready, available  int
}

// Plan looks at the pods that a Deployment controls. Pods are replaced one by one as the strategy allows: never fewer available
// than replicas - maxUnavailable, never more alive than replicas + maxSurge.
func Plan(d *appsv1.Deployment, pods []*corev1.Pod, now time.Time) Rollout {
	hash := templateHash(&d.Spec.Template)
	c := count(d, pods, hash, now)
	want := int(*d.Spec.Replicas)
	surge, unavailable := bounds(d, want)
	alive := len(c.updated) + len(c.outdated)

	r := Rollout{Pod: newPod(d, hash), Remove: c.ended, Status: status(d, c, want-unavailable, now)}
	r.Create = max(0, min(want-len(c.updated), want+surge-alive))
	if d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
		r.Remove = append(r.Remove, c.outdated...)
		if len(c.outdated)+c.terminating > 0 {
			r.Create = 0
		}
	} else {
		r.Remove = append(r.Remove, replaceable(d, c, want-unavailable, now)...)
	}
	r.Remove = append(r.Remove, surplus(c.updated, len(c.updated)-want)...)
	return r
}

func count(d *appsv1.Deployment, pods []*corev1.Pod, hash string, now time.Time) census {
	var c census
	for _, p := range pods {
		switch {
		case p.DeletionTimestamp != nil:
			c.terminating++
			continue
		case ended(p):
			c.ended = append(c.ended, p)
			continue
		case p.Labels[appsv1.DefaultDeploymentUniqueLabelKey] == hash:
			c.updated = append(c.updated, p)
		default:
			c.outdated = append(c.outdated, p)
		}
		if Ready(p) {
			c.ready++
		}
		if available(p, d.Spec.MinReadySeconds, now) {
			c.available++
		}
	}
	return c
}

// bounds are maxSurge, rounded up, and maxUnavailable, rounded down; never both 0, or nothing could move.
func bounds(d *appsv1.Deployment, want int) (surge, unavailable int) {
	rolling := d.Spec.Strategy.RollingUpdate
	if rolling == nil {
		return 0, want
	}
	// Text that is neither a number nor a percentage counts as 0.
	surge, _ = intstr.GetScaledValueFromIntOrPercent(rolling.MaxSurge, want, true)
	unavailable, _ = intstr.GetScaledValueFromIntOrPercent(rolling.MaxUnavailable, want, false)
	if surge <= 0 && unavailable <= 0 {
		unavailable = 1
	}
	return max(0, surge), min(max(0, unavailable), want)
}

// replaceable are the outdated pods that may go now, those that are not available first: as many as there are pods above the
// least, not counting updated ones that are still to become available; of the available ones as many as are above the least.
func replaceable(d *appsv1.Deployment, c census, least int, now time.Time) []*corev1.Pod {
	room := len(c.outdated) - least
	for _, p := range c.updated {
		room += truth(available(p, d.Spec.MinReadySeconds, now))
	}
	spare := c.available - least
	var gone []*corev1.Pod
	for _, p := range surplus(c.outdated, len(c.outdated)) {
		serves := available(p, d.Spec.MinReadySeconds, now)
		if len(gone) >= room || serves && spare <= 0 {
			break
		}
		gone = append(gone, p)
		spare -= truth(serves)
	}
	return gone
}

// surplus picks the n pods that are missed least: those that run nowhere yet, then pending, not ready, and the youngest.
func surplus(pods []*corev1.Pod, n int) []*corev1.Pod {
	sorted := slices.SortedFunc(slices.Values(pods), func(a, b *corev1.Pod) int {
		return cmp.Or(
			truth(a.Spec.NodeName != "")-truth(b.Spec.NodeName != ""),
			truth(a.Status.Phase == corev1.PodRunning)-truth(b.Status.Phase == corev1.PodRunning),
			truth(Ready(a))-truth(Ready(b)),
			b.CreationTimestamp.Compare(a.CreationTimestamp.Time),
			cmp.Compare(a.Name, b.Name),
		)
	})
	return sorted[:max(0, n)]
}

func truth(b bool) int {
	if b {
		return 1
	}
	return 0
}

// newPod is a pod of the present template. The store completes its name.
func newPod(d *appsv1.Deployment, hash string) *corev1.Pod {
	t := d.Spec.Template.DeepCopy()
	p := &corev1.Pod{ObjectMeta: t.ObjectMeta, Spec: t.Spec}
	p.Namespace, p.GenerateName = d.Namespace, d.Name+"-"+hash+"-"
	p.Labels = maps.Clone(p.Labels)
	p.Labels[appsv1.DefaultDeploymentUniqueLabelKey] = hash
	p.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(d, appsv1.SchemeGroupVersion.WithKind("Deployment"))}
	return p
}

func templateHash(t *corev1.PodTemplateSpec) string {
	text, err := json.Marshal(t)
	if err != nil {
		panic(err) // it came as JSON
	}
	h := fnv.New32a()
	h.Write(text)
	return rand.SafeEncodeString(fmt.Sprint(h.Sum32()))
}

// Ready tells whether a pod may serve.
func Ready(p *corev1.Pod) bool {
	c := condition(p, corev1.PodReady)
	return c != nil && c.Status == corev1.ConditionTrue
}

func available(p *corev1.Pod, minReadySeconds int32, now time.Time) bool {
	c := condition(p, corev1.PodReady)
	return c != nil && c.Status == corev1.ConditionTrue &&
		!now.Before(c.LastTransitionTime.Add(time.Duration(minReadySeconds)*time.Second))
}

func condition(p *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range p.Status.Conditions {
		if p.Status.Conditions[i].Type == kind {
			return &p.Status.Conditions[i]
		}
	}
	return nil
}

func ended(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodFailed || p.Status.Phase == corev1.PodSucceeded
}
