package main

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/testkit"
)

func TestTheCrowdStaysAndComesBack(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}))
	server.Config.ReadHeaderTimeout = 50 * time.Millisecond // throws out those that drip their headers
	server.Start()
	defer server.Close()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listen := free.Addr().String()
	free.Close()
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		f := &crowdFlags{To: strings.TrimPrefix(server.URL, "http://"), Idle: 30, Slow: 10}
		f.Listen.UnmarshalText([]byte(listen))
		left <- f.Run(ctx)
	}()
	testkit.Eventually(t, "all are connected", func() bool {
		now, err := count(t.Context(), "http://"+listen)
		return err == nil && now == connected{Idle: 30, Slow: 10}
	})
	server.CloseClientConnections()
	testkit.Eventually(t, "those that were thrown out are back", func() bool {
		now, err := count(t.Context(), "http://"+listen)
		return err == nil && now == connected{Idle: 30, Slow: 10}
	})
	leave()
	if err := <-left; err != nil {
		t.Error(err)
	}
}
