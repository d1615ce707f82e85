package kinds

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/duration"
)

// Column is one column of the table that kubectl prints.
type Column struct {
	metav1.TableColumnDefinition
	cell func(Object, time.Time) any
}

const none = "<none>"

// Columns are the kind's own columns, else its name and age.
func (k *Kind) Columns() []Column {
	if k.columns != nil {
		return k.columns
	}
	return []Column{nameColumn, ageColumn}
}

// Row is an object's cells.
func (k *Kind) Row(o Object, now time.Time) []any {
	var cells []any
	for _, c := range k.Columns() {
		cells = append(cells, c.cell(o, now))
	}
	return cells
}

var (
	nameColumn = Column{
		metav1.TableColumnDefinition{Name: "Name", Type: "string", Format: "name", Description: "Name, unique within a namespace."},
		func(o Object, _ time.Time) any { return o.GetName() },
	}
	ageColumn = Column{
		metav1.TableColumnDefinition{Name: "Age", Type: "string", Description: "Time since creation."},
		func(o Object, now time.Time) any { return age(o.GetCreationTimestamp().Time, now) },
	}
)

// text is a column of words; those after an asterisk are shown only by -o wide.
func text[T Object](name string, cell func(T) string) Column { return column(name, "string", cell) }

func number[T Object](name string, cell func(T) int32) Column { return column(name, "integer", cell) }

func column[T Object, V any](name, kind string, cell func(T) V) Column {
	wide := strings.HasPrefix(name, "*")
	definition := metav1.TableColumnDefinition{Name: strings.TrimPrefix(name, "*"), Type: kind, Description: strings.TrimPrefix(name, "*")}
	if wide {
		definition.Priority = 1
	}
	return Column{definition, func(o Object, _ time.Time) any { return cell(o.(T)) }}
}

func age(since, now time.Time) string {
	if since.IsZero() {
		return "<unknown>"
	}
	return duration.HumanDuration(now.Sub(since))
}

var podColumns = []Column{
	nameColumn,
	text("Ready", func(p *corev1.Pod) string {
		ready := 0
		for _, c := range p.Status.ContainerStatuses {
			if c.Ready {
				ready++
			}
		}
		return fmt.Sprintf("%d/%d", ready, len(p.Spec.Containers))
	}),
	text("Status", podStatus),
	number("Restarts", func(p *corev1.Pod) int32 {
		restarts := int32(0)
		for _, c := range p.Status.ContainerStatuses {
			restarts += c.RestartCount
		}
		return restarts
	}),
	ageColumn,
	text("*IP", func(p *corev1.Pod) string { return cmp.Or(p.Status.PodIP, none) }),
	text("*Node", func(p *corev1.Pod) string { return cmp.Or(p.Spec.NodeName, none) }),
	text("*Nominated Node", func(p *corev1.Pod) string { return cmp.Or(p.Status.NominatedNodeName, none) }),
	text("*Readiness Gates", func(*corev1.Pod) string { return none }),
}

// podStatus is the one word that tells most: why a container waits or ended, else the phase.
func podStatus(p *corev1.Pod) string {
	if p.DeletionTimestamp != nil {
		return "Terminating"
	}
	word := cmp.Or(p.Status.Reason, string(p.Status.Phase))
	for _, c := range p.Status.ContainerStatuses {
		if w := c.State.Waiting; w != nil && w.Reason != "" {
			return w.Reason
		}
		if t := c.State.Terminated; t != nil {
			word = cmp.Or(t.Reason, fmt.Sprintf("ExitCode:%d", t.ExitCode))
		}
	}
	return word
}

var deploymentColumns = []Column{
	nameColumn,
	text("Ready", func(d *appsv1.Deployment) string {
		return fmt.Sprintf("%d/%d", d.Status.ReadyReplicas, *d.Spec.Replicas)
	}),
	number("Up-to-date", func(d *appsv1.Deployment) int32 { return d.Status.UpdatedReplicas }),
	number("Available", func(d *appsv1.Deployment) int32 { return d.Status.AvailableReplicas }),
	ageColumn,
	text("*Containers", func(d *appsv1.Deployment) string {
		return containers(d, func(c corev1.Container) string { return c.Name })
	}),
	text("*Images", func(d *appsv1.Deployment) string {
		return containers(d, func(c corev1.Container) string { return c.Image })
	}),
	text("*Selector", func(d *appsv1.Deployment) string { return metav1.FormatLabelSelector(d.Spec.Selector) }),
}

func containers(d *appsv1.Deployment, word func(corev1.Container) string) string {
	return listed(d.Spec.Template.Spec.Containers, word)
}

func listed[T any](items []T, word func(T) string) string {
	var words []string
	for _, item := range items {
		words = append(words, word(item))
	}
	return cmp.Or(strings.Join(words, ","), none)
}

var nodeColumns = []Column{
	nameColumn,
	text("Status", func(n *corev1.Node) string {
		word := "NotReady"
		if slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
			return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
		}) {
			word = "Ready"
		}
		if n.Spec.Unschedulable {
			word += ",SchedulingDisabled"
		}
		return word
	}),
	text("Roles", nodeRoles),
	ageColumn,
	text("Version", func(n *corev1.Node) string { return n.Status.NodeInfo.KubeletVersion }),
	text("*Internal-IP", func(n *corev1.Node) string { return nodeAddress(n, corev1.NodeInternalIP) }),
	text("*External-IP", func(n *corev1.Node) string { return nodeAddress(n, corev1.NodeExternalIP) }),
	text("*OS-Image", func(n *corev1.Node) string { return cmp.Or(n.Status.NodeInfo.OSImage, "<unknown>") }),
	text("*Kernel-Version", func(n *corev1.Node) string { return cmp.Or(n.Status.NodeInfo.KernelVersion, "<unknown>") }),
	text("*Container-Runtime", func(n *corev1.Node) string { return cmp.Or(n.Status.NodeInfo.ContainerRuntimeVersion, "<unknown>") }),
}

func nodeRoles(n *corev1.Node) string {
	var roles []string
	for label := range n.Labels {
		if role, ok := strings.CutPrefix(label, "node-role.kubernetes.io/"); ok {
			roles = append(roles, role)
		}
	}
	slices.Sort(roles)
	return cmp.Or(strings.Join(roles, ","), none)
}

func nodeAddress(n *corev1.Node, kind corev1.NodeAddressType) string {
	for _, a := range n.Status.Addresses {
		if a.Type == kind {
			return a.Address
		}
	}
	return none
}

var serviceColumns = []Column{
	nameColumn,
	text("Type", func(s *corev1.Service) string { return string(s.Spec.Type) }),
	text("Cluster-IP", func(s *corev1.Service) string { return cmp.Or(s.Spec.ClusterIP, none) }),
	text("External-IP", func(s *corev1.Service) string { return cmp.Or(s.Spec.ExternalName, none) }),
	text("Port(s)", func(s *corev1.Service) string {
		return listed(s.Spec.Ports, func(p corev1.ServicePort) string { return fmt.Sprintf("%d/%s", p.Port, p.Protocol) })
	}),
	ageColumn,
	text("*Selector", func(s *corev1.Service) string {
		return metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: s.Spec.Selector})
	}),
}

var eventColumns = []Column{
	{
		metav1.TableColumnDefinition{Name: "Last Seen", Type: "string", Description: "Time since it last happened."},
		func(o Object, now time.Time) any { return age(LastSeen(o.(*corev1.Event)), now) },
	},
	text("Type", func(e *corev1.Event) string { return e.Type }),
	text("Reason", func(e *corev1.Event) string { return e.Reason }),
	text("Object", func(e *corev1.Event) string {
		return strings.ToLower(e.InvolvedObject.Kind) + "/" + e.InvolvedObject.Name
	}),
	text("Message", func(e *corev1.Event) string { return strings.TrimSpace(e.Message) }),
	{
		metav1.TableColumnDefinition{Name: "Name", Type: "string", Format: "name", Priority: 1, Description: "Name."},
		nameColumn.cell,
	},
}

// LastSeen is when an Event last happened, in whichever of its fields its writer chose.
func LastSeen(e *corev1.Event) time.Time {
	last := e.CreationTimestamp.Time
	for _, t := range []time.Time{e.FirstTimestamp.Time, e.LastTimestamp.Time, e.EventTime.Time} {
		if t.After(last) {
			last = t
		}
	}
	if e.Series != nil && e.Series.LastObservedTime.After(last) {
		last = e.Series.LastObservedTime.Time
	}
	return last
}
