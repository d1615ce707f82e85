package soak

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"resnet-autoscaling/internal/oip"
)

func (m Material) modelPath() string { return "/v2/models/" + m.spec.Name }

// inference are requests of the Open Inference Protocol, right and wrong.
func (m Material) inference() []kind {
	tensor := m.asTensor()
	tensorJSON := m.asTensorJSON()
	bomb := expect(zipped(m.infer("", noLength, overlong, nil)), http.StatusRequestEntityTooLarge)
	return []kind{
		{"inference: JSON", 40, func(r *rand.Rand) errand { return m.inJSON(few(r, m.photos)) }},
		{"inference: binary", 40, func(r *rand.Rand) errand { return m.inBinary(few(r, m.photos)) }},
		{"inference: the body alone", 20, func(r *rand.Rand) errand {
			p := pick(r, m.photos)
			return m.infer("alone "+p.Name, 0, nil, p.Data)
		}},
		{"inference: gzip", 25, func(r *rand.Rand) errand {
			e := m.inJSON(few(r, m.photos))
			if r.IntN(2) == 0 {
				e = m.inBinary(few(r, m.photos))
			}
			return zipped(e)
		}},
		{"inference: a tensor", 10, func(*rand.Rand) errand { return tensor }},
		{"inference: a tensor in JSON", 2, func(*rand.Rand) errand { return tensorJSON }},
		{"inference: the likeliest class", 20, func(r *rand.Rand) errand {
			p := pick(r, m.photos)
			return m.infer("likeliest "+p.Name, noLength, fmt.Appendf(nil,
				`{"inputs":[%s],"outputs":[{"name":%q,"parameters":{"classification":1}}]}`, inputJSON([]Picture{p}), m.spec.Output.Name), nil)
		}},
		{"inference: wrong", 40, m.wrongInference},
		{"inference: inflates to too much", 2, func(*rand.Rand) errand { return bomb }},
	}
}

// noLength leaves out the header that says how long the JSON is.
const noLength = -1

// infer is a request of a JSON head and what stands behind it.
func (m Material) infer(alike string, length int, head, behind []byte) errand {
	e := errand{message: message{method: http.MethodPost, path: m.modelPath() + "/infer", body: slices.Concat(head, behind)}, may: answered, alike: alike}
	e.header = []string{"Content-Type", "application/json"}
	if length != noLength {
		e.header = []string{"Content-Type", "application/octet-stream", oip.HeaderLength, strconv.Itoa(length)}
	}
	return e
}

// few are one to three pictures.
func few(r *rand.Rand, from []Picture) []Picture {
	var all []Picture
	for range 1 + r.IntN(3) {
		all = append(all, pick(r, from))
	}
	return all
}

func namesOf(pictures []Picture) string {
	var names []string
	for _, p := range pictures {
		names = append(names, p.Name)
	}
	return strings.Join(names, " ")
}

func inputJSON(pictures []Picture) string {
	texts := make([]string, len(pictures))
	for i, p := range pictures {
		texts[i] = strconv.Quote(base64.StdEncoding.EncodeToString(p.Data))
	}
	return fmt.Sprintf(`{"name":"image","shape":[%d],"datatype":"BYTES","data":[%s]}`, len(pictures), strings.Join(texts, ","))
}

func (m Material) inJSON(pictures []Picture) errand {
	return m.infer("JSON "+namesOf(pictures), noLength, fmt.Appendf(nil, `{"inputs":[%s]}`, inputJSON(pictures)), nil)
}

func (m Material) inBinary(pictures []Picture) errand {
	var tensor []byte
	for _, p := range pictures {
		tensor = append(binary.LittleEndian.AppendUint32(tensor, uint32(len(p.Data))), p.Data...)
	}
	head := fmt.Appendf(nil, `{"inputs":[{"name":"image","shape":[%d],"datatype":"BYTES","parameters":{"binary_data_size":%d}}],"parameters":{"binary_data_output":true}}`,
		len(pictures), len(tensor))
	return m.infer("binary "+namesOf(pictures), len(head), head, tensor)
}

// tensorHead begins the input of a prepared picture; its end is still to come.
func (m Material) tensorHead() string {
	return fmt.Sprintf(`{"inputs":[{"name":%q,"shape":[1,3,%d,%d],"datatype":"FP32",`, m.spec.Input.Name, m.spec.Input.Crop, m.spec.Input.Crop)
}

func (m Material) asTensor() errand {
	head := fmt.Appendf(nil, `%s"parameters":{"binary_data_size":%d}}]}`, m.tensorHead(), len(m.tensor))
	return m.infer("tensor", len(head), head, m.tensor)
}

func (m Material) asTensorJSON() errand {
	zeros := strings.TrimSuffix(strings.Repeat("0,", m.spec.Input.Values()), ",")
	return m.infer("tensor of zeros", noLength, fmt.Appendf(nil, `%s"data":[%s]}]}`, m.tensorHead(), zeros), nil)
}

func zipped(e errand) errand {
	var body bytes.Buffer
	w := gzip.NewWriter(&body)
	// Writing to memory cannot fail.
	_, _ = w.Write(e.body)
	_ = w.Close()
	e.body, e.header = body.Bytes(), append(slices.Clone(e.header), "Content-Encoding", "gzip")
	return e
}

// wrongInference is one of the mistakes that clients of the protocol make.
func (m Material) wrongInference(r *rand.Rand) errand {
	p := few(r, m.photos)
	e := m.inBinary(p)
	switch r.IntN(8) {
	case 0: // the picture is none
		return expect(m.inJSON([]Picture{{Data: []byte("no picture")}}), undecoded...)
	case 1: // it breaks off
		e.body = e.body[:len(e.body)/2]
	case 2: // so does its compressed form
		e = zipped(e)
		e.body = e.body[:len(e.body)/2]
	case 3: // the JSON is longer than the body
		e.header = []string{oip.HeaderLength, strconv.Itoa(len(e.body) + 1)}
	case 4: // it is no JSON
		e = m.infer("", noLength, m.photos[0].Data, nil)
	case 5: // more pictures than a request may have
		e = m.inJSON(slices.Repeat(m.sizes[:1], 17))
	case 6: // it has another shape than it says
		e = m.asTensor()
		e.body = bytes.Replace(e.body, []byte("[1,3,"), []byte("[1,4,"), 1)
	case 7:
		e.path = m.modelPath() + "-of-others/infer"
		return expect(e, http.StatusNotFound)
	}
	return expect(e, http.StatusBadRequest)
}
