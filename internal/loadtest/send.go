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
	"resnet-autoscaling/internal/httpbody"
	"resnet-autoscaling/internal/summary"
)

// maxAnswer bounds what is read of an answer; one of ours has a few hundred bytes.
const maxAnswer = 1 << 20

// send lets each request leave when it is due, and returns, once all are answered, how much of the schedule was run.
func (s *Service) send(ctx context.Context, start time.Time, inFlight chan struct{}, outcomes chan<- summary.Outcome) time.Duration {
	var pending sync.WaitGroup
	defer pending.Wait()
	sent, number := 0, 0 // in all, and since the start of the profile
	sleep := newSleeper(s.o.Sleep)
	for due := range s.o.due() {
		if !sleep.until(ctx, start.Add(due)) {
			return max(0, time.Since(start))
		}
		load := &s.payloads[sent%len(s.payloads)]
		sent++
		o := summary.Outcome{Number: number, Due: due, Lag: time.Since(start) - due}
		if due >= 0 {
			number++
		}
		select {
		case inFlight <- struct{}{}:
		default:
			o.Kind = summary.Unsent
			outcomes <- o
			continue
		}
		pending.Go(func() {
			s.request(ctx, load, &o)
			o.Latency = time.Since(start) - o.Due
			<-inFlight
			outcomes <- o
		})
	}
	if !sleep.until(ctx, start.Add(s.o.Profile.Duration())) {
		return max(0, time.Since(start))
	}
	return s.o.Profile.Duration()
}

// request sends one, and notes what became of it.
func (s *Service) request(parent context.Context, load *payload, o *summary.Outcome) {
	ctx, cancel := context.WithTimeout(parent, s.o.Timeout)
	defer cancel()
	o.Kind, o.Bytes = summary.OK, int64(len(load.body))
	resp, err := s.post(ctx, load)
	if err != nil {
		o.Kind = kindOf(err, parent.Err() != nil)
		return
	}
	answer := answers.Get().(*bytes.Buffer)
	defer answers.Put(answer)
	answer.Reset()
	o.Received, err = answer.ReadFrom(io.LimitReader(resp.Body, maxAnswer))
	resp.Body.Close()
	o.Status = resp.StatusCode
	switch {
	case err != nil:
		o.Kind = kindOf(err, parent.Err() != nil)
	case resp.StatusCode != http.StatusOK:
		o.Kind = kindOfStatus(resp.StatusCode)
	default:
		o.Stages = summary.ParseServerTiming(resp.Header.Get("Server-Timing"))
		if o.Checked = load.synset != ""; o.Checked && topSynset(answer.Bytes()) != load.synset {
			o.Kind = summary.Wrong
		}
	}
}

// answers are buffers for what comes back, used again and again.
var answers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (s *Service) post(ctx context.Context, load *payload) (*http.Response, error) {
	req := (&http.Request{
		Method: http.MethodPost, URL: s.target.URL, Host: s.target.URL.Host, Header: load.header,
		Body: httpbody.New(load.body), ContentLength: int64(len(load.body)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		GetBody: func() (io.ReadCloser, error) { return httpbody.New(load.body), nil },
	}).WithContext(ctx)
	return s.target.Client.Do(req)
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
