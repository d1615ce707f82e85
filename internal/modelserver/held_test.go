package modelserver_test

import (
	"bytes"
	"net/http"
	"testing"

	"resnet-autoscaling/internal/modelserver"
)

// heldSlot is a slot whose runs wait for the test.
type heldSlot struct {
	input         []float32
	entered, pass chan struct{}
	logits        []float32
}

func (h *heldSlot) Input() []float32 { return h.input }

func (h *heldSlot) Run() ([]float32, error) {
	h.entered <- struct{}{}
	<-h.pass
	return h.logits, nil
}

// holdSlot puts one in place of a server's stations.
func holdSlot(o *modelserver.Options) *heldSlot {
	slot := &heldSlot{
		input: make([]float32, o.Models[0].Spec.Input.Values()), logits: make([]float32, len(o.Models[0].Labels)),
		entered: make(chan struct{}), pass: make(chan struct{}),
	}
	o.Stations = []modelserver.Station{{Networks: []modelserver.Network{slot}}}
	return slot
}

// calibrationRuns are the pictures of a server's own: two to warm up, seven to measure.
const calibrationRuns = 9

// held serves with a slot that the test controls; calibration has been let through.
func held(t *testing.T, change func(*modelserver.Options)) (*server, *heldSlot) {
	t.Helper()
	o := realOptions(t)
	slot := holdSlot(&o)
	change(&o)
	go func() {
		for range calibrationRuns {
			<-slot.entered
			slot.pass <- struct{}{}
		}
	}()
	return serve(t, o), slot
}

// fill sends two requests, of which the slot holds the first and the queue the second. Their statuses come when they are answered.
func (s *server) fill(t *testing.T, slot *heldSlot, path, contentType string, body []byte) <-chan int {
	t.Helper()
	statuses := make(chan int, 2)
	send := func() {
		resp, err := http.Post(s.url+path, contentType, bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			statuses <- 0
			return
		}
		resp.Body.Close()
		statuses <- resp.StatusCode
	}
	go send()
	<-slot.entered
	go send()
	for s.metric(t, "inference_queue_length") != "1" {
	}
	return statuses
}

// answerBoth lets the two requests of fill through.
func (h *heldSlot) answerBoth(t *testing.T, statuses <-chan int) {
	t.Helper()
	h.pass <- struct{}{}
	<-h.entered
	h.pass <- struct{}{}
	for range 2 {
		if status := <-statuses; status != http.StatusOK {
			t.Errorf("an accepted request got %d", status)
		}
	}
}
