package modelserver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/httpserve"
	"resnet-autoscaling/internal/resnet"
)

type answer struct {
	model  *model
	ranked []resnet.Ranked
	timing timing
}

// predict answers POST /predict.
func (s *Service) predict(w http.ResponseWriter, r *http.Request) {
	arrived := time.Now()
	a, err := s.predictOne(w, r, arrived)
	s.metrics.observe(stageTotal, time.Since(arrived))
	if err != nil {
		httpserve.WriteError(w, r, err, s.o.Log)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Server-Timing", serverTiming(a.timing))
	h.Set(api.HeaderImages, "1")
	s.capability().Set(h) // the load has changed since the request came
	// The status is out; a caller that is gone cannot be told anything.
	_ = json.NewEncoder(w).Encode(a.response())
}

// predictOne counts each request once, by how it ended.
func (s *Service) predictOne(w http.ResponseWriter, r *http.Request, arrived time.Time) (a answer, err error) {
	memory := s.uploads.Get().(*upload)
	defer s.giveBack(memory) // after all that looks at the picture, the words about a bad one included
	var data []byte
	a.model = s.models[0]
	timeout := s.o.Timeout
	ended := outcomeOK
	defer func() {
		if err != nil {
			ended, err = problemFor(err, data, timeout)
		}
		s.metrics.requests.WithLabelValues(string(ended)).Inc()
	}()

	if timeout, err = api.Timeout(r.Header, s.o.Timeout); err != nil {
		return a, err
	}
	k, err := topK(r, len(a.model.Labels))
	if err != nil {
		return a, err
	}
	if data, err = memory.read(w, r, s.o.MaxBody); err != nil {
		return a, err
	}
	ctx, cancel := context.WithDeadline(r.Context(), s.deadline(arrived, timeout))
	defer cancel()
	logits, t, err := s.infer(ctx, a.model, []source{{encoded: data}})
	if err != nil {
		return a, err
	}
	if a.ranked, err = resnet.Rank(logits[0], k); err != nil {
		return a, err
	}
	a.timing = t
	s.metrics.images.Inc()
	s.observeStages(a.timing)
	return a, nil
}

// deadline is for a request that arrived at some time, and whose body is here now. What the body took has a limit of its own, so all of
// our time-out is left for the work; a caller that waits for less counts from when it asked.
func (s *Service) deadline(arrived time.Time, timeout time.Duration) time.Time {
	if timeout < s.o.Timeout {
		return arrived.Add(timeout)
	}
	return time.Now().Add(timeout)
}

// giveBack keeps the memory for another request. A few of the largest bodies must not hold memory for all the usual ones.
func (s *Service) giveBack(memory *upload) {
	const most = 1 << 20
	if cap(memory.body) <= most && memory.file.Cap() <= most {
		s.uploads.Put(memory)
	}
}

// observeStages counts what was done. For what the cache knew, nothing was.
func (s *Service) observeStages(t timing) {
	if t == (timing{}) {
		return
	}
	s.metrics.observe(stageQueue, t.queue)
	s.metrics.observe(stageDecode, t.decode)
	s.metrics.observe(stagePreprocess, t.preprocess)
	s.metrics.observe(stageInference, t.inference)
}

func (a answer) response() api.PredictResponse {
	resp := api.PredictResponse{
		Model: a.model.Spec.Name, ModelVersion: a.model.Spec.Version,
		Predictions: make([]api.Prediction, len(a.ranked)),
		Timing: api.TimingMS{
			Queue: ms(a.timing.queue), Decode: ms(a.timing.decode), Preprocess: ms(a.timing.preprocess), Inference: ms(a.timing.inference),
		},
	}
	for i, r := range a.ranked {
		label := a.model.Labels[r.Class]
		resp.Predictions[i] = api.Prediction{ClassID: r.Class, Synset: label.Synset, Label: label.Name, Probability: r.Probability}
	}
	return resp
}

func serverTiming(t timing) string {
	return fmt.Sprintf("queue;dur=%.3f, decode;dur=%.3f, preprocess;dur=%.3f, inference;dur=%.3f",
		ms(t.queue), ms(t.decode), ms(t.preprocess), ms(t.inference))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
