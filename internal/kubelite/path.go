package kubelite

import (
	"net/url"
	"slices"
	"strings"

	"resnet-autoscaling/internal/kubelite/kinds"
	"resnet-autoscaling/internal/kubelite/store"
)

// target is what the path of a request names.
type target struct {
	kind            *kinds.Kind
	namespace, name string
	sub             string // subresource
	rest            string // what follows a proxy subresource, still escaped
}

func (t target) key() store.Key { return store.Key{Namespace: t.namespace, Name: t.name} }

// splitPath takes apart /api/v1/… and /apis/GROUP/VERSION/…: the group, its version, and the segments that follow.
func splitPath(escaped string) (group, version string, rest []string, ok bool) {
	segments := strings.Split(strings.TrimPrefix(escaped, "/"), "/")
	switch {
	case len(segments) >= 2 && segments[0] == "api":
		return "", segments[1], segments[2:], true
	case len(segments) >= 3 && segments[0] == "apis":
		return segments[1], segments[2], segments[3:], true
	}
	return "", "", nil, false
}

// findTarget reads [namespaces/NS/]RESOURCE[/NAME[/SUBRESOURCE[/…]]].
func findTarget(group, version string, segments []string) (t target, ok bool) {
	// Below a namespace there are its own subresources and the resources in it.
	if len(segments) >= 3 && segments[0] == "namespaces" && segments[2] != "status" {
		t.namespace = segments[1]
		segments = segments[2:]
	}
	t.kind = kinds.Find(group, version, segments[0])
	parts := append(slices.Clone(segments[1:]), "", "")
	t.name, t.sub = parts[0], parts[1]
	if len(segments) > 3 {
		t.rest = strings.Join(segments[3:], "/")
	}
	if name, err := url.PathUnescape(t.name); err == nil {
		t.name = name
	}
	if t.kind == nil || len(segments) > 3 && t.sub != "proxy" {
		return t, false
	}
	// Only a collection may be of all namespaces.
	return t, t.kind.Namespaced && (t.namespace != "" || t.name == "") || !t.kind.Namespaced && t.namespace == ""
}
