package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"resnet-autoscaling/internal/api"
)

func startStub(t *testing.T) (net.Listener, <-chan error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- accept(t.Context(), l, stubAnswer(64), slog.New(slog.DiscardHandler)) }()
	return l, done
}

// Requests that come together are told apart: what is read of the next one while the first is looked at is not lost.
func TestTheStubTellsRequestsApart(t *testing.T) {
	l, _ := startStub(t)
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	one := "POST /predict HTTP/1.1\r\nHost: stub\r\nContent-Length: 4\r\n\r\nbody"
	if _, err := io.WriteString(conn, one+one+one); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(conn)
	for range 3 {
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := api.CapabilityFrom(resp.Header); !ok || resp.StatusCode != http.StatusOK {
			t.Errorf("%s without what it can do: %v", resp.Status, resp.Header)
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
	}
}

// The stub must take a body off the connection to the byte, or the next request on it would be read from its middle.
func TestTheStubTakesWholeBodies(t *testing.T) {
	l, done := startStub(t)
	connections := 0
	client := &http.Client{Transport: &http.Transport{DialContext: func(_ context.Context, network, address string) (net.Conn, error) {
		connections++
		return net.Dial(network, address)
	}}}
	defer client.CloseIdleConnections()
	for _, size := range []int{0, 1, 3000, 4096, 5000, pictureSize, 3 << 20} {
		for range 3 {
			if err := ask(t.Context(), client, "http://"+l.Addr().String()+api.PathPredict, bytes.Repeat([]byte("\r\n"), size)[:size]); err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
		}
	}
	if connections != 1 {
		t.Errorf("%d connections were needed: it does not keep them", connections)
	}
	l.Close()
	if err := <-done; err == nil {
		t.Error("a listener that was closed under it is no error")
	}
}
