package onnx_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"resnet-autoscaling/internal/onnx"
	"resnet-autoscaling/internal/testkit"
)

func TestAChangedModelIsRefusedWithBothHashes(t *testing.T) {
	from := filepath.Join(testkit.Root(t), "models/resnet18-imagenette")
	dir := t.TempDir()
	for _, name := range []string{"model.json", "labels.txt"} {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "resnet18-imagenette.onnx"), []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := onnx.LoadModel(dir, "fp32")
	const want, got = "fc4518ce43050b83156d8324641b0e178bcd0f33797940a98bccc6cd6e9a4950", "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"
	if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), got) {
		t.Errorf("LoadModel: %v, want both hashes", err)
	}
}

func TestFindLibrary(t *testing.T) {
	if _, err := onnx.FindLibrary(filepath.Join(t.TempDir(), "none.so")); err == nil {
		t.Error("a library that is not there was found")
	}
	t.Chdir(testkit.Root(t))
	if path, err := onnx.FindLibrary(""); err != nil || path == "" {
		t.Errorf("from the repository's root: %q, %v", path, err)
	}
}
