package dispatcher_test

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"resnet-autoscaling/internal/dispatcher"
	"resnet-autoscaling/internal/httpserve"
	"resnet-autoscaling/internal/testkit"
)

func TestTheOperatorsListener(t *testing.T) {
	s := run(t, func(o *dispatcher.Options) { o.AdminListen = "127.0.0.1:0" }, replica(t, echo))
	service, admin := "http://"+s.Addr().String(), "http://"+s.AdminAddr().String()
	for url, want := range map[string]int{
		service + "/metrics": 404, service + "/healthz": 200, service + "/readyz": 200, service + "/status": 200,
		admin + "/metrics": 200, admin + "/healthz": 200, admin + "/readyz": 200,
		admin + "/status": 404, admin + "/v2": 404, admin + "/openapi.json": 404,
	} {
		if a := ask(t, "GET", url, ""); a.StatusCode != want {
			t.Errorf("%s: %s, want %d", url, a.Status, want)
		}
	}
	if metric(t, admin, "dispatcher_arrivals_total") != 0 {
		t.Error("questions were counted as arrivals")
	}
}

// While the last request is answered the operator's listener says that the service drains, and still has its metrics.
func TestTheOperatorSeesTheDrain(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s, stop := runUntil(t, func(o *dispatcher.Options) { o.AdminListen = "127.0.0.1:0" }, replica(t, func(http.ResponseWriter, *http.Request) {
		close(entered)
		<-release
	}))
	admin := "http://" + s.AdminAddr().String()
	answered := make(chan int, 1)
	go func() { answered <- ask(t, "POST", "http://"+s.Addr().String()+"/predict", "picture").StatusCode }()
	<-entered
	ended := make(chan struct{})
	go func() { defer close(ended); stop() }()
	testkit.Eventually(t, "it says that it drains", func() bool {
		a := ask(t, "GET", admin+"/readyz", "")
		return a.StatusCode == http.StatusServiceUnavailable && strings.Contains(a.body, "draining")
	})
	if n := metric(t, admin, "dispatcher_in_flight"); n != 1 {
		t.Errorf("%v in flight", n)
	}
	close(release)
	if code := <-answered; code != http.StatusOK {
		t.Errorf("the last request got %d", code)
	}
	<-ended
}

func TestBusyOperatorsAddressGivesTheOtherBack(t *testing.T) {
	first := run(t, func(o *dispatcher.Options) { o.AdminListen = "127.0.0.1:0" })
	probe, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := probe.Addr().String()
	probe.Close()
	_, err = newService(t, func(o *dispatcher.Options) { o.Listen, o.AdminListen = free, first.AdminAddr().String() })
	if err == nil || !strings.Contains(err.Error(), first.AdminAddr().String()) || !strings.Contains(err.Error(), "in use") {
		t.Errorf("New on a busy address: %v", err)
	}
	again, err := net.Listen("tcp", free)
	if err != nil {
		t.Fatalf("the service's own address was not given back: %v", err)
	}
	again.Close()
}

func TestHTTPS(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	trusts := testkit.WriteCertificate(t, certFile, keyFile)
	certificate, err := httpserve.ReadCertificate(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	s := run(t, func(o *dispatcher.Options) { o.Certificate, o.AdminListen = certificate, "127.0.0.1:0" }, replica(t, headers))
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: trusts}}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Post("https://"+s.Addr().String()+"/predict", "image/jpeg", strings.NewReader("picture"))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.ProtoMajor != 2 || !strings.Contains(string(got), "X-Forwarded-Proto: https\n") {
		t.Errorf("%v over %s, and the replica got\n%s", err, resp.Proto, got)
	}
	if a := ask(t, "GET", "http://"+s.Addr().String()+"/status", ""); a.StatusCode != http.StatusBadRequest {
		t.Errorf("plain http: %s", a.Status)
	}
	if a := ask(t, "GET", "http://"+s.AdminAddr().String()+"/readyz", ""); a.StatusCode != http.StatusOK {
		t.Errorf("the operator's listener: %s", a.Status)
	}
	// The certificate is read again while the service runs.
	renewed := testkit.WriteCertificate(t, certFile, keyFile)
	testkit.Eventually(t, "the renewed certificate is shown", func() bool {
		conn, err := tls.Dial("tcp", s.Addr().String(), &tls.Config{RootCAs: renewed})
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}
