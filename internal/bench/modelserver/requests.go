package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"net/http"
	"slices"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/bench/figures"
)

// mostPhotos bounds a batch.
const mostPhotos = 20

// kind is a request whose cost says something.
type kind struct {
	name   string
	status int
	often  int // in a batch, for each photo: what is cheap is asked more often, to be measured as well
	make   func(number uint64) (*http.Request, error)
}

// kinds are chosen so that inference, which costs the same for every picture, can be told from the rest by subtraction.
func kinds(url string, photos []photo) ([]kind, error) {
	var dot bytes.Buffer
	if err := jpeg.Encode(&dot, image.NewGray(image.Rect(0, 0, 8, 8)), nil); err != nil {
		return nil, err
	}
	about := func(of func(photo) photo) func(uint64) (*http.Request, error) {
		return func(n uint64) (*http.Request, error) { return form.request(url, of(photos[n%uint64(len(photos))]), n) }
	}
	return []kind{
		{"no picture: GET /healthz", http.StatusOK, 25, func(uint64) (*http.Request, error) { return http.NewRequest(http.MethodGet, url+api.PathHealthz, nil) }},
		{"a photo that breaks off: refused once both decoders have tried", http.StatusBadRequest, 1, about(func(p photo) photo { return photo{data: p.data[:len(p.data)-len(p.data)/20]} })},
		{"a picture of 8×8", http.StatusOK, 1, about(func(photo) photo { return photo{data: dot.Bytes()} })},
		{"a photo", http.StatusOK, 1, about(func(p photo) photo { return p })},
	}, nil
}

// measureCosts asks in batches, all kinds in turn, over one connection.
func measureCosts(ctx context.Context, v *server, photos []photo, batches int) ([]cost, error) {
	photos = photos[:min(len(photos), mostPhotos)]
	all, err := kinds(v.url, photos)
	if err != nil {
		return nil, err
	}
	counter, err := countInstructions(v.Process.PID())
	if err != nil {
		counter = nil // this machine does not count; the CPU time is told
	}
	defer counter.close()
	times, counts := make([][]time.Duration, len(all)), make([][]float64, len(all))
	for range batches + 1 {
		for i, k := range all {
			cpu, instructions, err := batch(ctx, v, k, k.often*len(photos), counter)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", k.name, err)
			}
			times[i], counts[i] = append(times[i], cpu), append(counts[i], instructions)
		}
	}
	var costs []cost
	for i, k := range all {
		// The first batch warms up.
		costs = append(costs, cost{Request: k.name, CPU: slices.Min(times[i][1:]), Instructions: figures.Median(counts[i][1:])})
	}
	// Inference is the same for both, so what is left is the input path.
	return append(costs, difference("receiving, decoding and resizing a photo (the last less the one before)", costs[3], costs[2])), nil
}

// batch is the cost of one of n requests.
func batch(ctx context.Context, v *server, k kind, n int, counter *instructionCounter) (time.Duration, float64, error) {
	countBefore := counter.read()
	before, err := v.Process.CPUTime()
	if err != nil {
		return 0, 0, err
	}
	for i := range n {
		if err := k.send(ctx, uint64(i)); err != nil {
			return 0, 0, err
		}
	}
	after, err := v.Process.CPUTime()
	return (after - before) / time.Duration(n), float64(counter.read()-countBefore) / float64(n), err
}

func (k kind) send(ctx context.Context, number uint64) error {
	request, err := k.make(number)
	if err != nil {
		return err
	}
	answer, err := patient.Do(request.WithContext(ctx))
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != k.status {
		return fmt.Errorf("status %d, not %d: %.200s", answer.StatusCode, k.status, body)
	}
	return nil
}
