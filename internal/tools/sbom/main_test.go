package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/CycloneDX/cyclonedx-go"
)

// binaries is a folder with this very test's binary: what it is made of is known.
func binaries(t *testing.T) (bin string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin = t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "sbom")); err != nil {
		t.Fatal(err)
	}
	return bin
}

func TestTheBillOfABinary(t *testing.T) {
	dir := t.TempDir()
	library, model := filepath.Join(dir, "lib.so"), filepath.Join(dir, "models", "m", "m.onnx")
	if err := os.MkdirAll(filepath.Dir(model), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{library: "\x7fELF VERS_1.30.0", model: "weights"} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(binaries(t), library, filepath.Join(dir, "models"), dir); err != nil {
		t.Fatal(err)
	}
	bill := read(t, filepath.Join(dir, "sbom.json"))
	for name, want := range map[string]string{
		"github.com/CycloneDX/cyclonedx-go":      "Apache-2.0",
		"github.com/google/licenseclassifier/v2": "Apache-2.0",
		"github.com/sergi/go-diff":               "MIT",
		"std":                                    "BSD-3-Clause",
		"onnxruntime":                            "MIT",
		"m.onnx":                                 "Apache-2.0",
	} {
		if got := bill[name]; got != want {
			t.Errorf("%s has %q, want %s", name, got, want)
		}
	}
	notices, err := os.ReadFile(filepath.Join(dir, "licences.txt"))
	if err != nil || !strings.Contains(string(notices), "Copyright (c) 2012-2016 The go-diff Authors") {
		t.Errorf("the texts are not told: %v", err)
	}
}

// Images get the library and the models by other ways, with licences of their own.
func TestTheBillOfABinaryAlone(t *testing.T) {
	dir := t.TempDir()
	if err := run(binaries(t), "", "", dir); err != nil {
		t.Fatal(err)
	}
	bill := read(t, filepath.Join(dir, "sbom.json"))
	if _, ok := bill["onnxruntime"]; ok || bill["std"] == "" {
		t.Errorf("it lists %v", bill)
	}
}

func read(t *testing.T, name string) map[string]string {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var bill cyclonedx.BOM
	if err := cyclonedx.NewBOMDecoder(file, cyclonedx.BOMFileFormatJSON).Decode(&bill); err != nil {
		t.Fatal(err)
	}
	licences := map[string]string{}
	for _, c := range *bill.Components {
		for _, l := range *c.Licenses {
			licences[c.Name] += l.License.ID
		}
	}
	return licences
}

func TestWhatIsNotPermissiveIsRefused(t *testing.T) {
	good := part{name: "a", version: "v1", licences: []string{"MIT", "Apache-2.0"}}
	tolerable := part{name: tolerated[0], version: "v1", licences: []string{"MPL-2.0"}}
	if err := judge([]part{good, tolerable}); err != nil {
		t.Error(err)
	}
	for name, licences := range map[string][]string{"a licence that binds": {"MIT", "GPL-3.0"}, "one that binds who changes it": {"MPL-2.0"}, "none": nil} {
		err := judge([]part{good, {name: "b", version: "v2", licences: licences}})
		if err == nil || !strings.HasPrefix(err.Error(), "b v2 has ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
