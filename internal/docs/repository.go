package main

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"sigs.k8s.io/yaml"
)

// target is a target of the Makefile that tells what it does.
type target struct{ name, what string }

var targetLine = regexp.MustCompile(`(?m)^([a-z0-9-]+):.*## (.*)$`)

func readTargets(makefile string) (all []target, err error) {
	text, err := os.ReadFile(makefile)
	for _, match := range targetLine.FindAllStringSubmatch(string(text), -1) {
		all = append(all, target{match[1], match[2]})
	}
	return all, err
}

func (f facts) targetTable() string {
	var rows [][]string
	for _, t := range f.targets {
		rows = append(rows, []string{code("make " + t.name), plain(t.what)})
	}
	return collapsed(fmt.Sprintf("<code>make</code>: %d targets", len(rows)), table([]string{"target", "what it does"}, rows))
}

// alert is an alert of deploy/prometheus/rules.yml.
type alert struct{ name, severity, summary, action string }

func readAlerts(file string) (all []alert, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert               string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(text, &rules); err != nil {
		return nil, err
	}
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			if r.Alert != "" {
				all = append(all, alert{r.Alert, r.Labels["severity"], r.Annotations["summary"], r.Annotations["action"]})
			}
		}
	}
	return all, nil
}

// variable is what an alert fills in when it fires.
var variable = regexp.MustCompile(`\{\{ *\$labels\.([a-z]+) *\}\}`)

func (f facts) alertTable() string {
	var rows [][]string
	for _, a := range f.alerts {
		rows = append(rows, []string{code(a.name) + ", " + a.severity, variable.ReplaceAllString(plain(a.summary), "(the $1)"), plain(a.action)})
	}
	return collapsed(fmt.Sprintf("%d alerts: what each means, and what to do", len(rows)), table([]string{"alert", "what it means", "what to do"}, rows))
}

// pkg is a package of ours.
type pkg struct{ path, layer, synopsis string }

// readPackages lists the packages with the layers that internal/archtest gives them.
func readPackages(ctx context.Context, root string) (all []pkg, err error) {
	layers, err := readLayers(filepath.Join(root, "internal", "archtest", "layers_test.go"))
	if err != nil {
		return nil, err
	}
	list := exec.CommandContext(ctx, "go", "list", "-f", `{{.ImportPath}}{{"\t"}}{{.Doc}}`, "./...")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		path, synopsis, _ := strings.Cut(strings.TrimSpace(line), "\t")
		_, path, _ = strings.Cut(path, "/")
		all = append(all, pkg{path, layerOf(layers, path), synopsis})
	}
	return all, nil
}

// layerOf is that of the nearest folder upwards that has one.
func layerOf(layers map[string]string, path string) string {
	for p := path; p != "."; p = filepath.Dir(p) {
		if l, ok := layers[p]; ok {
			return l
		}
	}
	return "cmd"
}

// readLayers reads the map layerOf of the test that holds it true.
func readLayers(file string) (map[string]string, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		return nil, err
	}
	layers := map[string]string{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		v, ok := n.(*ast.ValueSpec)
		if !ok || v.Names[0].Name != "layerOf" {
			return true
		}
		for _, e := range v.Values[0].(*ast.CompositeLit).Elts {
			pair := e.(*ast.KeyValueExpr)
			if path, err := strconv.Unquote(pair.Key.(*ast.BasicLit).Value); err == nil {
				layers[path] = pair.Value.(*ast.Ident).Name
			}
		}
		return false
	})
	if len(layers) == 0 {
		return nil, errors.New(file + " has no map layerOf")
	}
	return layers, nil
}

func (f facts) packageTable() string {
	var rows [][]string
	for _, p := range f.packages {
		rows = append(rows, []string{code(p.path), p.layer, plain(p.synopsis)})
	}
	return collapsed(fmt.Sprintf("%d packages and their layers", len(rows)), table([]string{"package", "layer", "what it is"}, rows))
}
