package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/bench/stage"
)

//go:embed peers
var peerFiles embed.FS

var configurations = template.Must(template.New("").Funcs(template.FuncMap{"host": hostOf, "port": portOf, "seconds": seconds}).ParseFS(peerFiles, "peers/*"))

func hostOf(address string) string { host, _, _ := net.SplitHostPort(address); return host }

func portOf(address string) string { _, port, _ := net.SplitHostPort(address); return port }

// seconds is a duration as protocol buffers write it.
func seconds(ms int64) string { return fmt.Sprintf("%.3fs", float64(ms)/1000) }

// role is how a case uses contenders.
type role struct {
	replicas []string // host and port
	cores    string   // as taskset takes them; "": any
	workers  int      // threads or processes, for those that have to be told
	// retry lets peers send a request again, elsewhere, where it was refused or could not be sent. Ours always does.
	retry bool
	// attempt is how long a peer lets a replica try; 0: as long as it likes. Ours finds out itself.
	attempt time.Duration
	caller  time.Duration // how long callers wait: a peer that can be told waits no longer for a replica, and half as long for a free one
	flags   []string      // for ours
}

// proxy is a contender that runs.
type proxy struct {
	*stage.Server
	url string // of predict
}

func (p *proxy) host() string {
	return strings.TrimSuffix(strings.TrimPrefix(p.url, "http://"), api.PathPredict)
}

// open starts a contender.
func (b *bench) open(ctx context.Context, c contender, r role) (*proxy, error) {
	ports, err := b.stage.Ports(1)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.dir, c.name+"-")
	if err != nil {
		return nil, err
	}
	base := fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	p := stage.Program{Name: filepath.Base(dir), Cores: r.cores, Dir: dir, Log: filepath.Join(dir, "log"), Ready: base + "/ready", Env: environment()}
	if c.family == ours {
		p.Ready = base + api.PathReadyz
		p.Args = ownArgs(b.programs[ours], ports[0], r)
	} else if p.Args, err = b.peerArgs(c, r, ports[0], dir); err != nil {
		return nil, err
	}
	running, err := b.stage.Start(ctx, p)
	if err != nil {
		return nil, err
	}
	return &proxy{Server: running, url: base + api.PathPredict}, nil
}

func ownArgs(program string, port int, r role) []string {
	args := []string{program, "--listen", fmt.Sprintf("127.0.0.1:%d", port), "--drain-delay", "0s", "--log-level", "warn"}
	for _, replica := range r.replicas {
		args = append(args, "--replicas", "http://"+replica)
	}
	return append(args, r.flags...)
}

// peerArgs writes a peer's configuration and returns its command line.
func (b *bench) peerArgs(c contender, r role, port int, dir string) ([]string, error) {
	name := map[family]string{nginx: "nginx.conf", haproxy: "haproxy.cfg", envoy: "envoy.yaml"}[c.family]
	path := filepath.Join(dir, name)
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	err = configurations.ExecuteTemplate(file, name, map[string]any{
		"Root": os.Geteuid() == 0, "Dir": dir, "Port": port, "Workers": r.workers, "Replicas": r.replicas, "Retry": r.retry, "AttemptMS": r.attempt.Milliseconds(),
		"CallerMS": r.caller.Milliseconds(), "QueueMS": (r.caller / 2).Milliseconds(),
		"Balance": c.settings.Balance, "Unbuffered": c.settings.Unbuffered, "BodyBuffer": c.settings.BodyBuffer, "MaxConn": c.settings.MaxConn, "Fails": c.settings.Fails,
	})
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	program := b.programs[c.family]
	switch c.family {
	case nginx:
		return []string{program, "-p", dir, "-c", path}, nil
	case haproxy:
		return []string{program, "-db", "-f", path}, nil
	default:
		return []string{program, "-c", path, "--concurrency", fmt.Sprint(r.workers), "--log-level", "error", "--use-dynamic-base-id"}, nil
	}
}
