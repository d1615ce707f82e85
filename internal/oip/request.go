package oip

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Parse reads the body of an inference request. lengths are the values of the header that says how long the JSON is: none where all of
// the body is, and 0 where the body is one encoded picture and nothing else. Errors are *Error.
func (m Model) Parse(lengths []string, body []byte) (Request, error) {
	text, tensors, err := split(lengths, body)
	if err != nil {
		return Request{}, err
	}
	if len(lengths) > 0 && len(text) == 0 {
		if len(tensors) == 0 {
			return Request{}, invalid("the body is empty: with %s: 0 it is one encoded picture", HeaderLength)
		}
		return Request{Pictures: []Picture{{Encoded: tensors}}, output: output{binary: true}}, nil
	}
	if len(text) == 0 {
		return Request{}, invalid("the body is empty: send the request as JSON")
	}
	p := parser{Model: m, reader: &reader{text: text}, binary: len(lengths) > 0, tensors: tensors}
	return p.request()
}

// split cuts a body into its JSON and the tensors behind it.
func split(lengths []string, body []byte) (text, tensors []byte, err error) {
	if len(lengths) == 0 {
		return body, nil, nil
	}
	n, err := strconv.ParseUint(lengths[0], 10, 64)
	if err != nil || len(lengths) > 1 {
		return nil, nil, invalid("%s is %q: it must be one whole number, the length of the JSON in bytes", HeaderLength, strings.Join(lengths, ", "))
	}
	if n > uint64(len(body)) {
		return nil, nil, invalid("%s is %d, and the body has only %d bytes", HeaderLength, n, len(body))
	}
	return body[:n], body[n:], nil
}

// parser is a request on its way.
type parser struct {
	Model
	*reader
	binary  bool   // tensors may stand behind the JSON
	tensors []byte // what is left of them
	got     Request

	inputs  []string // names
	outputs []string
	// binary_data_output, and the binary_data of the output, which beats it.
	allBinary, thisBinary *bool
}

func (p *parser) request() (Request, error) {
	if err := p.members([]string{"id", "parameters", "inputs", "outputs"}, p.member); err != nil {
		return Request{}, err
	}
	if err := p.end(); err != nil {
		return Request{}, err
	}
	switch {
	case len(p.inputs) != 1:
		return Request{}, invalid("the request has %s: it must have one of %q and %q", counted(len(p.inputs), "input"), p.Input, ImageInput)
	case len(p.tensors) > 0:
		return Request{}, invalid("%d bytes of the body belong to no input: check %s and each binary_data_size", len(p.tensors), HeaderLength)
	}
	for _, choice := range []*bool{p.allBinary, p.thisBinary} {
		if choice != nil {
			p.got.output.binary = *choice
		}
	}
	return p.got, nil
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

func (p *parser) member(name string) (err error) {
	switch name {
	case "id":
		p.got.ID, err = p.stringOf("id")
		return err
	case "inputs":
		return p.array(p.input)
	case "outputs":
		return p.array(p.requested)
	default:
		return p.members([]string{"binary_data_output", "timeout"}, p.parameter)
	}
}

// parameter takes a parameter of the request. Those of sequences and priorities say nothing to a model without state or ranks.
func (p *parser) parameter(name string) error {
	if name == "binary_data_output" {
		choice, err := p.bool(name)
		p.allBinary = &choice
		return err
	}
	microseconds, err := p.whole(name)
	p.got.Timeout = time.Duration(min(microseconds, math.MaxInt64/1000)) * time.Microsecond
	return err
}

// shared are the parameters of an input or an output that lies in memory which the server shares with its caller.
var shared = []string{"shared_memory_region", "shared_memory_byte_size", "shared_memory_offset"}

// input is one of a request's inputs, before its parts are held against each other.
type input struct {
	name, datatype string
	shape          []int
	data           *data
	binarySize     int // -1: it stands in the JSON
}

func (p *parser) input() error {
	in := input{binarySize: -1}
	err := p.members([]string{"name", "datatype", "shape", "data", "parameters"}, func(member string) (err error) {
		switch member {
		case "name":
			in.name, err = p.stringOf(member)
		case "datatype":
			in.datatype, err = p.stringOf(member)
		case "shape":
			in.shape, err = p.shape()
		case "data":
			var d data
			d, err = p.readData(p.reader)
			in.data = &d
		case "parameters":
			err = p.members(append([]string{"binary_data_size"}, shared...), func(parameter string) (err error) {
				if parameter != "binary_data_size" {
					return unsupported("input %q: shared memory (%s) is not supported: send the data in the body", in.name, parameter)
				}
				in.binarySize, err = p.whole(parameter)
				return err
			})
		}
		return err
	})
	if err != nil {
		return err
	}
	return p.accept(in)
}

func (p *parser) shape() (shape []int, err error) {
	err = p.array(func() error {
		if len(shape) == maxRank {
			return p.broken(`"shape" has more than %d dimensions`, maxRank)
		}
		n, err := p.whole("shape")
		shape = append(shape, n)
		return err
	})
	return shape, err
}

// accept takes an input's pictures, once it is clear that it is one that the model has, whole and in the right shape.
func (p *parser) accept(in input) error {
	if in.name != p.Input && in.name != ImageInput {
		return invalid("the model has no input %q, only %q and %q", in.name, p.Input, ImageInput)
	}
	if slices.Contains(p.inputs, in.name) {
		return invalid("input %q is there twice", in.name)
	}
	if len(p.inputs) > 0 {
		return invalid("the request has both %q and %q: one of them is enough, and which is meant?", p.Input, ImageInput)
	}
	p.inputs = append(p.inputs, in.name)
	if err := p.check(in); err != nil {
		return err
	}
	var err error
	if in.binarySize >= 0 {
		p.got.Pictures, err = p.behind(in)
	} else {
		p.got.Pictures, err = p.within(in)
	}
	if err != nil {
		return err
	}
	for i, picture := range p.got.Pictures {
		if in.name == ImageInput && len(picture.Encoded) == 0 {
			return invalid("input %q: element %d is empty and no picture", in.name, i)
		}
	}
	return nil
}

// check holds what an input claims against what the model takes. Since every dimension is held against a small number, no product
// of them can overflow.
func (p *parser) check(in input) error {
	datatype, form := typeFP32, []int{p.MaxBatch, 3, p.Side, p.Side}
	if in.name == ImageInput {
		datatype, form = typeBYTES, []int{p.MaxBatch}
		if len(in.shape) == 2 { // as Metadata has it
			form = append(form, 1)
		}
	}
	if in.datatype != datatype {
		return invalid("input %q: its datatype is %q and must be %s", in.name, in.datatype, datatype)
	}
	if len(in.shape) != len(form) || !slices.Equal(in.shape[1:], form[1:]) || in.shape[0] < 1 || in.shape[0] > p.MaxBatch {
		return invalid("input %q: its shape is %s and must be %s with n from 1 to %d",
			in.name, shapeText(in.shape), strings.Replace(shapeText(form), strconv.Itoa(p.MaxBatch), "n", 1), p.MaxBatch)
	}
	if in.data == nil && in.binarySize < 0 || in.data != nil && in.binarySize >= 0 {
		return invalid(`input %q: it must have either "data" or the parameter "binary_data_size"`, in.name)
	}
	return nil
}

// behind takes an input that stands behind the JSON.
func (p *parser) behind(in input) ([]Picture, error) {
	if !p.binary {
		return nil, invalid("input %q has a binary_data_size, and the request no header %s: it must say how long the JSON is", in.name, HeaderLength)
	}
	if in.binarySize > len(p.tensors) {
		return nil, invalid("input %q: its binary_data_size is %d, and only %d bytes stand behind the JSON", in.name, in.binarySize, len(p.tensors))
	}
	var tensor []byte
	tensor, p.tensors = p.tensors[:in.binarySize], p.tensors[in.binarySize:]
	n := in.shape[0]
	if in.name == ImageInput {
		return picturesOfBytes(in.name, tensor, n)
	}
	if want := n * p.values() * valueSize; len(tensor) != want {
		return nil, invalid("input %q: its binary_data_size is %d, and its shape %s has %d bytes", in.name, len(tensor), shapeText(in.shape), want)
	}
	return picturesOfFloats(in.name, tensor, n)
}

// within takes an input that stands in the JSON.
func (p *parser) within(in input) ([]Picture, error) {
	isText := len(in.data.strings) > 0
	if isText != (in.name == ImageInput) && in.data.count() > 0 {
		return nil, invalid("input %q: its data must be %s", in.name, map[bool]string{true: "base64 strings", false: "numbers"}[in.name == ImageInput])
	}
	if err := in.data.fits(in.name, in.shape); err != nil {
		return nil, err
	}
	if in.name == ImageInput {
		return picturesOfStrings(in.name, in.data.strings)
	}
	return picturesOfFloats(in.name, in.data.floats, in.shape[0])
}

// requested takes one of the outputs that the caller asks for.
func (p *parser) requested() error {
	name, named := "", false
	err := p.members([]string{"name", "parameters"}, func(member string) (err error) {
		if member == "name" {
			name, err = p.stringOf(member)
			named = true
			return err
		}
		return p.members(append([]string{"binary_data", "classification"}, shared...), p.outputParameter)
	})
	switch {
	case err != nil:
		return err
	case !named || name != p.Output:
		return invalid("the model has no output %q, only %q", name, p.Output)
	case slices.Contains(p.outputs, name):
		return invalid("output %q is asked for twice", name)
	}
	p.outputs = append(p.outputs, name)
	return nil
}

func (p *parser) outputParameter(name string) (err error) {
	switch name {
	case "binary_data":
		var choice bool
		choice, err = p.bool(name)
		p.thisBinary = &choice
	case "classification":
		var most int
		most, err = p.whole(name)
		p.got.output.classes = min(most, len(p.Labels))
	default:
		err = unsupported("output %q: shared memory (%s) is not supported: the data comes in the answer's body", p.Output, name)
	}
	return err
}
