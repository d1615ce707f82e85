package loadtest

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"time"

	"resnet-autoscaling/internal/httpbody"
)

// Connections says how connections are used.
type Connections struct {
	Most  int            // open at once; 0: as many as there are requests in flight
	Fresh bool           // each request on a connection of its own
	HTTP2 bool           // many requests on one; without TLS too
	Roots *x509.CertPool // whom to trust besides the system; nil: the system alone
}

// NewClient is an HTTP client that keeps as many connections as there are requests in flight, and asks no proxy.
func NewClient(maxInFlight int) *http.Client { return Connections{}.Client(maxInFlight) }

// Client is an HTTP client that connects so, and asks no proxy.
func (c Connections) Client(maxInFlight int) *http.Client {
	dialer := &net.Dialer{KeepAlive: 15 * time.Second}
	transport := &http.Transport{
		DialContext:  httpbody.Dial(dialer.DialContext),
		MaxIdleConns: maxInFlight, MaxIdleConnsPerHost: maxInFlight, MaxConnsPerHost: c.Most,
		IdleConnTimeout: 90 * time.Second, DisableCompression: true, DisableKeepAlives: c.Fresh,
		TLSClientConfig: &tls.Config{RootCAs: c.Roots},
		Protocols:       new(http.Protocols),
	}
	if c.HTTP2 {
		transport.Protocols.SetHTTP2(true)
		transport.Protocols.SetUnencryptedHTTP2(true)
	} else {
		transport.Protocols.SetHTTP1(true)
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}
