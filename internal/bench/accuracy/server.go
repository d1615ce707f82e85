package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"time"

	"resnet-autoscaling/internal/api"
)

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 10 * time.Second
	askTimeout   = 60 * time.Second
	readyPoll    = 20 * time.Millisecond
)

// server is a model server that runs.
type server struct {
	url   string
	ended chan struct{} // closed when the process is gone
	said  *bytes.Buffer // its log, to be read when it is gone
	stop  context.CancelFunc
}

// ask starts a server of a precision, asks it for every picture and stops it.
func (o options) ask(ctx context.Context, precision string, pictures []picture, classes int) (a answers, err error) {
	s, err := startServer(ctx, o.server, o.model, precision)
	if err != nil {
		return a, err
	}
	defer s.stopped()
	if err := s.ready(ctx); err != nil {
		return a, err
	}
	a.name = precision
	for _, p := range pictures {
		probabilities, err := s.predict(ctx, p.path, classes)
		if err != nil {
			return a, fmt.Errorf("%s: %w", p.name, err)
		}
		a.probabilities = append(a.probabilities, probabilities)
	}
	return a, nil
}

// startServer starts the program at path; it ends with ctx, as by Ctrl-C, which does not wait for endpoints to spread.
func startServer(ctx context.Context, path, model, precision string) (*server, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	s := &server{url: "http://" + address, ended: make(chan struct{}), said: &bytes.Buffer{}, stop: stop}
	c := exec.CommandContext(ctx, path, "--listen", address, "--model", model, "--precision", precision, "--timeout", askTimeout.String())
	c.Stdout, c.Stderr = s.said, s.said
	c.Cancel = func() error { return c.Process.Signal(os.Interrupt) }
	c.WaitDelay = stopTimeout
	if err := c.Start(); err != nil {
		stop()
		return nil, fmt.Errorf("start the server: %w", err)
	}
	go func() {
		_ = c.Wait() // that it is gone is what counts; why, its log says
		close(s.ended)
	}()
	return s, nil
}

func (s *server) stopped() {
	s.stop()
	<-s.ended
}

// ready waits until the server is.
func (s *server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		if s.answers(ctx, api.PathReadyz) {
			return nil
		}
		select {
		case <-s.ended:
			return fmt.Errorf("the server ended before it was ready: %s", bytes.TrimSpace(s.said.Bytes()))
		case <-ctx.Done():
			return fmt.Errorf("the server is not ready: %w", context.Cause(ctx))
		case <-time.After(readyPoll):
		}
	}
}

// answers tells whether the server answers path with 200.
func (s *server) answers(ctx context.Context, path string) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// predict is the probability of each class for the picture at path.
func (s *server) predict(ctx context.Context, path string, classes int) ([]float64, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("%s%s?top_k=%d", s.url, api.PathPredict, classes), bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "image/jpeg")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answers %s: %s", response.Status, bytes.TrimSpace(body))
	}
	return byClass(body, classes)
}

// byClass puts a ranked answer into the order of the classes.
func byClass(body []byte, classes int) ([]float64, error) {
	var answer api.PredictResponse
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("the server's answer: %w", err)
	}
	if len(answer.Predictions) != classes {
		return nil, fmt.Errorf("the server's answer has %d classes, and labels.txt %d", len(answer.Predictions), classes)
	}
	probabilities := make([]float64, classes)
	for _, p := range answer.Predictions {
		if p.ClassID < 0 || p.ClassID >= classes {
			return nil, fmt.Errorf("the server's answer has the class %d of 0 to %d", p.ClassID, classes-1)
		}
		probabilities[p.ClassID] = p.Probability
	}
	return probabilities, nil
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
