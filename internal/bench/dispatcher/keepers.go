package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/bench/figures"
)

// keepers are clients that keep one connection each, and ask at fixed times: spread evenly, so that no two ask at once.
type keepers struct {
	hosts   []string // client i talks to host i modulo their number
	n       int
	cycle   time.Duration
	picture []byte
}

// keptOutcome is by how much each answer took longer than the replica says it took, in milliseconds.
type keptOutcome []float64

func (k keptOutcome) quantile(share float64) float64 { return quantile(slices.Clone(k), share) }

// run asks for a while. Nothing may fail.
func (k keepers) run(ctx context.Context, length time.Duration) (all keptOutcome, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		mu      sync.Mutex
		clients sync.WaitGroup
		begin   = time.Now().Add(connecting)
	)
	for i := range k.n {
		clients.Go(func() {
			own, err := k.keep(ctx, i, begin, begin.Add(length))
			if err != nil {
				cancel(err)
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, own...)
		})
	}
	clients.Wait()
	return all, context.Cause(ctx)
}

// connecting is the time that all clients have to connect before the first one asks.
const connecting = 300 * time.Millisecond

// keep is one client.
func (k keepers) keep(ctx context.Context, number int, begin, end time.Time) (own keptOutcome, err error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", k.hosts[number%len(k.hosts)])
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	head := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n", api.PathPredict, conn.RemoteAddr(), len(k.picture))
	answers := bufio.NewReader(conn)
	for due := begin.Add(k.cycle * time.Duration(number) / time.Duration(k.n)); due.Before(end); due = due.Add(k.cycle) {
		pause(ctx, time.Until(due))
		if ctx.Err() != nil {
			return own, nil
		}
		left := time.Now()
		request := net.Buffers{head, k.picture}
		if _, err := request.WriteTo(conn); err != nil {
			return own, err
		}
		took, err := replicaTime(answers)
		if err != nil {
			return own, err
		}
		own = append(own, figures.Milliseconds(time.Since(left)-took))
	}
	return own, nil
}

// durations are what a model server's Server-Timing tells.
var durations = regexp.MustCompile(`dur=([0-9.]+)`)

// replicaTime reads an answer, and how long the replica had the request.
func replicaTime(answers *bufio.Reader) (sum time.Duration, err error) {
	resp, err := http.ReadResponse(answers, nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, err
	}
	found := durations.FindAllStringSubmatch(resp.Header.Get("Server-Timing"), -1)
	if resp.StatusCode != http.StatusOK || len(found) == 0 {
		return 0, fmt.Errorf("status %d, Server-Timing %q", resp.StatusCode, resp.Header.Get("Server-Timing"))
	}
	for _, one := range found {
		ms, err := strconv.ParseFloat(one[1], 64)
		if err != nil {
			return 0, fmt.Errorf("Server-Timing: %w", err)
		}
		sum += time.Duration(ms * float64(time.Millisecond))
	}
	return sum, nil
}
