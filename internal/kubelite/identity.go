package kubelite

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// validity is longer than any run of the local system lasts.
const validity = 365 * 24 * time.Hour

// identity is who the server is: a certificate authority and a token, made anew at each start.
type identity struct {
	key   *ecdsa.PrivateKey
	cert  *x509.Certificate
	token string
}

func newIdentity(now time.Time) (*identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the CA's key: %w", err)
	}
	template := certificate(now, "resnet-autoscaling local CA")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make the CA: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read the CA: %w", err)
	}
	secret := make([]byte, 32)
	rand.Read(secret) // never fails
	return &identity{key: key, cert: cert, token: base64.RawURLEncoding.EncodeToString(secret)}, nil
}

func certificate(now time.Time, name string) *x509.Certificate {
	serial := make([]byte, 16)
	rand.Read(serial) // never fails
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), Subject: pkix.Name{CommonName: name},
		// An hour back, for a clock that is set while the certificate lives.
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(validity),
	}
}

// issue signs a server certificate for host names and addresses.
func (id *identity) issue(now time.Time, hosts ...string) (tls.Certificate, error) {
	if len(hosts) == 0 {
		return tls.Certificate{}, fmt.Errorf("issue a certificate: name at least one host")
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make a key for %v: %w", hosts, err)
	}
	template := certificate(now, hosts[0])
	template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, id.cert, key.Public(), id.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("sign a certificate for %v: %w", hosts, err)
	}
	return tls.Certificate{Certificate: [][]byte{der, id.cert.Raw}, PrivateKey: key}, nil
}

func (id *identity) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: id.cert.Raw})
}

func (id *identity) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(id.cert)
	return pool
}
