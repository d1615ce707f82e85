package dispatcher

import (
	"net"
	"net/http"
	"time"

	"resnet-autoscaling/internal/httpbody"
)

// How connections to replicas are kept.
const (
	dialTimeout = time.Second // a replica's host is near: what takes longer is not there
	keptIdle    = 256         // of one replica
	idleTime    = 90 * time.Second
)

// NewTransport makes the connections to the replicas. The caller closes its idle ones in the end.
func NewTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}
	return &http.Transport{
		DialContext:         httpbody.Dial(dialer.DialContext), // bodies are held in memory
		MaxIdleConnsPerHost: keptIdle,
		IdleConnTimeout:     idleTime,
		DisableCompression:  true,
	}
}
