package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// foreign are flags of programs that are not ours, and whose they are.
var foreign = map[string]string{
	"--cpus":    "minikube start",
	"--save":    "the cost benchmark, in a module of its own",
	"--against": "the cost benchmark, in a module of its own",
	"--help":    "every program's",
}

var (
	codeSpan   = regexp.MustCompile("`([^`\n]+)`")
	codeLine   = regexp.MustCompile(`(?m)^    \S.*$`)
	flagWord   = regexp.MustCompile(`(?:^|[\s(\[=])(--[a-z][a-z0-9-]+)`)
	variableOf = regexp.MustCompile(`RESNET_[A-Z0-9_]+`)
	makeWord   = regexp.MustCompile(`(?:^|\s)make ([a-z][a-z0-9-]*)`)
	metricWord = regexp.MustCompile(`\b(?:inference|dispatcher|autoscaler|model|kubelet|container)_[a-z_]*[a-z]\b`)
	pathWord   = regexp.MustCompile(`^(?:(?:GET|POST) )?(/[a-z0-9/{}.-]*)(?:\?.*)?$`)
	fileWord   = regexp.MustCompile(`(?:^|[\s=@])((?:cmd|deploy|images|internal|models)/[A-Za-z0-9_./*-]+)`)
	seriesEnd  = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// mentions are the pieces of README.md's own words that are written as code.
func mentions(text string) (pieces []string) {
	for _, match := range codeSpan.FindAllStringSubmatch(text, -1) {
		pieces = append(pieces, match[1])
	}
	for _, line := range codeLine.FindAllString(text, -1) {
		pieces = append(pieces, strings.TrimSpace(line))
	}
	return pieces
}

// wrongIn lists what a text speaks of and is not there.
func (v vocabulary) wrongIn(text string) (wrong []string) {
	complain := func(kind, what string) { wrong = append(wrong, kind+" "+what) }
	for _, piece := range mentions(text) {
		for _, match := range flagWord.FindAllStringSubmatch(piece, -1) {
			if foreign[match[1]] == "" && !v.flags[match[1]] {
				complain("flag", match[1])
			}
		}
		for _, match := range makeWord.FindAllStringSubmatch(piece, -1) {
			if !v.targets[match[1]] {
				complain("target", match[1])
			}
		}
		for _, name := range metricWord.FindAllString(piece, -1) {
			if !v.metrics[name] && !v.metrics[seriesEnd.ReplaceAllString(name, "")] {
				complain("metric", name)
			}
		}
		if match := pathWord.FindStringSubmatch(piece); match != nil && !v.paths[match[1]] {
			complain("path", match[1])
		}
		for _, match := range fileWord.FindAllStringSubmatch(piece, -1) {
			if !isThere(match[1]) {
				complain("file", match[1])
			}
		}
	}
	for _, name := range variableOf.FindAllString(text, -1) {
		if !v.variables[name] {
			complain("variable", name)
		}
	}
	slices.Sort(wrong)
	return slices.Compact(wrong)
}

// isThere tells whether a file or a pattern of files is in the repository. X stands for any of several; of a RESULTS.md, which a benchmark
// writes, the folder has to be there.
func isThere(name string) bool {
	pattern := strings.TrimSuffix(strings.ReplaceAll(name, "/X", "/*"), "/RESULTS.md")
	found, err := filepath.Glob(filepath.Join(root, pattern))
	return err == nil && len(found) > 0
}

// vocabulary is what a text may speak of.
type vocabulary struct{ flags, variables, targets, metrics, paths map[string]bool }

func words(t *testing.T) vocabulary {
	v := vocabulary{map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}}
	for _, c := range known.commands {
		for _, f := range c.flags {
			v.flags[f.Name], v.flags[f.Negation], v.variables[f.Variable] = true, true, true
		}
	}
	for _, target := range known.targets {
		v.targets[target.name] = true
	}
	for name := range sourceMetrics(t) {
		v.metrics[name] = true
	}
	for _, s := range known.servers {
		for _, m := range s.metrics {
			v.metrics[m.name] = true
		}
		for _, o := range s.operations {
			v.paths[o.path] = true
		}
	}
	return v
}

// What the prose speaks of is there: flags, variables, targets, metrics, paths and files.
func TestProseSpeaksOfWhatThereIs(t *testing.T) {
	text := prose(readme, known.parts())
	for _, wrong := range words(t).wrongIn(text) {
		t.Errorf("README.md speaks of a %s that does not exist", wrong)
	}
	if n := len(mentions(text)); n < 100 {
		t.Errorf("only %d mentions were looked at", n)
	}
}

// The check is worth something: each kind of mistake is found, and what is right is not complained of.
func TestWhatDoesNotExistIsFound(t *testing.T) {
	v := words(t)
	for text, want := range map[string]string{
		"`loadtest --profle constant:5/30s`":      "flag --profle",
		"    make bench-everything":               "target bench-everything",
		"see `dispatcher_arivals_total`":          "metric dispatcher_arivals_total",
		"`GET /desicions` and `/predicts?top_k=`": "path /desicions, path /predicts",
		"RESNET_PROMETHEUS":                       "variable RESNET_PROMETHEUS",
		"`internal/balancing/line.go`":            "file internal/balancing/line.go",
		"`make demo`, `--queue`, `POST /predict`, `dispatcher_request_duration_seconds_bucket`, `internal/X/metrics.go`, RESNET_QUEUE": "",
	} {
		if got := strings.Join(v.wrongIn(text), ", "); got != want {
			t.Errorf("%s: complains of %q, want %q", text, got, want)
		}
	}
}

// sourceMetrics are the names that the product's sources give to metrics, and the files where they do.
func sourceMetrics(t *testing.T) map[string]string {
	t.Helper()
	names := map[string]string{}
	err := filepath.WalkDir(filepath.Join(root, "internal"), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{"bench", "e2e", "testkit", "tools"}, d.Name()):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), "prometheus.") {
			return err
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, text, 0)
		if err != nil {
			return err
		}
		for _, name := range metricNames(parsed) {
			names[name] = strings.TrimPrefix(path, root+"/")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// metricNames are the literals in the place of a metric's name: the field Name of prometheus.…Opts and the first argument of NewDesc.
func metricNames(file *ast.File) (names []string) {
	literal := func(e ast.Expr) {
		if l, ok := e.(*ast.BasicLit); ok {
			if name, err := strconv.Unquote(l.Value); err == nil {
				names = append(names, name)
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			if kind, ok := n.Type.(*ast.SelectorExpr); !ok || !strings.HasSuffix(kind.Sel.Name, "Opts") {
				return true
			}
			for _, e := range n.Elts {
				if pair, ok := e.(*ast.KeyValueExpr); ok && pair.Key.(*ast.Ident).Name == "Name" {
					literal(pair.Value)
				}
			}
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "NewDesc" {
				literal(n.Args[0])
			}
		}
		return true
	})
	return names
}
