package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/bench/machine"
	"resnet-autoscaling/internal/bench/stage"
	"resnet-autoscaling/internal/scaling"
)

// role is what a process is in the system: the name of its program.
type role string

// The roles.
const (
	theReplica    role = "model-server"
	theDispatcher role = "dispatcher"
	theAutoscaler role = "autoscaler"
	thePrometheus role = "prometheus"
	theLocal      role = "local" // the Kubernetes API, the node agent and the supervisor
)

// process is one of the system's.
type process struct {
	role role
	pid  int
	self machine.Member
	url  string // of its metrics; "": it has none
}

const (
	askTimeout   = 3 * time.Second
	startTimeout = 2 * time.Minute
	endTimeout   = 45 * time.Second
	poll         = 100 * time.Millisecond
)

// system is a `local up` that runs.
type system struct {
	place    *place
	server   *stage.Server
	host     string
	replicas int
	max      int
	skew     *skew
	asking   *http.Client
	ended    bool
	code     int
	met      map[int]process // all that were ever seen
}

// startSystem starts the system and waits until its replicas are ready.
func startSystem(ctx context.Context, s *stage.Stage, p *place, replicas, most int) (*system, error) {
	// A range of its own out of 127/8: lower ones are for `local up`, and for tests.
	const first, count = 226, 24
	second := first + os.Getpid()%count
	y := &system{
		place: p, host: fmt.Sprintf("127.%d.255.1", second), replicas: replicas, max: most, met: map[int]process{},
		asking: &http.Client{Timeout: askTimeout, Transport: &http.Transport{DisableKeepAlives: true}},
	}
	var err error
	if y.skew, err = newSkew(y.at(9090)); err != nil {
		return nil, err
	}
	if err := p.autoscaler(y.skew.url); err != nil {
		return nil, err
	}
	y.server, err = s.Start(ctx, stage.Program{
		Name: "local", Dir: p.run, Env: os.Environ(), Log: filepath.Join(p.out, "local.log"), Ready: y.at(8080) + api.PathReadyz,
		Args: []string{
			filepath.Join(p.root, "bin", "local"), "up", "--bin=bin", "--dir=" + p.disk, fmt.Sprintf("--pods=127.%d.0.0/16", second), "--log-format=json",
			"--listen=" + y.host + ":8080", "--autoscaler-listen=" + y.host + ":8081", "--prometheus-listen=" + y.host + ":9090",
			"--api-listen=" + y.host + ":8001", "--node-listen=" + y.host + ":10250",
			fmt.Sprintf("--replicas=%d", replicas), fmt.Sprintf("--max-replicas=%d", most),
		},
	})
	if err != nil {
		return nil, err
	}
	if complaint := y.eventually(ctx, startTimeout, y.settled); complaint != "" {
		return nil, fmt.Errorf("the system did not come up: %s: %w", complaint, y.server.Stop())
	}
	return y, nil
}

func (y *system) at(port int) string { return fmt.Sprintf("http://%s:%d", y.host, port) }

// eventually waits until nothing is complained of any more; at the end of the time it comes back with what still is.
func (y *system) eventually(ctx context.Context, most time.Duration, look func(context.Context) string) string {
	for end := time.Now().Add(most); ; {
		complaint := look(ctx)
		if complaint == "" || time.Now().After(end) || !sleep(ctx, poll) {
			return complaint
		}
	}
}

// settled complains unless everything is there and at rest.
func (y *system) settled(ctx context.Context) string {
	status, err := y.status(ctx)
	switch {
	case err != nil:
		return "the dispatcher does not say how it is: " + err.Error()
	case len(status.Replicas) < y.replicas:
		return fmt.Sprintf("%d replicas, not %d", len(status.Replicas), y.replicas)
	case status.Queue.Length > 0 || status.Queue.HeldBytes > 0:
		return fmt.Sprintf("%d requests with %d bytes wait in the dispatcher", status.Queue.Length, status.Queue.HeldBytes)
	}
	for _, r := range status.Replicas {
		if r.State != api.ReplicaReady || r.InFlight > 0 {
			return fmt.Sprintf("replica %s is %s and has %d requests", r.Name, r.State, r.InFlight)
		}
	}
	decisions, err := y.decisions(ctx)
	if err != nil || len(decisions) == 0 {
		return fmt.Sprintf("the autoscaler tells no decisions: %v", err)
	}
	if hold := decisions[0].Hold; hold != scaling.HoldNone {
		return fmt.Sprintf("the autoscaler holds: %s", decisions[0])
	}
	return ""
}

func (y *system) status(ctx context.Context) (s api.DispatcherStatus, err error) {
	return s, stage.Ask(ctx, y.asking, y.at(8080)+api.PathStatus, &s)
}

// decisions are the autoscaler's, newest first.
func (y *system) decisions(ctx context.Context) ([]scaling.Decision, error) {
	var list struct{ Decisions []scaling.Decision }
	return list.Decisions, stage.Ask(ctx, y.asking, y.at(8081)+"/decisions", &list)
}

// ready tells whether a server says that it is.
func (y *system) ready(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	answer, err := y.asking.Do(request)
	if err != nil {
		return false
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// processes are the system's, those of a role in the order of their ids; "" is all of them.
func (y *system) processes(of role) (list []process) {
	for _, m := range machine.Family(y.server.Process.PID()) {
		exe, err := os.Readlink(procFile(m.PID, "exe"))
		if err != nil { // it has ended
			continue
		}
		name := role(filepath.Base(exe))
		p := process{role: name, pid: m.PID, self: m, url: y.metricsOf(name, m.PID)}
		if p.role == "sh" { // about to become another program
			continue
		}
		if of == "" || p.role == of {
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b process) int { return cmp.Compare(a.pid, b.pid) })
	return list
}

func (y *system) metricsOf(r role, pid int) string {
	switch r {
	case theDispatcher:
		return y.at(8080)
	case theAutoscaler:
		return y.at(8081)
	case thePrometheus:
		return y.at(9090)
	case theReplica:
		environment, _ := os.ReadFile(procFile(pid, "environ")) // of one that has ended it is empty
		for variable := range bytes.SplitSeq(environment, []byte{0}) {
			if listen, ok := bytes.CutPrefix(variable, []byte("RESNET_LISTEN=")); ok {
				return "http://" + string(listen)
			}
		}
	}
	return ""
}

func procFile(pid int, name string) string { return filepath.Join("/proc", strconv.Itoa(pid), name) }

// end ends it as Ctrl-C does.
func (y *system) end(ctx context.Context) error {
	defer y.skew.close()
	for _, p := range y.processes("") {
		y.met[p.pid] = p
	}
	_ = y.server.Process.Signal(syscall.SIGINT) // one that has ended already is found out below
	select {
	case <-y.server.Process.Done():
		y.ended = true
		y.code, _ = y.server.Process.Exit()
	case <-time.After(endTimeout):
	}
	return y.server.Stop()
}

// leftovers are what is wrong with how it ended, in words.
func (y *system) leftovers() (all []string) {
	if !y.ended {
		all = append(all, fmt.Sprintf("local had not ended %v after Ctrl-C", endTimeout))
	} else if y.code != 0 {
		all = append(all, fmt.Sprintf("local ended with exit code %d", y.code))
	}
	for _, p := range y.met {
		if p.self.Alive() {
			all = append(all, fmt.Sprintf("process %d (%s) is left behind", p.pid, p.role))
		}
	}
	return all
}
