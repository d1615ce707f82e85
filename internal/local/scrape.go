package local

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// scrapeConfig is the cluster's Prometheus configuration with the way to the API server and the credentials replaced by ours:
// elsewhere Prometheus takes both from its ServiceAccount.
func scrapeConfig(files fs.FS, kubeconfig, token, ca string) ([]byte, error) {
	text, err := fs.ReadFile(files, "prometheus/prometheus.yml")
	if err != nil {
		return nil, fmt.Errorf("read Prometheus' configuration: %w", err)
	}
	var config map[string]any
	if err := yaml.Unmarshal(text, &config); err != nil {
		return nil, fmt.Errorf("read Prometheus' configuration: %w", err)
	}
	jobs, _ := config["scrape_configs"].([]any)
	for _, job := range jobs {
		replaceCredentials(job.(map[string]any), kubeconfig, token, ca)
	}
	return yaml.Marshal(config)
}

func replaceCredentials(job map[string]any, kubeconfig, token, ca string) {
	discoveries, _ := job["kubernetes_sd_configs"].([]any)
	for _, d := range discoveries {
		discovery := d.(map[string]any)
		discovery["kubeconfig_file"] = kubeconfig
		if _, ok := discovery["namespaces"]; ok {
			// Its own namespace, too, is something that Prometheus knows from its ServiceAccount.
			discovery["namespaces"] = map[string]any{"names": []string{namespace}}
		}
	}
	if _, ok := job["authorization"]; ok {
		job["authorization"] = map[string]any{"credentials_file": token}
	}
	if _, ok := job["tls_config"]; ok {
		job["tls_config"] = map[string]any{"ca_file": ca}
	}
}

// files are where the way into the system is written down.
type files struct{ kubeconfig, token, ca, scrape, rules, data, logs string }

func filesIn(dir string) files {
	return files{
		kubeconfig: filepath.Join(dir, "kubeconfig"), token: filepath.Join(dir, "token"), ca: filepath.Join(dir, "ca.crt"),
		scrape: filepath.Join(dir, "prometheus.yml"), rules: filepath.Join(dir, "rules.yml"), data: filepath.Join(dir, "prometheus"), logs: filepath.Join(dir, "logs"),
	}
}

// write replaces what an earlier run left: its API server is gone, and with it what its Prometheus knew.
func (f files) write(api API, manifests fs.FS) error {
	for _, dir := range []string{f.data, f.logs} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	kubeconfig, err := api.Kubeconfig()
	if err != nil {
		return err
	}
	scrape, err := scrapeConfig(manifests, f.kubeconfig, f.token, f.ca)
	if err != nil {
		return err
	}
	rules, err := fs.ReadFile(manifests, "prometheus/rules.yml") // which the configuration looks for beside itself
	if err != nil {
		return fmt.Errorf("read Prometheus' rules: %w", err)
	}
	for path, content := range map[string][]byte{
		f.kubeconfig: kubeconfig, f.token: []byte(api.Token()), f.ca: api.CA(), f.scrape: scrape, f.rules: rules,
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
