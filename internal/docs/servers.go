package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// server is what a binary answers over HTTP.
type server struct {
	name       string
	metrics    []metric
	operations []operation
}

type metric struct {
	name, kind, help string
	labels           []string
}

type operation struct{ method, path, summary string }

// nowhere is an address at which nobody answers: what a server is, it tells without those that it works with.
const nowhere = "http://127.0.0.1:1"

// startTimeout is for machines that are busy beyond reason.
const startTimeout = time.Minute

// askServers starts each binary that serves, and asks it what it has.
func askServers(ctx context.Context, root, bin string) (all []server, err error) {
	dir, err := os.MkdirTemp("", "resnet-docs-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(kubeconfig, []byte(kubeconfigText), 0o600); err != nil {
		return nil, err
	}
	for name, args := range map[string][]string{
		"model-server": {"--cache-mb=1"}, // its metrics are there only if it is
		"dispatcher":   {"--replicas=" + nowhere},
		"autoscaler":   {"--kubeconfig=" + kubeconfig, "--prometheus-url=" + nowhere, "--dry-run"},
	} {
		s, err := ask(ctx, root, filepath.Join(bin, name), args)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b server) int { return slices.Index(binaries, a.name) - slices.Index(binaries, b.name) })
	return all, nil
}

const kubeconfigText = `apiVersion: v1
kind: Config
current-context: nowhere
contexts: [{name: nowhere, context: {cluster: nowhere, namespace: default}}]
clusters: [{name: nowhere, cluster: {server: "` + nowhere + `"}}]
`

// ask runs a server for as long as it takes to ask it.
func ask(ctx context.Context, root, path string, args []string) (s server, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	path, err = filepath.Abs(path)
	if err != nil {
		return s, err
	}
	process := exec.CommandContext(ctx, path, append(args, "--listen=127.0.0.1:0", "--log-format=json")...)
	process.Dir = root
	log, err := process.StderrPipe()
	if err != nil {
		return s, err
	}
	if err := process.Start(); err != nil {
		return s, err
	}
	defer func() {
		_ = process.Process.Signal(os.Interrupt) // one that has ended by itself has said why
		_, _ = io.Copy(io.Discard, log)
		_ = process.Wait()
	}()
	url, err := awaitServing(log)
	if err != nil {
		return s, err
	}
	s.name = filepath.Base(path)
	if s.metrics, err = readMetrics(ctx, url); err != nil {
		return s, err
	}
	s.operations, err = readOperations(ctx, root, s.name, url)
	return s, err
}

// awaitServing reads a log up to the line that tells the address.
func awaitServing(log io.Reader) (url string, err error) {
	var said strings.Builder
	for lines := bufio.NewScanner(log); lines.Scan(); {
		var line struct{ Msg, Address string }
		if err := json.Unmarshal(lines.Bytes(), &line); err == nil && line.Msg == "serving" {
			return "http://" + line.Address, nil
		}
		fmt.Fprintln(&said, lines.Text())
	}
	return "", fmt.Errorf("it does not serve: %s", said.String())
}

func get(ctx context.Context, url string, read func(io.Reader) error) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", request.URL.Path, answer.Status)
	}
	return read(answer.Body)
}

// readMetrics are those of the service, not those of Go and of its process that all programs have.
func readMetrics(ctx context.Context, url string) (all []metric, err error) {
	err = get(ctx, url+"/metrics", func(body io.Reader) error {
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(body)
		for name, f := range families {
			if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
				continue
			}
			m := metric{name: name, kind: strings.ToLower(f.GetType().String()), help: f.GetHelp()}
			for _, label := range f.GetMetric()[0].GetLabel() {
				m.labels = append(m.labels, label.GetName())
			}
			all = append(all, m)
		}
		return err
	})
	slices.SortFunc(all, func(a, b metric) int { return strings.Compare(a.name, b.name) })
	return all, err
}

func (f facts) metricTables() string {
	var b strings.Builder
	for _, s := range f.servers {
		var rows [][]string
		for _, m := range s.metrics {
			rows = append(rows, []string{code(m.name), m.kind, code(strings.Join(m.labels, ", ")), plain(m.help)})
		}
		b.WriteString(collapsed("<code>"+s.name+"</code>", table([]string{"metric", "type", "labels", "what it tells"}, rows)))
	}
	return b.String()
}
