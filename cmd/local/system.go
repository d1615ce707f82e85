package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/kubelite"
	"resnet-autoscaling/internal/local"
	"resnet-autoscaling/internal/node"
	"resnet-autoscaling/internal/process"

	"golang.org/x/sys/unix"
)

// system is what both commands run.
type system struct {
	Replicas    int         `default:"1" help:"Replicas to start with, and the fewest that the autoscaler leaves."`
	MaxReplicas int         `help:"Most replicas. Default: as many as fit into seven eighths of this machine's cores." placeholder:"N"`
	CPU         command.CPU `name:"cpu" default:"250m" help:"CPU of each replica: 250m, 0.5 or 2."`

	Policy     string        `default:"target" enum:"target,slo" help:"The autoscaler's: target or slo; see autoscaler --help."`
	SLOLatency time.Duration `name:"slo-latency" default:"250ms" help:"With --policy slo: the latency that 99 of 100 requests are to keep."`

	Listen           netip.AddrPort `default:"127.0.0.1:8080" help:"Address of the dispatcher."`
	AutoscalerListen netip.AddrPort `default:"127.0.0.1:8081" help:"Address of the autoscaler."`
	PrometheusListen netip.AddrPort `default:"127.0.0.1:9090" help:"Address of Prometheus."`
	APIListen        netip.AddrPort `name:"api-listen" default:"127.0.0.1:8001" help:"Address of the Kubernetes API subset."`
	NodeListen       netip.AddrPort `default:"127.64.0.1:10250" help:"Address of the node agent, as a kubelet's."`
	Pods             netip.Prefix   `default:"127.64.0.0/16" help:"Where pods get their addresses."`

	Dir string `default:".local" help:"Folder of the kubeconfig, logs and Prometheus' data; what an earlier run left there is replaced."`
	Bin string `default:"bin" help:"Folder of the binaries (make build)."`
}

// Validate checks what can be checked before anything starts.
func (s *system) Validate() error {
	return errors.Join(
		loopback("--listen", s.Listen), loopback("--autoscaler-listen", s.AutoscalerListen), loopback("--prometheus-listen", s.PrometheusListen),
		loopback("--api-listen", s.APIListen), loopback("--node-listen", s.NodeListen),
		command.Check(s.Pods.IsValid() && s.Pods.Addr().IsLoopback(), "--pods", s.Pods, "must be a loopback range such as 127.64.0.0/16"),
		command.Check(s.SLOLatency > 0, "--slo-latency", s.SLOLatency, "must be above 0"),
		command.Check(s.MaxReplicas >= 0, "--max-replicas", s.MaxReplicas, "must not be negative"),
	)
}

// loopback refuses an address that others could reach: nothing here but the API asks its clients who they are.
func loopback(flag string, address netip.AddrPort) error {
	return command.Check(address.Addr().IsLoopback() && address.Port() != 0, flag, address, "must be a loopback address with a port, such as 127.0.0.1:8080")
}

func (s *system) bin(name string) string { return filepath.Join(s.Bin, name) }

func (s *system) max() int {
	if s.MaxReplicas > 0 {
		return s.MaxReplicas
	}
	return max(s.Replicas, int(0.875*float64(runtime.NumCPU())/float64(s.CPU)))
}

// run has the system up while use runs, and leaves nothing behind.
func (s *system) run(ctx context.Context, log *slog.Logger, autoscalerArgs []string, use func(context.Context, *local.Service, string) error) (err error) {
	if err := s.built(); err != nil {
		return err
	}
	unlock, err := s.lock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	launcher, err := process.NewLauncher(process.Options{Name: "resnet-local", Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, launcher.Close()) }()
	service, err := s.service(launcher, append(s.decides(), autoscalerArgs...), log)
	if err != nil {
		return err
	}
	return service.Run(ctx, func(ctx context.Context) error { return use(ctx, service, launcher.Method()) })
}

// decides is how the autoscaler is told to decide.
func (s *system) decides() []string {
	if s.Policy == policySLO {
		return []string{"--policy=slo", "--slo-latency=" + s.SLOLatency.String()}
	}
	return []string{"--policy=" + s.Policy}
}

const policySLO = "slo"

// built finds out early whether the binaries that pods and components are made of are there.
func (s *system) built() error {
	for _, name := range []string{"model-server", "dispatcher", "autoscaler", "loadtest"} {
		if _, err := os.Stat(s.bin(name)); err != nil {
			return &command.Misuse{Flag: "--bin", Value: s.Bin, Rule: fmt.Sprintf("must hold the binaries, which `make build` puts into bin: %v", err)}
		}
	}
	return nil
}

// lock keeps a second system out of the same folder.
func (s *system) lock() (func() error, error) {
	err := os.MkdirAll(s.Dir, 0o755)
	var file *os.File
	if err == nil {
		file, err = os.OpenFile(filepath.Join(s.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	}
	if err != nil {
		return nil, &command.Misuse{Flag: "--dir", Value: s.Dir, Rule: fmt.Sprintf("must be a folder that can be written to: %v", err)}
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another local runs in %s: end it first, or use another --dir and other addresses", s.Dir), file.Close())
	}
	return file.Close, nil
}

// service wires the parts: the API, the agent that runs its pods, and the components beside them.
func (s *system) service(launcher *process.Launcher, autoscalerArgs []string, log *slog.Logger) (*local.Service, error) {
	api, err := kubelite.New(kubelite.Options{Listen: s.APIListen.String(), Log: log, Now: time.Now})
	if err != nil {
		return nil, err
	}
	agent, err := s.agent(api, launcher, log)
	if err != nil {
		return nil, err
	}
	prometheus, err := findPrometheus()
	if err != nil {
		return nil, err
	}
	return local.New(local.Options{
		Dir: s.Dir, Manifests: os.DirFS("deploy"), API: api, Node: agent,
		Start: func(p local.Program) (local.Process, error) {
			started, err := launcher.Start(process.Command{Name: p.Name, Path: p.Path, Args: p.Args, Env: p.Env, Output: p.Output})
			if err != nil {
				return nil, err
			}
			return started, nil
		},
		Dispatcher: s.bin("dispatcher"), Autoscaler: s.bin("autoscaler"), Prometheus: prometheus,
		DispatcherListen: s.Listen, AutoscalerListen: s.AutoscalerListen, PrometheusListen: s.PrometheusListen,
		CPU: float64(s.CPU), Replicas: s.Replicas, MaxReplicas: s.max(), AutoscalerArgs: autoscalerArgs, Env: environment(), Log: log,
	})
}

func (s *system) agent(api *kubelite.Server, launcher *process.Launcher, log *slog.Logger) (*node.Agent, error) {
	certificate, err := api.Certificate(s.NodeListen.Addr().String())
	if err != nil {
		return nil, err
	}
	return node.New(node.Options{
		Name: "local", Config: api.Config(), Listen: s.NodeListen.String(), Pods: s.Pods, TLS: certificate, Token: api.Token(),
		Images:    map[string]node.Image{"resnet-inference:latest": {Path: s.bin("model-server"), Env: environment()}},
		LogDir:    filepath.Join(s.Dir, "logs", "pods"),
		Processes: processes{launcher}, CPU: float64(runtime.NumCPU()), Memory: memory(),
		StopTimeout: 8 * time.Second, Log: log, // Ctrl-C: all is gone within ten seconds
	})
}

// findPrometheus takes the one that make setup built, else the system's.
func findPrometheus() (string, error) {
	if path, err := filepath.Abs(filepath.Join(".cache", "bin", "prometheus")); err == nil {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath("prometheus")
	if err != nil {
		return "", errors.New("no Prometheus in .cache/bin or on PATH: run `make setup` once, from the repository's root")
	}
	return path, nil
}

// environment is what every process here gets: enough to find programs and libraries, nothing that is meant for this one.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		for _, name := range []string{"PATH=", "HOME=", "TMPDIR=", "LD_LIBRARY_PATH=", "RESNET_ONNXRUNTIME_LIB="} {
			if len(v) >= len(name) && v[:len(name)] == name {
				return false
			}
		}
		return true
	})
}

// memory is what this machine has, in bytes.
func memory() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 1 << 30 // only a description of the node, and every machine that runs this has that much
	}
	return int64(info.Totalram) * int64(info.Unit)
}
