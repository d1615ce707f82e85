package api_test

import (
	"net/http"
	"testing"

	"resnet-autoscaling/internal/api"

	"github.com/google/go-cmp/cmp"
)

func TestModelsComeBackAsTheyWereTold(t *testing.T) {
	told := api.Models{{Name: "resnet18", Version: "1"}, {Name: "a/b, c", Version: "2 %2F"}}
	got, ok := api.ModelsFrom(http.Header{api.HeaderModels: {told.String()}})
	if diff := cmp.Diff(told, got); diff != "" || !ok {
		t.Errorf("%v\n%s", ok, diff)
	}
	for _, c := range []struct {
		name, version string
		has           bool
	}{{"resnet18", "", true}, {"resnet18", "1", true}, {"resnet18", "2", false}, {"a/b, c", "", true}, {"", "1", false}} {
		if told.Has(c.name, c.version) != c.has {
			t.Errorf("%q version %q: %v, want %v", c.name, c.version, !c.has, c.has)
		}
	}
	for _, bad := range []string{"", "resnet18", "resnet18/", "/1", "%zz/1", "a/1,", "a/%2"} {
		if m, ok := api.ModelsFrom(http.Header{api.HeaderModels: {bad}}); ok {
			t.Errorf("%q is taken for %v", bad, m)
		}
	}
}
