package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"resnet-autoscaling/internal/testkit"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"autoscaler": main}) }

// $AUTOSCALER serves a script's own files, so that a file named decisions is what a running autoscaler tells.
func TestScripts(t *testing.T) {
	testkit.Scripts(t, testscript.Params{Setup: func(e *testscript.Env) error {
		autoscaler := httptest.NewServer(http.FileServer(http.Dir(e.WorkDir)))
		e.Defer(autoscaler.Close)
		e.Setenv("AUTOSCALER", autoscaler.URL)
		return nil
	}})
}
