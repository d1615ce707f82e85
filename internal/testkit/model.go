package testkit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// TinyModel is what a model is made as by Make: one that averages each colour of a picture and multiplies the three means with random weights.
// Its labels mean nothing; its tensors have the names and the shapes that they are given.
type TinyModel struct {
	Name, Version, Input, Output string
	Classes                      int
	Seed                         uint64
}

// Make writes the model's folder, and returns it.
func (m TinyModel) Make(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	graph := m.onnx()
	sum := sha256.Sum256(graph)
	spec := fmt.Sprintf(`{"name":%q,"version":%q,"input":{"name":%q,"resize":256,"crop":224,"mean":[0.485,0.456,0.406],"std":[0.229,0.224,0.225]},
		"output":{"name":%q},"labels":"labels.txt","files":{"fp32":{"file":"tiny.onnx","sha256":%q}}}`,
		m.Name, m.Version, m.Input, m.Output, hex.EncodeToString(sum[:]))
	var labels []byte
	for class := range m.Classes {
		labels = fmt.Appendf(labels, "n%08d\tclass %d\n", class, class)
	}
	for name, data := range map[string][]byte{"model.json": []byte(spec), "tiny.onnx": graph, "labels.txt": labels} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// message is a protocol buffer on its way: fields by their numbers, as in onnx.proto.
type message []byte

const (
	wireVarint = 0
	wireBytes  = 2
)

func (m message) number(field int, value uint64) message {
	return binary.AppendUvarint(binary.AppendUvarint(m, uint64(field<<3|wireVarint)), value)
}

func (m message) bytes(field int, value []byte) message {
	return append(binary.AppendUvarint(binary.AppendUvarint(m, uint64(field<<3|wireBytes)), uint64(len(value))), value...)
}

func (m message) text(field int, value string) message { return m.bytes(field, []byte(value)) }

const typeFloat = 1

// onnx is the model's file: GlobalAveragePool, Flatten and Gemm.
func (m TinyModel) onnx() []byte {
	const colours, side, version, opset = 3, 224, 8, 13
	random := rand.New(rand.NewPCG(m.Seed, 0))
	graph := message(nil).
		bytes(1, node("GlobalAveragePool", "means", m.Input)).
		bytes(1, node("Flatten", "row", "means")).
		bytes(1, node("Gemm", m.Output, "row", "weights", "bias")).
		text(2, "tiny").
		bytes(5, tensor("weights", random, colours, m.Classes)).
		bytes(5, tensor("bias", random, m.Classes)).
		bytes(11, value(m.Input, colours, side, side)).
		bytes(12, value(m.Output, m.Classes))
	return message(nil).number(1, version).bytes(7, graph).bytes(8, message(nil).text(1, "").number(2, opset))
}

func node(operator, output string, inputs ...string) message {
	var n message
	for _, input := range inputs {
		n = n.text(1, input)
	}
	return n.text(2, output).text(3, output).text(4, operator)
}

func tensor(name string, random *rand.Rand, dimensions ...int) message {
	var t message
	count := 1
	for _, d := range dimensions {
		t = t.number(1, uint64(d))
		count *= d
	}
	var data []byte
	for range count {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(random.NormFloat64())))
	}
	return t.number(2, typeFloat).text(8, name).bytes(9, data)
}

// value is a graph's input or output: [n, dimensions…].
func value(name string, dimensions ...int) message {
	shape := message(nil).bytes(1, message(nil).text(2, "n"))
	for _, d := range dimensions {
		shape = shape.bytes(1, message(nil).number(1, uint64(d)))
	}
	of := message(nil).number(1, typeFloat).bytes(2, shape)
	return message(nil).text(1, name).bytes(2, message(nil).bytes(1, of))
}
