package chaos_test

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"resnet-autoscaling/internal/kubelite"
	"resnet-autoscaling/internal/testkit"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// startAPI runs the local runtime's Kubernetes API until the test ends. The test itself has a client of it; the kubeconfig leads through a
// door that can be shut.
func startAPI(t *testing.T, here addresses) (client kubernetes.Interface, kubeconfig string, d *door) {
	t.Helper()
	server, err := kubelite.New(kubelite.Options{Listen: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	testkit.Running(t, server.Run)
	d = &door{address: here.api(), to: server.Addr().String()}
	if err := d.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.shut)
	if client, err = kubernetes.NewForConfig(server.Config()); err != nil {
		t.Fatal(err)
	}
	return client, writeKubeconfig(t, server, d.address), d
}

func writeKubeconfig(t *testing.T, server *kubelite.Server, address string) string {
	t.Helper()
	text, err := server.Kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.Load(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range config.Clusters {
		c.Server, c.TLSServerName = "https://"+address, "127.0.0.1"
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// door is the only way to a server. While it is shut, the server is away: nobody listens, and who was connected no longer is.
type door struct {
	address, to string

	mu       sync.Mutex
	listener net.Listener // nil: it is shut
	through  []net.Conn
}

// open listens at the same address each time.
func (d *door) open() error {
	l, err := net.Listen("tcp", d.address)
	if err != nil {
		return fmt.Errorf("open the door: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.listener = l
	go d.admit(l)
	return nil
}

func (d *door) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.listener != nil {
		d.listener.Close()
	}
	for _, c := range d.through {
		c.Close()
	}
	d.listener, d.through = nil, nil
}

func (d *door) admit(l net.Listener) {
	for {
		in, err := l.Accept()
		if err != nil {
			return // it is shut
		}
		if out, err := net.Dial("tcp", d.to); err != nil || !d.enter(l, in, out) {
			in.Close()
		}
	}
}

// enter is false where the door was shut while somebody stood in it.
func (d *door) enter(l net.Listener, in, out net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.listener != l {
		out.Close()
		return false
	}
	d.through = append(d.through, in, out)
	go pass(in, out)
	go pass(out, in)
	return true
}

// pass copies until either side is closed, and then closes both.
func pass(from, to net.Conn) {
	_, _ = io.Copy(to, from) // how it ended is the others' business
	from.Close()
	to.Close()
}
