package archtest

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "resnet-autoscaling/"

type layer string

const (
	cmd      layer = "cmd"
	services layer = "services"
	edges    layer = "edges"
	rules    layer = "rules"
	base     layer = "base"
	tests    layer = "tests"
)

// layerOf is the house's map. A new package has to take its place here.
var layerOf = map[string]layer{
	"internal/modelserver": services,
	"internal/dispatcher":  services,
	"internal/autoscaler":  services,
	"internal/loadtest":    services,
	"internal/local":       services,
	"internal/node":        services,

	"internal/onnx":     edges,
	"internal/jpeg":     edges,
	"internal/prom":     edges,
	"internal/kube":     edges,
	"internal/process":  edges,
	"internal/kubelite": edges,
	"internal/term":     edges,
	"internal/alarm":    edges,

	"internal/scaling":  rules,
	"internal/simulate": rules,
	"internal/balance":  rules,
	"internal/pace":     rules,
	"internal/summary":  rules,
	"internal/oip":      rules,
	"internal/resnet":   rules,
	"internal/picture":  rules,
	"internal/report":   rules,
	"internal/results":  rules,
	"internal/capacity": rules,
	// What the local Kubernetes API knows and decides, apart from how it is served.
	"internal/kubelite/store":    rules,
	"internal/kubelite/kinds":    rules,
	"internal/kubelite/workload": rules,

	"internal/api":       base,
	"internal/command":   base,
	"internal/lifecycle": base,
	"internal/httpserve": base,
	"internal/reload":    base,
	"internal/httpbody":  base,

	"internal/testkit":         tests,
	"internal/testkit/kubeapi": tests,
	"internal/testkit/browser": tests,
	"internal/archtest":        tests,
	"internal/docs":            tests,
	"internal/integration":     tests,
}

// allowed says which layers a layer may import, and why no others.
var allowed = map[layer]struct {
	may []layer
	why string
}{
	cmd:      {[]layer{services, edges, rules, base}, "cmd wires everything, and nobody imports cmd"},
	services: {[]layer{rules, base}, "a service declares the interfaces it needs and cmd hands it the edges, so that a test can too"},
	edges:    {[]layer{rules, base}, "an edge turns one foreign world into our values and has no policy"},
	rules:    {[]layer{rules}, "rules are values in, values out: where the thinking is, testable without a world"},
	base:     {[]layer{base}, "base knows nothing of what stands on it"},
	tests:    {[]layer{cmd, services, edges, rules, base, tests}, "tests may look at everything"},
}

// foreign confines a library to the package or layer that translates it.
var foreign = []struct {
	prefix string
	only   []string
	why    string
}{
	{"github.com/yalue/onnxruntime_go", []string{"internal/onnx"}, "one package links cgo and knows tensors' memory"},
	{"k8s.io/", []string{"internal/kube", "internal/kubelite", "internal/node", "internal/local", "cmd/local", "internal/testkit/kubeapi"}, "services speak of replicas, not of the Kubernetes API; the local runtime is a Kubernetes API"},
	{"github.com/ebitengine/purego", []string{"internal/jpeg"}, "one package calls a library that the compiler does not see"},
	{"github.com/alecthomas/kong", []string{"internal/command", "cmd/"}, "flags end in main"},
}

// pureImports are what a rule must not import: they fetch inputs behind its caller's back.
var impure = []string{"net/http", "os", "os/exec", "log", "log/slog", "context", "net"}

type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func (p pkg) path() string { return strings.TrimPrefix(p.ImportPath, module) }

func packages(t *testing.T) []pkg {
	t.Helper()
	list := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", module+"...")
	out, err := list.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := list.Start(); err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for d := json.NewDecoder(out); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if err := list.Wait(); err != nil {
		t.Fatal(err)
	}
	if len(all) < 5 {
		t.Fatalf("go list found only %d packages: the rules below would prove nothing", len(all))
	}
	return all
}

func layerFor(path string) (layer, bool) {
	if strings.HasPrefix(path, "cmd/") {
		return cmd, true
	}
	// A package belongs to the layer of the nearest parent in the map.
	for p := path; p != ""; p = parent(p) {
		if l, ok := layerOf[p]; ok {
			return l, true
		}
	}
	return "", false
}

func parent(path string) string {
	i := strings.LastIndexByte(path, '/')
	return path[:max(i, 0)]
}

func TestLayers(t *testing.T) {
	for _, p := range packages(t) {
		from, ok := layerFor(p.path())
		if !ok {
			t.Errorf("%s has no layer: give it a place in layerOf", p.path())
			continue
		}
		for _, imported := range p.Imports {
			to := strings.TrimPrefix(imported, module)
			if to == imported {
				continue
			}
			target, _ := layerFor(to)
			if target == from && (from == services || from == edges) && !strings.HasPrefix(to, p.path()+"/") {
				t.Errorf("%s imports %s: %s do not import each other; cmd hands them in", p.path(), to, from)
			} else if target != from && !slices.Contains(allowed[from].may, target) {
				t.Errorf("%s (%s) imports %s (%s): %s", p.path(), from, to, target, allowed[from].why)
			}
		}
	}
}

func TestForeignLibrariesStayBehindTheirEdges(t *testing.T) {
	for _, p := range packages(t) {
		if l, _ := layerFor(p.path()); l == tests {
			continue
		}
		for _, rule := range foreign {
			at := func(only string) bool {
				return p.path() == only || strings.HasPrefix(p.path(), strings.TrimSuffix(only, "/")+"/")
			}
			if slices.ContainsFunc(rule.only, at) {
				continue
			}
			for _, imported := range p.Imports {
				if strings.HasPrefix(imported, rule.prefix) {
					t.Errorf("%s imports %s: %s", p.path(), imported, rule.why)
				}
			}
		}
	}
}

func TestRulesArePure(t *testing.T) {
	for _, p := range packages(t) {
		if l, _ := layerFor(p.path()); l != rules {
			continue
		}
		for _, imported := range p.Imports {
			if slices.Contains(impure, imported) {
				t.Errorf("%s imports %s: %s", p.path(), imported, allowed[rules].why)
			}
		}
	}
}

func TestProductDoesNotImportTestGear(t *testing.T) {
	gear := []string{"testing", module + "internal/testkit", "github.com/google/go-cmp/cmp", "go.uber.org/goleak", "pgregory.net/rapid"}
	for _, p := range packages(t) {
		if l, _ := layerFor(p.path()); l == tests {
			continue
		}
		for _, imported := range p.Imports {
			if slices.Contains(gear, imported) {
				t.Errorf("%s imports %s outside its tests", p.path(), imported)
			}
		}
	}
}
