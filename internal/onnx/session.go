package onnx

import (
	"errors"
	"fmt"

	ort "github.com/yalue/onnxruntime_go"
)

// Session is a model ready to run, on one thread a run. Its weights are in memory once; each Slot runs it with tensors of its
// own, all at once if need be.
type Session struct {
	model   *Model
	session *ort.DynamicAdvancedSession
	slots   []*Slot
}

// Open loads the library at libraryPath and the model into it.
func Open(libraryPath string, m *Model) (*Session, error) {
	if err := openLibrary(libraryPath); err != nil {
		return nil, err
	}
	options, err := sessionOptions()
	if err != nil {
		return nil, fmt.Errorf("session of %s: %w", m.Spec.Name, err)
	}
	defer options.Destroy()
	session, err := ort.NewDynamicAdvancedSessionWithONNXData(m.data, []string{m.Spec.Input.Name}, []string{m.Spec.Output.Name}, options)
	if err != nil {
		return nil, fmt.Errorf("session of %s (%s): %w", m.Spec.Name, m.Precision, err)
	}
	m.data = nil // the session has its own copy
	return &Session{model: m, session: session}, nil
}

// sessionOptions: one thread a run, since two runs on one thread each beat one run on two; and the fullest optimization, paid once.
func sessionOptions() (*ort.SessionOptions, error) {
	o, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	err = errors.Join(
		o.SetIntraOpNumThreads(1),
		o.SetInterOpNumThreads(1),
		o.SetGraphOptimizationLevel(ort.GraphOptimizationLevelEnableAll),
		o.SetCpuMemArena(false), // it holds megabytes and was measured to save no time
	)
	if err != nil {
		o.Destroy()
		return nil, err
	}
	return o, nil
}

// Slot is one place of inference: a picture's input tensor and the run over it. One goroutine at a time may use it.
type Slot struct {
	session       *Session
	input, output *ort.Tensor[float32]
}

// NewSlot makes the tensors of one more slot.
func (s *Session) NewSlot() (*Slot, error) {
	side := int64(s.model.Spec.Input.Crop)
	input, err := ort.NewEmptyTensor[float32](ort.NewShape(1, 3, side, side))
	if err != nil {
		return nil, fmt.Errorf("input tensor: %w", err)
	}
	output, err := ort.NewEmptyTensor[float32](ort.NewShape(1, int64(len(s.model.Labels))))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("output tensor: %w", err), input.Destroy())
	}
	slot := &Slot{session: s, input: input, output: output}
	s.slots = append(s.slots, slot)
	return slot, nil
}

// Input is the tensor to fill, [3,side,side] floats.
func (s *Slot) Input() []float32 { return s.input.GetData() }

// Run runs the network over Input. The logits are valid until the next run.
func (s *Slot) Run() ([]float32, error) {
	if err := s.session.session.Run([]ort.Value{s.input}, []ort.Value{s.output}); err != nil {
		return nil, fmt.Errorf("inference: %w", err)
	}
	return s.output.GetData(), nil
}

// Close frees the session and its slots; none may be running.
func (s *Session) Close() error {
	errs := make([]error, 0, 2*len(s.slots)+1)
	for _, slot := range s.slots {
		errs = append(errs, slot.input.Destroy(), slot.output.Destroy())
	}
	return errors.Join(append(errs, s.session.Destroy())...)
}
