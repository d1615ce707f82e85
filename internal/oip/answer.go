package oip

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Answer is an answer as it goes out.
type Answer struct {
	Body []byte
	// JSONLength is the value of the header HeaderLength where tensors stand behind the JSON; -1: none do.
	JSONLength int
}

type answerJSON struct {
	ModelName    string       `json:"model_name"`
	ModelVersion string       `json:"model_version"`
	ID           string       `json:"id,omitempty"`
	Outputs      []outputJSON `json:"outputs"`
}

type outputJSON struct {
	Name       string          `json:"name"`
	Datatype   string          `json:"datatype"`
	Shape      []int           `json:"shape"`
	Parameters map[string]int  `json:"parameters,omitempty"`
	Data       json.RawMessage `json:"data,omitempty"`
}

// Answer puts the logits of a request's pictures, [n][classes], into the form that the request asked for.
func (m Model) Answer(r Request, logits [][]float32) (Answer, error) {
	for i, row := range logits {
		if slices.ContainsFunc(row, func(v float32) bool { return v-v != 0 }) {
			return Answer{}, fmt.Errorf("picture %d: the network's output is not finite", i)
		}
	}
	out := outputJSON{Name: m.Output, Datatype: typeFP32, Shape: []int{len(logits), len(m.Labels)}}
	var tensor []byte
	switch o := r.output; {
	case o.classes > 0:
		out.Datatype, out.Shape[1] = typeBYTES, o.classes
		out.Data, tensor = m.classText(logits, o)
	case o.binary:
		tensor = littleEndian(logits)
	default:
		out.Data = numbers(logits)
	}
	if r.output.binary {
		out.Parameters = map[string]int{"binary_data_size": len(tensor)}
	}
	head, err := json.Marshal(answerJSON{ModelName: m.Name, ModelVersion: m.Version, ID: r.ID, Outputs: []outputJSON{out}})
	a := Answer{Body: append(head, tensor...), JSONLength: -1}
	if r.output.binary {
		a.JSONLength = len(head)
	}
	return a, err
}

func littleEndian(rows [][]float32) []byte {
	var b []byte
	for _, row := range rows {
		for _, v := range row {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	return b
}

// numbers is a flat JSON array. Each number is the shortest that reads back as the same FP32.
func numbers(rows [][]float32) json.RawMessage {
	b := []byte{'['}
	for _, row := range rows {
		for _, v := range row {
			b = append(strconv.AppendFloat(b, float64(v), 'g', -1, 32), ',')
		}
	}
	b[len(b)-1] = ']'
	return b
}

// classText is the likeliest classes of each picture, highest first, as logit:class:label, in JSON or in the binary form of BYTES.
func (m Model) classText(rows [][]float32, o output) (inJSON json.RawMessage, tensor []byte) {
	var texts []string
	for _, row := range rows {
		classes := make([]int, len(row))
		for i := range classes {
			classes[i] = i
		}
		slices.SortStableFunc(classes, func(a, b int) int { return cmp.Compare(row[b], row[a]) })
		for _, c := range classes[:o.classes] {
			texts = append(texts, fmt.Sprintf("%f:%d:%s", row[c], c, m.Labels[c]))
		}
	}
	if !o.binary {
		inJSON, _ = json.Marshal(texts) // strings always can be
		return inJSON, nil
	}
	for _, text := range texts {
		tensor = append(binary.LittleEndian.AppendUint32(tensor, uint32(len(text))), text...)
	}
	return nil, tensor
}
