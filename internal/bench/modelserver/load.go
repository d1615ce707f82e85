package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// connections are the numbers of connections of a measurement: each sends its next picture when the last one is answered. The first
// is the one that latencies are told of.
var connections = []int{4, 8}

const answerTimeout = 30 * time.Second

// patient is for requests that are not measured.
var patient = &http.Client{Timeout: answerTimeout}

// load asks one server about pictures, in turn.
type load struct {
	asking asking
	url    string
	photos []photo
	count  *atomic.Uint64 // of requests, over all loads: each is marked by it
}

// outcome is what came of a load.
type outcome struct {
	latencies []time.Duration // of those answered in time, in order
	late      int
	lost      int
	failure   string // of one that was lost
	elapsed   time.Duration
}

func (o outcome) rate() float64 { return float64(len(o.latencies)) / o.elapsed.Seconds() }

// quantile is the latency that a share of the answers kept.
func (o outcome) quantile(share float64) time.Duration {
	if len(o.latencies) == 0 {
		return 0
	}
	return o.latencies[min(len(o.latencies)-1, int(share*float64(len(o.latencies))))]
}

// run loads a server over n connections for a time. Answers that come after it count as late.
func (l load) run(ctx context.Context, n int, length time.Duration) outcome {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: n, DisableCompression: true}, Timeout: answerTimeout}
	defer client.CloseIdleConnections()
	var (
		mu    sync.Mutex
		all   = outcome{elapsed: length}
		group sync.WaitGroup
		end   = time.Now().Add(length)
	)
	for range n {
		group.Go(func() {
			own := l.connection(ctx, client, end)
			mu.Lock()
			defer mu.Unlock()
			all.latencies = append(all.latencies, own.latencies...)
			all.late += own.late
			if all.lost += own.lost; own.lost > 0 {
				all.failure = own.failure
			}
		})
	}
	group.Wait()
	slices.Sort(all.latencies)
	return all
}

func (l load) connection(ctx context.Context, client *http.Client, end time.Time) (o outcome) {
	for time.Now().Before(end) && ctx.Err() == nil {
		begin := time.Now()
		_, err := l.ask(ctx, client)
		switch now := time.Now(); {
		case err != nil:
			o.lost, o.failure = o.lost+1, err.Error()
		case now.Before(end):
			o.latencies = append(o.latencies, now.Sub(begin))
		default:
			o.late++
		}
	}
	return o
}

// ask sends the next picture.
func (l load) ask(ctx context.Context, client *http.Client) ([]byte, error) {
	number := l.count.Add(1)
	return l.askAbout(ctx, client, l.photos[number%uint64(len(l.photos))], number)
}

func (l load) askAbout(ctx context.Context, client *http.Client, p photo, number uint64) ([]byte, error) {
	request, err := l.asking.request(l.url, p, number)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(request.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d: %.200s", p.name, answer.StatusCode, body)
	}
	return body, nil
}
