package workload

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Schedule gives each pod that has no node yet, the oldest first, the node with the most CPU left that is ready, matches its
// nodeSelector and has room for what its containers request; or says in why not.
func Schedule(pods []*corev1.Pod, nodes []*corev1.Node) (bound map[*corev1.Pod]string, refused map[*corev1.Pod]string) {
	bound, refused = map[*corev1.Pod]string{}, map[*corev1.Pod]string{}
	used := map[string]*usage{}
	for _, n := range nodes {
		used[n.Name] = &usage{}
	}
	var waiting []*corev1.Pod
	for _, p := range pods {
		switch u := used[p.Spec.NodeName]; {
		case ended(p):
		case p.Spec.NodeName == "" && p.DeletionTimestamp == nil:
			waiting = append(waiting, p)
		case u != nil:
			u.add(p)
		}
	}
	slices.SortFunc(waiting, func(a, b *corev1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	for _, p := range waiting {
		if n, why := choose(p, nodes, used); n != nil {
			used[n.Name].add(p)
			bound[p] = n.Name
		} else {
			refused[p] = why
		}
	}
	return bound, refused
}

// usage is what the pods on a node request: thousandths of a CPU, bytes, and their number.
type usage struct{ cpu, memory, pods int64 }

func (u *usage) add(p *corev1.Pod) {
	asked := requests(p)
	u.cpu, u.memory, u.pods = u.cpu+asked.cpu, u.memory+asked.memory, u.pods+1
}

func requests(p *corev1.Pod) usage {
	u := usage{pods: 1}
	for _, c := range p.Spec.Containers {
		u.cpu += c.Resources.Requests.Cpu().MilliValue()
		u.memory += c.Resources.Requests.Memory().Value()
	}
	return u
}

func choose(p *corev1.Pod, nodes []*corev1.Node, used map[string]*usage) (best *corev1.Node, why string) {
	most := int64(-1)
	faults := map[string]int{}
	for _, n := range nodes {
		if fault := misfit(p, n, used[n.Name]); fault != "" {
			faults[fault]++
		} else if left := n.Status.Allocatable.Cpu().MilliValue() - used[n.Name].cpu; left > most {
			best, most = n, left
		}
	}
	var words []string
	for fault, n := range faults {
		words = append(words, fmt.Sprintf("%d %s", n, fault))
	}
	slices.Sort(words)
	if len(nodes) == 0 {
		return nil, "no nodes available to schedule pods"
	}
	return best, fmt.Sprintf("0/%d nodes are available: %s.", len(nodes), strings.Join(words, ", "))
}

func misfit(p *corev1.Pod, n *corev1.Node, u *usage) string {
	has, asked := n.Status.Allocatable, requests(p)
	switch {
	case !nodeReady(n):
		return "node(s) were not ready"
	case n.Spec.Unschedulable:
		return "node(s) were unschedulable"
	case !labels.SelectorFromSet(p.Spec.NodeSelector).Matches(labels.Set(n.Labels)):
		return "node(s) didn't match Pod's node affinity/selector"
	case u.cpu+asked.cpu > has.Cpu().MilliValue():
		return "Insufficient cpu"
	case asked.memory > 0 && u.memory+asked.memory > has.Memory().Value():
		return "Insufficient memory"
	case u.pods+1 > has.Pods().Value():
		return "Too many pods"
	}
	return ""
}

func nodeReady(n *corev1.Node) bool {
	return slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

// Bind gives a pod its node.
func Bind(p *corev1.Pod, node string, now time.Time) {
	p.Spec.NodeName = node
	setScheduled(p, corev1.PodCondition{Status: corev1.ConditionTrue}, now)
}

// Refuse writes into a pod's status why it has no node.
func Refuse(p *corev1.Pod, why string, now time.Time) {
	setScheduled(p, corev1.PodCondition{Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable, Message: why}, now)
}

func setScheduled(p *corev1.Pod, c corev1.PodCondition, now time.Time) {
	c.Type, c.LastTransitionTime = corev1.PodScheduled, metav1.NewTime(now.Truncate(time.Second))
	last := condition(p, c.Type)
	if last == nil {
		p.Status.Conditions = append(p.Status.Conditions, c)
		return
	}
	if last.Status == c.Status {
		c.LastTransitionTime = last.LastTransitionTime
	}
	*last = c
}
