package kubelite

import (
	"runtime"
	"strings"

	"resnet-autoscaling/internal/kubelite/kinds"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
)

// discover answers what the server is and has, nil for any other path. It knows the older, unaggregated form, to which every
// client falls back.
func discover(path string) any {
	switch path = strings.TrimSuffix(path, "/"); path {
	case "/version":
		return version.Info{
			Major: "1", Minor: "36", GitVersion: "v1.36.3-kubelite", GitTreeState: "clean", GoVersion: runtime.Version(),
			Compiler: runtime.Compiler, Platform: runtime.GOOS + "/" + runtime.GOARCH,
		}
	case "/api":
		return metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}}
	case "/apis":
		return groups()
	}
	for _, gv := range versions() {
		switch {
		case gv.Group == "" && path == "/api/v1", gv.Group != "" && path == "/apis/"+gv.String():
			return resources(gv)
		case gv.Group != "" && path == "/apis/"+gv.Group:
			return group(gv)
		}
	}
	return nil
}

// versions are the groups that are served, each once: all have one version.
func versions() []schema.GroupVersion {
	var all []schema.GroupVersion
	seen := map[schema.GroupVersion]bool{}
	for _, k := range kinds.All() {
		if !seen[k.GroupVersion()] {
			seen[k.GroupVersion()] = true
			all = append(all, k.GroupVersion())
		}
	}
	return all
}

func groups() metav1.APIGroupList {
	l := metav1.APIGroupList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupList", APIVersion: "v1"}}
	for _, gv := range versions() {
		if gv.Group != "" {
			l.Groups = append(l.Groups, group(gv))
		}
	}
	return l
}

func group(gv schema.GroupVersion) metav1.APIGroup {
	v := metav1.GroupVersionForDiscovery{GroupVersion: gv.String(), Version: gv.Version}
	return metav1.APIGroup{
		TypeMeta: metav1.TypeMeta{Kind: "APIGroup", APIVersion: "v1"}, Name: gv.Group,
		Versions: []metav1.GroupVersionForDiscovery{v}, PreferredVersion: v,
	}
}

func resources(gv schema.GroupVersion) metav1.APIResourceList {
	l := metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: gv.String()}
	add := func(k *kinds.Kind, r metav1.APIResource) {
		r.Namespaced = k.Namespaced
		l.APIResources = append(l.APIResources, r)
	}
	for _, k := range kinds.All() {
		if k.GroupVersion() != gv {
			continue
		}
		add(k, metav1.APIResource{Name: k.Plural, SingularName: k.Singular, Kind: k.Kind, ShortNames: k.Short, Categories: categories(k), Verbs: verbs(k)})
		if k.Status {
			add(k, metav1.APIResource{Name: k.Plural + "/status", Kind: k.Kind, Verbs: metav1.Verbs{"get", "patch", "update"}})
		}
		switch k {
		case pods:
			add(k, metav1.APIResource{Name: "pods/log", Kind: k.Kind, Verbs: metav1.Verbs{"get"}})
		case services:
			add(k, metav1.APIResource{Name: "services/proxy", Kind: "ServiceProxyOptions", Verbs: metav1.Verbs{"create", "delete", "get", "patch", "update"}})
		case deployments:
			add(k, metav1.APIResource{
				Name: "deployments/scale", Group: scaleKind.Group, Version: scaleKind.Version, Kind: scaleKind.Kind, Verbs: metav1.Verbs{"get", "patch", "update"},
			})
		}
	}
	return l
}

func verbs(k *kinds.Kind) metav1.Verbs {
	v := metav1.Verbs{"create", "get", "list", "patch", "update", "watch"}
	if k != namespaces {
		v = append(v, "delete")
	}
	return v
}

// categories: what `kubectl get all` shows.
func categories(k *kinds.Kind) []string {
	switch k {
	case pods, services, deployments:
		return []string{"all"}
	}
	return nil
}
