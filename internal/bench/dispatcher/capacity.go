package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"resnet-autoscaling/internal/api"
)

// saturated is how long a fleet is kept busy to see what it can do.
const saturated = 2 * time.Second

// measured is how many requests a second the fleet really answers when all of its slots are always taken: timers are late, bodies take
// time to read, and load is to be told as a share of what can be had.
func (f *fleet) measured(ctx context.Context, picture []byte) (float64, error) {
	var (
		answered atomic.Int64
		askers   sync.WaitGroup
		client   = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: mostInFlight}, Timeout: callerWaits}
		end      = time.Now().Add(saturated)
		failures = make(chan error, 1)
	)
	defer client.CloseIdleConnections()
	for i, host := range f.hosts {
		for range 2 * f.kinds[i].slots {
			askers.Go(func() {
				for time.Now().Before(end) && ctx.Err() == nil {
					if err := ask(ctx, client, "http://"+host+api.PathPredict, picture); err != nil {
						select {
						case failures <- err:
						default: // one is enough
						}
						return
					}
					if time.Now().Before(end) {
						answered.Add(1)
					}
				}
			})
		}
	}
	askers.Wait()
	select {
	case err := <-failures:
		return 0, err
	default:
		return float64(answered.Load()) / saturated.Seconds(), nil
	}
}

// onFleet starts replicas, sees what they can do, and calls use with both.
func (b *bench) onFleet(ctx context.Context, kinds []kind, use func(f *fleet, capacity float64) error) (err error) {
	f, err := b.fleet(ctx, kinds)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.stop()) }()
	capacity, err := f.measured(ctx, b.picture)
	if err != nil {
		return fmt.Errorf("what the replicas can do: %w", err)
	}
	return use(f, capacity)
}

// ask sends a picture and wants it answered well.
func ask(ctx context.Context, client *http.Client, url string, picture []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(picture))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "image/jpeg")
	resp, err := client.Do(request)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(url + ": " + resp.Status)
	}
	return nil
}
