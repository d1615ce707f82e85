// Package oip is the Open Inference Protocol, version 2, as far as a classifier of pictures speaks it: the bytes of a request to its
// pictures, logits to the bytes of an answer, and how the model describes itself. Tensors are JSON or, by the binary extension, raw
// bytes behind the JSON. The model takes one of two inputs: prepared tensors, FP32 [n,3,side,side], or encoded pictures, BYTES [n].
package oip

import (
	"fmt"
	"time"
)

// ImageInput is the name of the input that takes encoded pictures.
const ImageInput = "image"

// HeaderLength names the header that says how long the JSON before the binary tensors is, on requests and answers.
const HeaderLength = "Inference-Header-Content-Length"

// Datatypes of the protocol that the model's tensors have.
const (
	typeFP32  = "FP32"
	typeBYTES = "BYTES"
)

// Model is what the protocol has to know of the model that is served.
type Model struct {
	Name, Version string
	Input         string   // the name of the input that takes prepared tensors
	Side          int      // pixels: a prepared picture is [3,Side,Side]
	Output        string   // the name of the logits: [n,classes]
	Labels        []string // a name for each class
	MaxBatch      int      // most pictures in one request
}

// values is the length of one picture's tensor; each value has valueSize bytes.
func (m Model) values() int { return 3 * m.Side * m.Side }

const valueSize = 4

// Request is an inference request. Its pictures are parts of the body that it was parsed from, wherever they can be.
type Request struct {
	ID       string
	Timeout  time.Duration // 0: the caller set none
	Pictures []Picture

	output output
}

// Picture is one picture of a request: a file as it is, or a tensor that the caller has prepared. The other is nil.
type Picture struct {
	Encoded []byte
	Tensor  []byte // little-endian FP32 [3,side,side], all finite
}

// output is how the caller wants the logits.
type output struct {
	binary  bool
	classes int // above 0: the likeliest classes as text, as many as this, instead of the logits
}

// Error is a request that cannot be served, in words for its caller.
type Error struct {
	// Unsupported: the protocol knows what was asked for, and this server does not do it. Otherwise the request is wrong.
	Unsupported bool
	reason      string
}

func (e *Error) Error() string { return e.reason }

func invalid(format string, args ...any) error { return &Error{reason: fmt.Sprintf(format, args...)} }

func unsupported(format string, args ...any) error {
	return &Error{Unsupported: true, reason: fmt.Sprintf(format, args...)}
}
