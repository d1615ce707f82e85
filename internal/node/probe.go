package node

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// tally turns single answers into a verdict: so many good ones in a row, or so many bad ones.
type tally struct {
	good, bad       int
	enough, tooMany int // successThreshold, failureThreshold
}

type verdict int

const (
	undecided verdict = iota
	passed
	failed
)

func newTally(p *corev1.Probe) *tally {
	// The defaults are Kubernetes' own, for an API server that fills none in.
	return &tally{enough: int(max(1, p.SuccessThreshold)), tooMany: int(cmp.Or(max(0, p.FailureThreshold), 3))}
}

func (t *tally) add(err error) verdict {
	if err == nil {
		t.good, t.bad = t.good+1, 0
	} else {
		t.good, t.bad = 0, t.bad+1
	}
	switch {
	case t.good >= t.enough:
		return passed
	case t.bad >= t.tooMany:
		return failed
	}
	return undecided
}

// check asks a container once how it is.
type check func(ctx context.Context) error

// newCheck makes a probe's question, to be asked at a pod's address. Probes that would run programs inside a container, or speak gRPC,
// are refused.
func newCheck(h corev1.ProbeHandler, ports []corev1.ContainerPort, address string) (check, error) {
	switch {
	case h.HTTPGet != nil:
		port, err := portOf(h.HTTPGet.Port, ports)
		if err != nil {
			return nil, err
		}
		return httpCheck(h.HTTPGet, net.JoinHostPort(cmp.Or(h.HTTPGet.Host, address), port)), nil
	case h.TCPSocket != nil:
		port, err := portOf(h.TCPSocket.Port, ports)
		if err != nil {
			return nil, err
		}
		return tcpCheck(net.JoinHostPort(cmp.Or(h.TCPSocket.Host, address), port)), nil
	}
	return nil, errors.New("this node probes by httpGet and tcpSocket only")
}

func portOf(p intstr.IntOrString, ports []corev1.ContainerPort) (string, error) {
	if p.Type == intstr.Int {
		return strconv.Itoa(int(p.IntVal)), nil
	}
	i := slices.IndexFunc(ports, func(c corev1.ContainerPort) bool { return c.Name == p.StrVal })
	if i < 0 {
		return "", fmt.Errorf("the container has no port named %q", p.StrVal)
	}
	return strconv.Itoa(int(ports[i].ContainerPort)), nil
}

func tcpCheck(address string) check {
	return func(ctx context.Context) error {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		return c.Close()
	}
}

// probeClient asks as a kubelet does: a new connection each time, any certificate, no proxy, and a redirect is an answer.
var probeClient = &http.Client{
	Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // a probe asks whether it answers, not who
	},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func httpCheck(get *corev1.HTTPGetAction, address string) check {
	target := url.URL{Scheme: strings.ToLower(string(cmp.Or(get.Scheme, corev1.URISchemeHTTP))), Host: address}
	target.Path, target.RawQuery, _ = strings.Cut(cmp.Or(get.Path, "/"), "?")
	return func(ctx context.Context) error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
		if err != nil {
			return err
		}
		r.Header.Set("User-Agent", "kube-probe/resnet-autoscaling")
		for _, h := range get.HTTPHeaders {
			if http.CanonicalHeaderKey(h.Name) == "Host" {
				r.Host = h.Value
			}
			r.Header.Add(h.Name, h.Value)
		}
		answer, err := probeClient.Do(r)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode < 200 || answer.StatusCode >= 400 {
			body, _ := io.ReadAll(io.LimitReader(answer.Body, 256)) // only to say more
			return fmt.Errorf("%s answered %s: %s", target.String(), answer.Status, strings.TrimSpace(string(body)))
		}
		return nil
	}
}

// probing asks again and again, from the probe's initial delay after began until ctx ends, and tells each verdict with the last
// answer's error.
func probing(ctx context.Context, p *corev1.Probe, ask check, began time.Time, tell func(verdict, error)) {
	period := time.Duration(cmp.Or(max(0, p.PeriodSeconds), 10)) * time.Second
	timeout := time.Duration(max(1, p.TimeoutSeconds)) * time.Second
	count := newTally(p)
	next := time.NewTimer(time.Until(began.Add(time.Duration(p.InitialDelaySeconds) * time.Second)))
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		next.Reset(period)
		asking, cancel := context.WithTimeout(ctx, timeout)
		err := ask(asking)
		cancel()
		if ctx.Err() != nil {
			return
		}
		tell(count.add(err), err)
	}
}
