package integration_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"resnet-autoscaling/internal/testkit"

	sigsyaml "sigs.k8s.io/yaml"
)

// rule is a rule of rules.yml.
type rule struct {
	Record, Alert, Expr string
	Labels, Annotations map[string]string
}

func readRules(t *testing.T) (list []rule) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []rule } }
	readYAML(t, "deploy/prometheus/rules.yml", &file)
	for _, g := range file.Groups {
		list = append(list, g.Rules...)
	}
	return list
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testkit.Root(t), path))
	if err != nil {
		t.Fatal(err)
	}
	if err := sigsyaml.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// promtool is Prometheus' own judge of configurations and rules.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	check := exec.Command(testkit.Promtool(t), args...)
	check.Dir = filepath.Join(testkit.Root(t), "deploy", "prometheus")
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// ruleTests are promtool's unit tests of the rules; those that span days go in longer steps.
var ruleTests = []string{"rules_test.yml", "rules_days_test.yml"}

func TestPrometheusConfigurationAndRules(t *testing.T) {
	promtool(t, "check", "config", "--syntax-only", "prometheus.yml") // the token that it names is there only in a pod
	promtool(t, "check", "rules", "rules.yml")
	promtool(t, append([]string{"test", "rules"}, ruleTests...)...)
}

// Each alert says how bad it is and what to do, and has been seen to fire and to be silent.
func TestAlerts(t *testing.T) {
	type expectation struct {
		Name   string `json:"alertname"`
		Alerts []any  `json:"exp_alerts"`
	}
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, name := range ruleTests {
		var file struct {
			Tests []struct {
				Alerts []expectation `json:"alert_rule_test"`
			}
		}
		readYAML(t, "deploy/prometheus/"+name, &file)
		for _, test := range file.Tests {
			for _, e := range test.Alerts {
				fires[e.Name] = fires[e.Name] || len(e.Alerts) > 0
				silent[e.Name] = silent[e.Name] || len(e.Alerts) == 0
			}
		}
	}
	for _, r := range readRules(t) {
		if r.Alert == "" {
			continue
		}
		if !fires[r.Alert] || !silent[r.Alert] {
			t.Errorf("%s: tested to fire: %v, to be silent: %v", r.Alert, fires[r.Alert], silent[r.Alert])
		}
		if !slices.Contains([]string{"critical", "warning"}, r.Labels["severity"]) {
			t.Errorf("%s: severity %q", r.Alert, r.Labels["severity"])
		}
		for _, name := range []string{"summary", "description", "action"} {
			if r.Annotations[name] == "" {
				t.Errorf("%s has no %s", r.Alert, name)
			}
		}
	}
}

// What rules and panels ask for is exported, recorded or scraped, by that very name.
func TestQueriesAskForWhatThereIs(t *testing.T) {
	known := metricNames(t)
	queries := dashboard(t)
	for _, r := range readRules(t) {
		queries[r.Record+r.Alert] = append(queries[r.Record+r.Alert], r.Expr)
	}
	for where, list := range queries {
		for _, query := range list {
			asked := askedFor(query)
			if len(asked) == 0 {
				t.Errorf("%s: %s asks for nothing", where, query)
			}
			for _, name := range asked {
				if !known[name] {
					t.Errorf("%s: there is no %s", where, name)
				}
			}
		}
	}
}

// The panels' queries are PromQL, as Prometheus itself reads it.
func TestDashboardIsPromQL(t *testing.T) {
	text := "groups:\n  - name: panels\n    rules:\n"
	for panel, queries := range dashboard(t) {
		if len(queries) == 0 {
			t.Errorf("panel %q asks for nothing", panel)
		}
		for i, query := range queries {
			query = strings.ReplaceAll(query, "$__rate_interval", "1m")
			text += fmt.Sprintf("      - record: panel:query:%d\n        labels: {panel: %q}\n        expr: %q\n", i, panel, query)
		}
	}
	file := filepath.Join(t.TempDir(), "panels.yml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", file)
}

// dashboard is what each panel of the dashboard asks.
func dashboard(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testkit.Root(t), "deploy", "grafana", "loop.json"))
	if err != nil {
		t.Fatal(err)
	}
	type source struct{ Type, UID string }
	var board struct {
		UID    string
		Panels []struct {
			Title      string
			Datasource source
			Targets    []struct {
				Expr       string
				Datasource source
			}
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	var provisioned struct{ Datasources []source }
	readYAML(t, "deploy/grafana/datasources.yaml", &provisioned)
	queries := map[string][]string{}
	for _, p := range board.Panels {
		queries[p.Title] = []string{}
		for _, target := range p.Targets {
			queries[p.Title] = append(queries[p.Title], target.Expr)
			for _, asked := range []source{p.Datasource, target.Datasource} {
				if !slices.Contains(provisioned.Datasources, asked) {
					t.Errorf("panel %q asks %v, which is not provisioned", p.Title, asked)
				}
			}
		}
	}
	if len(queries) < 10 {
		t.Fatalf("%d panels", len(queries))
	}
	return queries
}

var (
	selectors  = regexp.MustCompile(`\{[^}]*\}|\[[^\]]*\]`)
	words      = regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`)
	ours       = regexp.MustCompile(`^(autoscaler|dispatcher|inference|model|container)_|:`)
	histograms = regexp.MustCompile(`^(.*_seconds)_(bucket|sum|count)$`)
)

// askedFor are the metrics of a query, told from functions and labels by how ours are called.
func askedFor(query string) (names []string) {
	for _, word := range words.FindAllString(selectors.ReplaceAllString(query, ""), -1) {
		switch {
		case word == "up" || word == "ALERTS":
			names = append(names, word)
		case ours.MatchString(word):
			names = append(names, histograms.ReplaceAllString(word, "$1"))
		}
	}
	return names
}

// metricNames are the names that the services register, the recording rules make, and the kubelets' scrape keeps.
func metricNames(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{"up": true, "ALERTS": true} // Prometheus' own
	registered := regexp.MustCompile(`"((?:autoscaler|dispatcher|inference|model)_[a-z_]+)"`)
	for _, service := range []string{"autoscaler", "dispatcher", "modelserver"} {
		source, err := os.ReadFile(filepath.Join(testkit.Root(t), "internal", service, "metrics.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range registered.FindAllStringSubmatch(string(source), -1) {
			known[match[1]] = true
		}
	}
	for _, r := range readRules(t) {
		known[r.Record] = true
	}
	var config struct {
		Jobs []struct {
			Kept []struct{ Regex string } `json:"metric_relabel_configs"`
		} `json:"scrape_configs"`
	}
	readYAML(t, "deploy/prometheus/prometheus.yml", &config)
	for _, j := range config.Jobs {
		for _, k := range j.Kept {
			for name := range strings.SplitSeq(k.Regex, "|") {
				known[name] = true
			}
		}
	}
	return known
}
