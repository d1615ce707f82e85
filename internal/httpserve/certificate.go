package httpserve

import (
	"context"
	"crypto/tls"
	"log/slog"

	"resnet-autoscaling/internal/reload"
)

// Certificate is a server's certificate with its key, read again when the files change: new connections get the new one.
type Certificate struct {
	files *reload.Value[*tls.Certificate]
}

// ReadCertificate reads two PEM files: the certificate, with those that lead to its CA behind it, and its key.
func ReadCertificate(certFile, keyFile string) (*Certificate, error) {
	files, err := reload.Read(func(contents [][]byte) (*tls.Certificate, error) {
		pair, err := tls.X509KeyPair(contents[0], contents[1])
		return &pair, err
	}, certFile, keyFile)
	return &Certificate{files}, err
}

// TLS is the configuration of a server that shows the certificate.
func (c *Certificate) TLS() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.files.Get(), nil },
	}
}

// Run looks after the files until ctx ends.
func (c *Certificate) Run(ctx context.Context, log *slog.Logger) error { return c.files.Run(ctx, log) }
