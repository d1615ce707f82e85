package e2e_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"resnet-autoscaling/internal/process"
	"resnet-autoscaling/internal/testkit"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Addresses inside the namespace. The API server advertises its own, so it must not be of 127/8.
const (
	podRange     = "10.244.0.0/16"
	serviceRange = "10.96.0.0/16"
	masterIP     = "10.244.254.1"
	masterURL    = "https://" + masterIP + ":6443"
)

// users are who comes to the API server with a token of its own, as kubeadm makes certificates for them.
var users = map[string]struct{ name, group string }{
	"admin":              {"admin", "system:masters"},
	"controller-manager": {"system:kube-controller-manager", ""},
	"scheduler":          {"system:kube-scheduler", ""},
	"kwok":               {"kwok", "system:masters"},
	"node-a":             {"system:node:node-a", "system:nodes"},
	"node-b":             {"system:node:node-b", "system:nodes"},
}

// controlPlane is a real one, as processes.
type controlPlane struct {
	dir       string
	launcher  *process.Launcher
	apiServer *process.Process
	kubelets  *authority // signs what the API server shows the nodes
}

// startControlPlane starts etcd, the API server, the controllers and the scheduler, and waits until they work.
func startControlPlane(t *testing.T) *controlPlane {
	t.Helper()
	c := &controlPlane{dir: folder(t, "master"), launcher: newLauncher(t, "resnet-e2e-master"), kubelets: newAuthority(t)}
	c.writeIdentities(t)
	c.start(t, "etcd", "--data-dir="+filepath.Join(c.dir, "etcd"), "--listen-client-urls=http://"+masterIP+":2379", "--advertise-client-urls=http://"+masterIP+":2379",
		"--listen-peer-urls=http://"+masterIP+":2380", "--unsafe-no-fsync")
	c.startAPIServer(t)
	c.start(t, "kube-controller-manager", "--kubeconfig="+c.kubeconfig("controller-manager"), "--service-account-private-key-file="+c.file("sa.key"),
		"--use-service-account-credentials", "--root-ca-file="+c.file("apiserver.crt"), "--leader-elect=false", "--kube-api-qps=200", "--kube-api-burst=400",
		// After an outage of the API server its watches come back late, now and then later than its patience with nodes: then it takes all
		// pods of nodes that live for unready.
		"--node-monitor-grace-period=150s")
	c.start(t, "kube-scheduler", "--kubeconfig="+c.kubeconfig("scheduler"), "--leader-elect=false")
	return c
}

func newLauncher(t *testing.T, name string) *process.Launcher {
	t.Helper()
	l, err := process.NewLauncher(process.Options{Name: name, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (c *controlPlane) file(name string) string { return filepath.Join(c.dir, name) }

// start runs a program of .cache/e2e with its output in a log of its own.
func (c *controlPlane) start(t *testing.T, name string, args ...string) *process.Process {
	t.Helper()
	path := filepath.Join(testkit.Root(t), ".cache", "e2e", name)
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%v: run the test by `make e2e`, which builds it", err)
	}
	log, err := os.OpenFile(filepath.Join(folder(t, "logs"), name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { log.Close() })
	p, err := c.launcher.Start(process.Command{Name: name, Path: path, Args: args, Env: []string{"HOME=" + c.dir}, Output: log})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (c *controlPlane) startAPIServer(t *testing.T) {
	t.Helper()
	c.apiServer = c.start(t, "kube-apiserver", "--etcd-servers=http://"+masterIP+":2379", "--bind-address="+masterIP, "--advertise-address="+masterIP, "--secure-port=6443",
		"--cert-dir="+c.dir, "--service-account-key-file="+c.file("sa.key"), "--service-account-signing-key-file="+c.file("sa.key"),
		"--service-account-issuer=https://kubernetes.default.svc", "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
		"--token-auth-file="+c.file("tokens.csv"), "--service-cluster-ip-range="+serviceRange,
		"--kubelet-client-certificate="+c.file("kubelet-client.crt"), "--kubelet-client-key="+c.file("kubelet-client.key"), "--kubelet-preferred-address-types=InternalIP")
	testkit.Eventually(t, "the API server is ready", func() bool {
		status, _ := c.get(t, "/readyz")
		return status == http.StatusOK
	})
}

func (c *controlPlane) stopAPIServer(t *testing.T) {
	t.Helper()
	if err := c.apiServer.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-c.apiServer.Done()
}

// get asks the API server as the administrator; status 0: it could not be reached.
func (c *controlPlane) get(t *testing.T, path string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, masterURL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer admin-token")
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return 0, ""
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, ""
	}
	return answer.StatusCode, string(text)
}

// config is the way of a user to the API server.
func (c *controlPlane) config(user string) *rest.Config {
	return &rest.Config{Host: masterURL, BearerToken: user + "-token", TLSClientConfig: rest.TLSClientConfig{CAFile: c.file("apiserver.crt")}, QPS: 100, Burst: 200}
}

func (c *controlPlane) kubeconfig(user string) string { return c.file(user + ".kubeconfig") }

func (c *controlPlane) writeIdentities(t *testing.T) {
	t.Helper()
	var tokens strings.Builder
	for user, who := range users {
		fmt.Fprintf(&tokens, "%s-token,%s,%s", user, who.name, user)
		if who.group != "" {
			fmt.Fprintf(&tokens, ",%q", who.group)
		}
		tokens.WriteString("\n")
		c.writeKubeconfig(t, c.kubeconfig(user), user+"-token")
	}
	c.write(t, "tokens.csv", []byte(tokens.String()))
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c.write(t, "sa.key", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	certificate, private := c.kubelets.issue(t, pkix.Name{CommonName: "kube-apiserver-kubelet-client", Organization: []string{"system:masters"}})
	c.write(t, "kubelet-client.crt", certificate)
	c.write(t, "kubelet-client.key", private)
}

func (c *controlPlane) write(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(c.file(name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// writeKubeconfig writes a kubeconfig whose current context is the test's namespace.
func (c *controlPlane) writeKubeconfig(t *testing.T, path, token string) {
	t.Helper()
	k := clientcmdapi.NewConfig()
	k.Clusters["e2e"] = &clientcmdapi.Cluster{Server: masterURL, CertificateAuthority: c.file("apiserver.crt")}
	k.AuthInfos["user"] = &clientcmdapi.AuthInfo{Token: token}
	k.Contexts["e2e"] = &clientcmdapi.Context{Cluster: "e2e", AuthInfo: "user", Namespace: namespace}
	k.CurrentContext = "e2e"
	if err := clientcmd.WriteToFile(*k, path); err != nil {
		t.Fatal(err)
	}
}

// authority signs certificates of the control plane.
type authority struct {
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "e2e kubelets"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{key: key, certificate: certificate}
}

// issue makes a certificate for a client, or for a server at addresses, and its key, both as PEM.
func (a *authority) issue(t *testing.T, subject pkix.Name, addresses ...net.IP) (certificate, key []byte) {
	t.Helper()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: subject, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: addresses, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, own.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(own)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}

// running runs something until the test ends, or until it is stopped, and fails the test if it fails.
func running(t *testing.T, what string, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	t.Cleanup(stop)
	return stop
}
