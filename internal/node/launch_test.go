package node

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestExpand(t *testing.T) {
	values := map[string]string{"A": "1", "B": "$(A)", "EMPTY": ""}
	for text, want := range map[string]string{
		"":               "",
		"plain":          "plain",
		"$(A)":           "1",
		"-$(A)-$(A)-":    "-1-1-",
		"$(B)":           "$(A)", // what was put in is not looked at again
		"$(EMPTY)x":      "x",
		"$(UNKNOWN)":     "$(UNKNOWN)",
		"$$(A)":          "$(A)",
		"$$$(A)":         "$1",
		"$$$$(A)":        "$$(A)",
		"$":              "$",
		"$A":             "$A",
		"$(A":            "$(A",
		"$(A$(A)":        "$(A$(A)", // the name is "A$(A"
		"100%$":          "100%$",
		"$()":            "$()",
		"http://$(A)/$$": "http://1/$",
	} {
		if got := expand(text, values); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func FuzzExpandKeepsWhatItDoesNotKnow(f *testing.F) {
	f.Add("a$(B)c$$(D)$")
	f.Fuzz(func(t *testing.T, text string) {
		// Without a double dollar sign, nothing known means nothing changed.
		if !strings.Contains(text, "$$") && expand(text, nil) != text {
			t.Errorf("%q becomes %q", text, expand(text, nil))
		}
	})
}

func TestEnvironment(t *testing.T) {
	limits := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("250m"), corev1.ResourceMemory: resource.MustParse("512Mi")}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web-1", Namespace: "default", UID: "u", Labels: map[string]string{"app.kubernetes.io/name": "web"}, Annotations: map[string]string{"a": "b"}},
		Spec: corev1.PodSpec{ServiceAccountName: "robot", Containers: []corev1.Container{
			{Name: "main", Resources: corev1.ResourceRequirements{Limits: limits, Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m")}}},
			{Name: "free"},
		}},
	}
	at := place{podIP: "127.64.0.2", hostIP: "127.64.0.1", node: "here", capacity: corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("4Gi"),
	}}
	field := func(path string) *corev1.EnvVarSource {
		return &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}
	}
	of := func(container, what, divisor string) *corev1.EnvVarSource {
		ref := &corev1.ResourceFieldSelector{ContainerName: container, Resource: what}
		if divisor != "" {
			ref.Divisor = resource.MustParse(divisor)
		}
		return &corev1.EnvVarSource{ResourceFieldRef: ref}
	}
	for name, c := range map[string]struct {
		from  *corev1.EnvVarSource
		want  string
		wrong string
	}{
		"name":                    {field("metadata.name"), "web-1", ""},
		"namespace":               {field("metadata.namespace"), "default", ""},
		"uid":                     {field("metadata.uid"), "u", ""},
		"label":                   {field("metadata.labels['app.kubernetes.io/name']"), "web", ""},
		"absent label":            {field("metadata.labels['none']"), "", ""},
		"annotation":              {field("metadata.annotations['a']"), "b", ""},
		"pod's address":           {field("status.podIP"), "127.64.0.2", ""},
		"node's address":          {field("status.hostIP"), "127.64.0.1", ""},
		"node":                    {field("spec.nodeName"), "here", ""},
		"account":                 {field("spec.serviceAccountName"), "robot", ""},
		"unknown field":           {field("spec.containers"), "", `"spec.containers"`},
		"half a subscript":        {field("metadata.labels['x"), "", "metadata.labels"},
		"CPU in thousandths":      {of("", "limits.cpu", "1m"), "250", ""},
		"CPU in cores, rounded":   {of("", "limits.cpu", ""), "1", ""},
		"requested CPU":           {of("", "requests.cpu", "1m"), "100", ""},
		"memory in bytes":         {of("", "limits.memory", ""), "536870912", ""},
		"memory in Mi":            {of("", "limits.memory", "1Mi"), "512", ""},
		"memory in M, rounded":    {of("", "limits.memory", "1M"), "537", ""},
		"another's, without one":  {of("free", "limits.cpu", ""), "2", ""},
		"request without one":     {of("free", "requests.memory", ""), "0", ""},
		"no such container":       {of("none", "limits.cpu", ""), "", `"none"`},
		"no such resource":        {of("", "limits.gpu", ""), "", "limits.gpu"},
		"neither limit nor other": {of("", "cpu", ""), "", `"cpu"`},
		"ConfigMap":               {&corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{Key: "k"}}, "", "ConfigMaps"},
	} {
		container := pod.Spec.Containers[0]
		container.Env = []corev1.EnvVar{{Name: "IT", ValueFrom: c.from}, {Name: "AND", Value: "<$(IT)>"}}
		v, err := environment(pod, &container, Image{}, at)
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) || !strings.Contains(err.Error(), "IT") {
				t.Errorf("%s: %v, want an error that names IT and %s", name, err, c.wrong)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if want := []string{"HOSTNAME=web-1", "IT=" + c.want, "AND=<" + c.want + ">"}; !slices.Equal(v.list(), want) {
			t.Errorf("%s: %q, want %q", name, v.list(), want)
		}
	}
}

func TestCommand(t *testing.T) {
	images := map[string]Image{"web:1": {Path: "/opt/bin/web", Args: []string{"serve"}, Env: []string{"KIND=image", "LEVEL=info"}}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web-1", Namespace: "default"}}
	container := func(change func(*corev1.Container)) *corev1.Container {
		c := &corev1.Container{
			Name: "main", Image: "web:1", Ports: []corev1.ContainerPort{{ContainerPort: 8000}, {ContainerPort: 9000}},
			Env: []corev1.EnvVar{{Name: "KIND", Value: "manifest"}, {Name: "RESNET_LISTEN", Value: ":8000"}},
			Resources: corev1.ResourceRequirements{Limits: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse("250m"), corev1.ResourceMemory: resource.MustParse("1Ki"),
			}},
		}
		change(c)
		return c
	}
	env := []string{"KIND=manifest", "LEVEL=info", "HOSTNAME=web-1", "RESNET_LISTEN=127.64.0.2:8000"}
	base := Command{Name: "default_web-1_main", Path: "/opt/bin/web", Args: []string{"serve"}, Env: env, CPU: 0.25, Memory: 1024}
	with := func(change func(*Command)) Command { c := base; change(&c); return c }
	for name, c := range map[string]struct {
		container *corev1.Container
		want      Command
	}{
		"plain":   {container(func(*corev1.Container) {}), base},
		"args":    {container(func(c *corev1.Container) { c.Args = []string{"--kind=$(KIND)"} }), with(func(c *Command) { c.Args = []string{"serve", "--kind=manifest"} })},
		"command": {container(func(c *corev1.Container) { c.Command, c.Args = []string{"/usr/bin/other", "a"}, []string{"b"} }), with(func(c *Command) { c.Path, c.Args = "/opt/bin/other", []string{"a", "b"} })},
		"free":    {container(func(c *corev1.Container) { c.Resources.Limits = nil }), with(func(c *Command) { c.CPU, c.Memory = 0, 0 })},
		"no port": {container(func(c *corev1.Container) { c.Ports = nil }), with(func(c *Command) {
			c.Env = []string{"KIND=manifest", "LEVEL=info", "HOSTNAME=web-1", "RESNET_LISTEN=:8000"}
		})},
	} {
		got, err := commandFor(pod, c.container, images, place{podIP: "127.64.0.2"})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
