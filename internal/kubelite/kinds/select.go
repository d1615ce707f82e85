package kinds

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
)

// Select is the condition that a namespace (empty: all) and the texts of a label and a field selector put on stored objects.
func (k *Kind) Select(namespace, byLabels, byFields string) (func(Object) bool, error) {
	l, err := labels.Parse(byLabels)
	if err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("unable to parse labelSelector %q: %v", byLabels, err))
	}
	f, err := fields.ParseSelector(byFields)
	if err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("unable to parse fieldSelector %q: %v", byFields, err))
	}
	known := k.Fields(k.Stored(k.New()))
	for _, r := range f.Requirements() {
		if _, ok := known[r.Field]; !ok {
			return nil, apierrors.NewBadRequest(fmt.Sprintf("%q is not a known field selector: only %s", r.Field, strings.Join(slices.Sorted(maps.Keys(known)), ", ")))
		}
	}
	return func(o Object) bool {
		return (namespace == "" || o.GetNamespace() == namespace) && l.Matches(labels.Set(o.GetLabels())) && (f.Empty() || f.Matches(k.Fields(o)))
	}, nil
}
