package loadtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/summary"
)

// maxAnswer bounds what is read of an answer; one of ours has a few hundred bytes.
const maxAnswer = 1 << 20

// send lets each request leave when it is due, and returns, once all are answered, how much of the schedule was run.
func (s *Service) send(ctx context.Context, start time.Time, inFlight chan struct{}, outcomes chan<- summary.Outcome) time.Duration {
	var pending sync.WaitGroup
	defer pending.Wait()
	number := 0
	for due := range s.o.Profile.Due(s.o.Spacing) {
		if !sleepUntil(ctx, start.Add(due)) {
			return time.Since(start)
		}
		picture := s.o.Pictures[number%len(s.o.Pictures)]
		number++
		lag := time.Since(start) - due
		select {
		case inFlight <- struct{}{}:
		default:
			outcomes <- summary.Outcome{Due: due, Lag: lag, Kind: summary.Unsent}
			continue
		}
		pending.Go(func() {
			o := s.request(ctx, picture)
			o.Due, o.Lag, o.Latency = due, lag, time.Since(start)-due
			<-inFlight
			outcomes <- o
		})
	}
	if !sleepUntil(ctx, start.Add(s.o.Profile.Duration())) {
		return time.Since(start)
	}
	return s.o.Profile.Duration()
}

// sleepUntil returns false when ctx ends first.
func sleepUntil(ctx context.Context, at time.Time) bool {
	wait := time.Until(at)
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *Service) request(parent context.Context, p Picture) summary.Outcome {
	ctx, cancel := context.WithTimeout(parent, s.o.Timeout)
	defer cancel()
	o := summary.Outcome{Kind: summary.OK, Bytes: int64(len(p.Data))}
	body, status, err := s.post(ctx, p)
	switch {
	case err != nil:
		o.Kind = kindOf(err, parent.Err() != nil)
	case status != http.StatusOK:
		o.Kind = kindOfStatus(status)
	case p.Synset != "":
		o.Checked, o.Wrong = true, topSynset(body) != p.Synset
	}
	return o
}

func (s *Service) post(ctx context.Context, p Picture) (body []byte, status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.target.URL.String(), bytes.NewReader(p.Data))
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Content-Type", p.ContentType)
	resp, err := s.target.Client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return body, resp.StatusCode, err
}

func kindOf(err error, ended bool) summary.Kind {
	var dial *net.OpError
	switch {
	case ended:
		return summary.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return summary.Timeout
	case errors.As(err, &dial) && dial.Op == "dial":
		return summary.Connect
	default:
		return summary.Broken
	}
}

func kindOfStatus(status int) summary.Kind {
	switch {
	case status == http.StatusServiceUnavailable:
		return summary.Refused
	case status == http.StatusGatewayTimeout:
		return summary.Late
	case status >= 400 && status < 500:
		return summary.Caller
	default:
		return summary.Server
	}
}

func topSynset(body []byte) string {
	var answer api.PredictResponse
	if err := json.Unmarshal(body, &answer); err != nil || len(answer.Predictions) == 0 {
		return ""
	}
	return answer.Predictions[0].Synset
}
