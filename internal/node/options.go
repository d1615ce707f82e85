// Package node is a Kubernetes node whose containers are plain processes of this machine: an agent that does a kubelet's work for the
// pods bound to it, and speaks nothing but the Kubernetes API, so that it also serves a real API server.
//
// A pod gets an address of its own, but shares the machine's file system, users and network interface with all others. So an image is a
// program that is already here (Options.Images), a container listens at its pod's address only because RESNET_LISTEN tells it to, and
// what a process of this machine cannot have (volumes with content, init containers, hooks, exec probes) is refused in words instead of
// being left out silently.
package node

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"syscall"
	"time"

	"k8s.io/client-go/rest"
)

// Options are the settings of an Agent. All are required but Token, ClientCAs, VolumeDir and StopTimeout.
type Options struct {
	// Name is the node's name in the cluster.
	Name string
	// Config leads to the API server.
	Config *rest.Config
	// Listen is the kubelet port, https, with the node's own IP address: "127.64.0.1:10250"; port 0 takes a free one.
	Listen string
	// Pods are the addresses for pods, which this machine must be able to bind; the node's own is not given out.
	Pods netip.Prefix
	// Images says what the images of manifests are on this machine.
	Images map[string]Image
	// LogDir is where containers' output goes: NAMESPACE_POD/CONTAINER.log.
	LogDir string
	// TLS is the certificate that the kubelet port shows.
	TLS tls.Certificate
	// Token is the one bearer token that may read logs and metrics. "": the API server is asked who may, as a kubelet does, and
	// ClientCAs sign the certificates of those that come with one.
	Token     string
	ClientCAs *x509.CertPool
	// VolumeDir is where pods' volumes are kept, for Processes that mount them. "": they cannot, and volumes with content are refused.
	VolumeDir string
	Processes Processes
	// CPU (cores) and Memory (bytes) are what the node offers to the scheduler.
	CPU    float64
	Memory int64
	// StopTimeout is how long containers have after their SIGTERM when Run ends; 0: each pod's own grace period.
	StopTimeout time.Duration
	Log         *slog.Logger
}

// Image is what an image is on this machine: a program with its first arguments, as an image's entrypoint, and the environment that
// the image would bring with it. A container's args come after Args; its command, if it has one, replaces Path and Args, and is looked
// for in Path's folder.
type Image struct {
	Path string
	Args []string
	Env  []string
}

// Processes starts programs and keeps their limits.
type Processes interface {
	Start(Command) (Process, error)
}

// Command is a program to run, and what it may use.
type Command struct {
	Name   string // for people; unique among those that run
	Path   string
	Args   []string
	Env    []string // all of it: nothing is inherited
	Dir    string
	Output io.Writer // standard output and error
	CPU    float64   // cores; 0: no limit
	Memory int64     // bytes; 0: no limit
	Mounts []Mount   // only where the agent has a VolumeDir
}

// Mount is a folder of this machine that a container sees at a path of its own.
type Mount struct {
	Source, Target string
	ReadOnly       bool
}

// Process is a program that was started.
type Process interface {
	PID() int
	// Signal reaches the program, or is os.ErrProcessDone.
	Signal(s syscall.Signal) error
	// Done is closed when it has ended; then Exit says how, and OOMKilled whether its memory limit did it.
	Done() <-chan struct{}
	Exit() (code int, signal syscall.Signal)
	OOMKilled() bool
	// CPUTime is what it has used so far or, once it has ended, in all.
	CPUTime() (time.Duration, error)
	// Memory is what it has resident, in bytes.
	Memory() (int64, error)
}

// check returns the node's own address.
func (o Options) check() (netip.Addr, error) {
	if o.Config == nil || o.Processes == nil || o.Log == nil {
		return netip.Addr{}, errors.New("a node needs an API server, a way to start processes and a logger")
	}
	host, _, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("the node's address %q: give ip:port, such as 127.64.0.1:10250: %w", o.Listen, err)
	}
	own, err := netip.ParseAddr(host)
	if err != nil || own.IsUnspecified() {
		return netip.Addr{}, fmt.Errorf("the node's address %q: give the one IP address that the API server can reach it at, such as 127.64.0.1:10250", o.Listen)
	}
	for _, rule := range []struct {
		broken bool
		what   string
	}{
		{o.Name == "", "its name is missing"},
		{!o.Pods.IsValid(), "the range of its pods' addresses is missing: give a prefix, such as 127.64.0.0/16"},
		{o.LogDir == "", "the folder for logs is missing"},
		{len(o.TLS.Certificate) == 0, "the certificate for its port is missing"},
		{!(o.CPU > 0), fmt.Sprintf("it offers %v cores: it must have some", o.CPU)},
		{o.Memory <= 0, fmt.Sprintf("it offers %d bytes of memory: it must have some", o.Memory)},
		{o.StopTimeout < 0, fmt.Sprintf("the time to stop in is %v: it must not be negative", o.StopTimeout)},
	} {
		if rule.broken {
			return netip.Addr{}, fmt.Errorf("node %s: %s", o.Name, rule.what)
		}
	}
	return own, nil
}
