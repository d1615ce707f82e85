package main

import (
	"path/filepath"
	"testing"

	"resnet-autoscaling/internal/testkit"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"model-server": main}) }

func TestScripts(t *testing.T) {
	root := testkit.Root(t)
	testkit.Scripts(t, testscript.Params{
		Setup: func(env *testscript.Env) error {
			env.Setenv("RESNET_ONNXRUNTIME_LIB", testkit.ONNXRuntime(t))
			env.Setenv("RESNET_MODEL", filepath.Join(root, "models/resnet18-imagenette"))
			return nil
		},
	})
}
