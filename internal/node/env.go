package node

import (
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// place is where a pod runs, as its environment may ask.
type place struct {
	podIP, hostIP string
	node          string
	folders       map[string]string // of the pod's volumes, by name; nil: volumes cannot be mounted here
	apiServer     netip.AddrPort    // as pods reach it; not valid: they do not
	// capacity stands in for limits that a container does not have.
	capacity corev1.ResourceList
}

// variables are an environment in order, each name once.
type variables struct {
	names  []string
	values map[string]string
}

func (v *variables) set(name, value string) {
	if v.values == nil {
		v.values = map[string]string{}
	}
	if _, known := v.values[name]; !known {
		v.names = append(v.names, name)
	}
	v.values[name] = value
}

func (v *variables) list() []string {
	list := make([]string, len(v.names))
	for i, name := range v.names {
		list[i] = name + "=" + v.values[name]
	}
	return list
}

// environment is a container's: the image's, then the manifest's, where each value may use $(NAME) of those before it.
func environment(pod *corev1.Pod, c *corev1.Container, image Image, at place) (*variables, error) {
	v := &variables{}
	for _, pair := range image.Env {
		name, value, _ := strings.Cut(pair, "=")
		v.set(name, value)
	}
	v.set("HOSTNAME", pod.Name)
	if at.apiServer.IsValid() { // a kubelet tells every container, whatever enableServiceLinks says
		v.set("KUBERNETES_SERVICE_HOST", at.apiServer.Addr().String())
		v.set("KUBERNETES_SERVICE_PORT", strconv.Itoa(int(at.apiServer.Port())))
	}
	if len(c.EnvFrom) > 0 {
		return nil, fmt.Errorf("envFrom is not served here, since this node reads no ConfigMaps and Secrets: write the variables into env")
	}
	for _, e := range c.Env {
		value, err := valueOf(e, pod, c, v, at)
		if err != nil {
			return nil, fmt.Errorf("env %s: %w", e.Name, err)
		}
		v.set(e.Name, value)
	}
	return v, nil
}

func valueOf(e corev1.EnvVar, pod *corev1.Pod, c *corev1.Container, known *variables, at place) (string, error) {
	from := e.ValueFrom
	switch {
	case from == nil:
		return expand(e.Value, known.values), nil
	case from.FieldRef != nil:
		return podField(from.FieldRef.FieldPath, pod, at)
	case from.ResourceFieldRef != nil:
		return containerResource(from.ResourceFieldRef, pod, c, at)
	}
	return "", fmt.Errorf("this node fills in fieldRef and resourceFieldRef, and reads no ConfigMaps and Secrets: give a value")
}

// podField is what the downward API says of a pod.
func podField(path string, pod *corev1.Pod, at place) (string, error) {
	if name, key, ok := subscript(path); ok {
		switch name {
		case "metadata.labels":
			return pod.Labels[key], nil
		case "metadata.annotations":
			return pod.Annotations[key], nil
		}
	}
	fields := map[string]string{
		"metadata.name": pod.Name, "metadata.namespace": pod.Namespace, "metadata.uid": string(pod.UID),
		"spec.nodeName": at.node, "spec.serviceAccountName": pod.Spec.ServiceAccountName,
		"status.hostIP": at.hostIP, "status.hostIPs": at.hostIP, "status.podIP": at.podIP, "status.podIPs": at.podIP,
	}
	value, ok := fields[path]
	if !ok {
		return "", fmt.Errorf("fieldRef: a pod has no field %q that may be asked for", path)
	}
	return value, nil
}

// subscript takes apart metadata.labels['key'].
func subscript(path string) (name, key string, ok bool) {
	name, rest, found := strings.Cut(path, "['")
	key, closed := strings.CutSuffix(rest, "']")
	return name, key, found && closed
}

// containerResource is a limit or request in units of the divisor, rounded up; without a limit, the node's capacity.
func containerResource(ref *corev1.ResourceFieldSelector, pod *corev1.Pod, c *corev1.Container, at place) (string, error) {
	if ref.ContainerName != "" {
		i := slices.IndexFunc(pod.Spec.Containers, func(c corev1.Container) bool { return c.Name == ref.ContainerName })
		if i < 0 {
			return "", fmt.Errorf("resourceFieldRef: the pod has no container %q", ref.ContainerName)
		}
		c = &pod.Spec.Containers[i]
	}
	kind, name, _ := strings.Cut(ref.Resource, ".")
	resources, known := map[string]corev1.ResourceList{"limits": c.Resources.Limits, "requests": c.Resources.Requests}[kind]
	capacity, has := at.capacity[corev1.ResourceName(name)]
	if !known || !has {
		return "", fmt.Errorf("resourceFieldRef: %q is not known here: ask for limits or requests of cpu or memory", ref.Resource)
	}
	quantity, set := resources[corev1.ResourceName(name)]
	if !set && kind == "limits" {
		quantity = capacity
	}
	return divide(quantity, ref.Divisor), nil
}

func divide(quantity, divisor resource.Quantity) string {
	if divisor.IsZero() {
		divisor = resource.MustParse("1")
	}
	share := new(big.Rat).Quo(rational(quantity), rational(divisor))
	whole, rest := new(big.Int).QuoRem(share.Num(), share.Denom(), new(big.Int))
	if rest.Sign() > 0 {
		whole.Add(whole, big.NewInt(1))
	}
	return whole.String()
}

func rational(q resource.Quantity) *big.Rat {
	r, _ := new(big.Rat).SetString(q.AsDec().String()) // a decimal number always parses
	return r
}

// expand replaces $(NAME) by its value. $$ is a dollar sign that begins nothing, and a name that is not known stays as it is.
func expand(text string, values map[string]string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		used := 0
		if strings.HasPrefix(after, "$") {
			b.WriteByte('$')
			used = 1
		} else if name, ok := reference(after); ok {
			used = len(name) + len("()")
			if value, known := values[name]; known {
				b.WriteString(value)
			} else {
				b.WriteString("$(" + name + ")")
			}
		} else {
			b.WriteByte('$')
		}
		text = after[used:]
	}
}

// reference is the NAME of a text that begins with (NAME).
func reference(text string) (string, bool) {
	inner, ok := strings.CutPrefix(text, "(")
	if !ok {
		return "", false
	}
	name, _, closed := strings.Cut(inner, ")")
	return name, closed
}
