package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"resnet-autoscaling/internal/testkit"

	"github.com/google/go-cmp/cmp"
)

var (
	known  facts
	readme string
	root   string
)

// The binaries are built and asked once: every test is about what they say.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		if err := prepare(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

func prepare() (err error) {
	root, err = filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return err
	}
	bin, err := os.MkdirTemp("", "resnet-docs-bin-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(bin)
	build := exec.Command("go", "build", "-o", bin, "resnet-autoscaling/cmd/...")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	if known, err = gather(context.Background(), root, bin); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	readme = string(text)
	return err
}

// All there is, is documented, as the code has it now.
func TestREADMEIsUpToDate(t *testing.T) {
	want, err := fill(readme, known.parts())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(readme, "\n")); diff != "" {
		t.Errorf("README.md is behind the code: run `make docs`. What it has (+) and should have (-):\n%s", diff)
	}
}

// Guards against a generator that finds nothing: what a reader surely looks for is there.
func TestTheReferenceHasWhatOneLooksFor(t *testing.T) {
	parts := known.parts()
	for part, all := range map[string][]string{
		"flags":    {"<code>model-server</code>", "<code>autoscaler simulate</code>", "<code>loadtest find-capacity</code>", "<code>local demo</code>", "`--max-pixels", "`RESNET_PROMETHEUS_URL`", "`--no-leader-elect`", "`BASELINE`", "`-n`, "},
		"metrics":  {"| `inference_cache_lookups_total` | counter | `result` |", "| `inference_duration_seconds` | histogram | `stage` |", "`dispatcher_replicas`", "`autoscaler_leader`"},
		"paths":    {"`POST /predict`", "`GET /decisions`", "`GET /events`", "`GET /`"},
		"targets":  {"`make demo`", "`make docs`"},
		"alerts":   {"`NoReplicaServes`, critical", "(the reason)"},
		"packages": {"`internal/scaling` | rules | Package scaling", "`cmd/local` | cmd | Command local"},
	} {
		for _, want := range all {
			// Arguments stand as kong calls them.
			if !strings.Contains(strings.ReplaceAll(parts[part], "`baseline`", "`BASELINE`"), want) {
				t.Errorf("%s: no %s", part, want)
			}
		}
		if strings.Contains(parts[part], "{{") {
			t.Errorf("%s has a template that was not filled in", part)
		}
	}
}

// A server's route that nobody described is an error of its own, not a hole in the table.
func TestARouteWithoutADescriptionIsAnError(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "service.go"), []byte(`package x; func y() { r.Get("/new", z) }`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := allListed(dir, undescribed["autoscaler"]); err == nil || !strings.Contains(err.Error(), "/new") {
		t.Errorf("%v", err)
	}
}

// Every metric in the sources is one that a server showed: one without a series at its start would be missed otherwise.
func TestEveryMetricOfTheSourcesIsDocumented(t *testing.T) {
	names := sourceMetrics(t)
	if len(names) < 25 {
		t.Fatalf("only %d metrics were found in the sources", len(names))
	}
	for name, where := range names {
		if !strings.Contains(readme, "`"+name+"`") {
			t.Errorf("%s registers %s, and README.md does not tell of it", where, name)
		}
	}
}

// Every alert of the rules has its line; each of ours has a summary and says what to do.
func TestEveryAlertSaysWhatToDo(t *testing.T) {
	if len(known.alerts) < 10 {
		t.Fatalf("%d alerts", len(known.alerts))
	}
	for _, a := range known.alerts {
		if a.summary == "" || a.action == "" || a.severity == "" {
			t.Errorf("%s: severity %q, summary %q, action %q", a.name, a.severity, a.summary, a.action)
		}
	}
}

// go doc has something to say of every package, in whole sentences.
func TestEveryPackageTellsWhatItIs(t *testing.T) {
	if testkit.Root(t) != root {
		t.Fatalf("the root is %s", root)
	}
	for _, p := range known.packages {
		begins := "Package " + filepath.Base(p.path) + " "
		if !strings.HasPrefix(p.synopsis, begins) && !strings.HasPrefix(p.synopsis, "Command "+filepath.Base(p.path)+" ") {
			t.Errorf("%s: its comment begins with %q, not with %q or a Command's", p.path, p.synopsis, begins)
		}
		if len(p.synopsis) < len(begins)+20 {
			t.Errorf("%s: %q says nothing", p.path, p.synopsis)
		}
	}
}
