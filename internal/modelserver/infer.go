package modelserver

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"time"

	"resnet-autoscaling/internal/picture"
)

// errLate: the deadline would pass before the work is done, or has.
var errLate = errors.New("the deadline would be missed")

// source is one picture of a request.
type source struct {
	encoded []byte // a picture file; nil where tensor is given
	tensor  []byte // prepared by the caller: little-endian FP32 [3,side,side], normalised
}

// timing is where the time of a request's pictures went, summed over them.
type timing struct {
	queue, decode, preprocess, inference time.Duration
}

// infer answers the pictures of one request with their logits, [n][classes], which nobody may change: from the cache, if it knows them
// all, or by work.
func (s *Service) infer(ctx context.Context, m *model, pictures []source) (logits [][]float32, t timing, err error) {
	keys := s.cache.keys(m, pictures)
	if logits, ok := s.cache.answered(keys); ok {
		s.images.Add(int64(len(pictures)))
		return logits, timing{}, nil
	}
	if logits, t, err = s.work(ctx, m, pictures); err == nil {
		s.cache.keep(keys, logits)
	}
	return logits, t, err
}

// work takes the pictures of one request, one after the other, to their logits. Errors: those of package picture, errLate, the
// context's cause, a problem where the queue is full, and inference's own.
func (s *Service) work(ctx context.Context, m *model, pictures []source) (logits [][]float32, t timing, err error) {
	leave, err := s.gate.admit()
	if err != nil {
		return nil, t, err
	}
	defer leave()
	waiting := time.Now()
	at, release, err := s.gate.station(ctx)
	if err != nil {
		return nil, t, err
	}
	defer release()
	t.queue = time.Since(waiting)
	logits = make([][]float32, len(pictures))
	for i, p := range pictures {
		if err := s.prepare(at, m, p, &t); err != nil {
			return nil, t, &pictureError{index: i, err: err}
		}
		if logits[i], err = s.run(ctx, at, m, &t); err != nil {
			return nil, t, err
		}
	}
	return logits, t, nil
}

// pictureError says which picture of a request is at fault.
type pictureError struct {
	index int
	err   error
}

func (e *pictureError) Error() string { return e.err.Error() }
func (e *pictureError) Unwrap() error { return e.err }

// run takes a slot for the picture that is prepared at a station.
func (s *Service) run(ctx context.Context, at *station, m *model, t *timing) ([]float32, error) {
	waiting := time.Now()
	release, err := s.gate.slot(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	start := time.Now()
	t.queue += start.Sub(waiting)
	if deadline, ok := ctx.Deadline(); ok && start.Add(m.inferenceTime.expected(start)).After(deadline) {
		return nil, errLate
	}
	logits, err := at.Networks[m.at].Run()
	if err != nil {
		return nil, err
	}
	done := time.Now()
	t.inference += done.Sub(start)
	s.images.Add(1)
	m.inferenceTime.note(done.Sub(start), done)
	return slices.Clone(logits), nil
}

// prepare fills the station's input. Go's decoders have the last word on what libjpeg-turbo does not like: it warns of damage and
// decodes on, and some of what it warns of is harmless.
func (s *Service) prepare(at *station, m *model, p source, t *timing) error {
	start := time.Now()
	in, tensor := m.Spec.Input, at.Networks[m.at].Input()
	if p.encoded == nil {
		fromLittleEndian(tensor, p.tensor)
		t.preprocess += time.Since(start)
		return nil
	}
	if at.JPEG != nil && picture.IsJPEG(p.encoded) {
		// Twice the size that is wanted: the decoder's own scaling blurs less than the resize does.
		err := at.JPEG.Decode(p.encoded, 2*in.Resize, s.o.MaxPixels, &at.pixels)
		decoded := time.Now()
		t.decode += decoded.Sub(start)
		if err == nil {
			in.TensorOfPixels(&at.pixels, &at.resizer, tensor)
			t.preprocess += time.Since(decoded)
			return nil
		}
		if errors.Is(err, picture.ErrCorrupt) {
			return err
		}
		start = decoded
	}
	img, err := picture.Decode(p.encoded, s.o.MaxPixels)
	decoded := time.Now()
	t.decode += decoded.Sub(start)
	if err != nil {
		return err
	}
	in.Tensor(img, tensor)
	t.preprocess += time.Since(decoded)
	return nil
}

func fromLittleEndian(dst []float32, src []byte) {
	for i := range dst {
		dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
	}
}
