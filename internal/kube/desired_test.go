package kube_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestDesiredReadsTheScaleAlone(t *testing.T) {
	s := &server{answers: map[string]string{"GET " + deploymentPath + "/scale": fmt.Sprintf(scaleJSON, 7, 3)}}
	d := deployment(t, s)
	if n, err := d.Desired(t.Context()); n != 3 || err != nil {
		t.Errorf("%d, %v; want 3", n, err)
	}
	s.answers["GET "+deploymentPath+"/scale"] = "403 " + fmt.Sprintf(failure, "Forbidden", 403)
	if _, err := d.Desired(t.Context()); err == nil || !strings.Contains(err.Error(), "get on deployments/scale") {
		t.Errorf("%v, want it to name the right that is missing", err)
	}
}
