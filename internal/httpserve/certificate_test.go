package httpserve_test

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"resnet-autoscaling/internal/httpserve"
	"resnet-autoscaling/internal/testkit"

	"github.com/go-chi/chi/v5"
)

// get asks on a connection of its own.
func get(t *testing.T, url string, trusts *x509.CertPool, most uint16) (*http.Response, error) {
	t.Helper()
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: trusts, MinVersion: tls.VersionTLS10, MaxVersion: most}}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get(url)
	if err == nil {
		resp.Body.Close()
	}
	return resp, err
}

// New connections get the certificate that the files have now; HTTP/2 is offered, and nothing older than TLS 1.2.
func TestCertificate(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	first := testkit.WriteCertificate(t, certFile, keyFile)
	certificate, err := httpserve.ReadCertificate(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- certificate.Run(t.Context(), slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	r := run(t, func(o *httpserve.Options) { o.TLS = certificate.TLS() })
	url := strings.Replace(r.url, "http:", "https:", 1) + "/healthz"

	if resp, err := get(t, url, first, 0); err != nil || resp.ProtoMajor != 2 {
		t.Errorf("%v, %v: want an answer over HTTP/2", resp, err)
	}
	if _, err := get(t, url, first, tls.VersionTLS11); err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("TLS 1.1: %v", err)
	}
	second := testkit.WriteCertificate(t, certFile, keyFile)
	testkit.Eventually(t, "the new certificate is shown", func() bool {
		_, err := get(t, url, second, 0)
		return err == nil
	})
	if _, err := get(t, url, first, 0); err == nil {
		t.Error("the old certificate is still shown")
	}
}

func TestACertificateAndKeyMustBelongTogether(t *testing.T) {
	dir := t.TempDir()
	name := func(s string) string { return filepath.Join(dir, s) }
	testkit.WriteCertificate(t, name("a.crt"), name("a.key"))
	testkit.WriteCertificate(t, name("b.crt"), name("b.key"))
	if _, err := httpserve.ReadCertificate(name("a.crt"), name("b.key")); err == nil || !strings.Contains(err.Error(), "does not match") {
		t.Errorf("%v", err)
	}
}

// endless is a body that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// One refused request does not end the other requests of an HTTP/2 connection.
func TestARefusalOverHTTP2KeepsTheConnection(t *testing.T) {
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	pool := testkit.WriteCertificate(t, certFile, keyFile)
	certificate, err := httpserve.ReadCertificate(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	peers := map[string]bool{}
	r := run(t, func(o *httpserve.Options) {
		o.TLS = certificate.TLS()
		o.Routes = func(c chi.Router) {
			c.Post("/small", func(w http.ResponseWriter, req *http.Request) {
				peers[req.RemoteAddr] = true
				_, err := httpserve.ReadBody(w, req, 10)
				httpserve.WriteError(w, req, err, slog.New(slog.DiscardHandler))
			})
		}
	})
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for range 3 {
		resp, err := client.Post(strings.Replace(r.url, "http:", "https:", 1)+"/small", "text/plain", endless{})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusRequestEntityTooLarge || resp.ProtoMajor != 2 {
			t.Errorf("%s over %s", resp.Status, resp.Proto)
		}
	}
	if len(peers) != 1 {
		t.Errorf("%d connections were used, want 1", len(peers))
	}
}
