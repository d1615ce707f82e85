package oip

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
)

// maxRank is the most dimensions that a shape, or the nesting of data, may have: one more than any tensor here.
const maxRank = 5

// data is an input's "data" as it was read: all numbers or all strings, and the shape that its nesting had.
type data struct {
	floats  []byte // little-endian FP32
	strings [][]byte
	shape   []int
}

func (d *data) count() int { return len(d.floats)/valueSize + len(d.strings) }

// dataReader reads "data", which may be nested as the shape says or flat. What shape that is may stand behind it, so it finds out
// by itself: every array has to be as long as the others of its level, and the values have to be at one level.
type dataReader struct {
	*reader
	data
	level      int // of the values; -1: none seen yet
	maxFloats  int
	maxStrings int
}

func (m Model) readData(r *reader) (data, error) {
	d := dataReader{reader: r, level: -1, maxFloats: m.MaxBatch * m.values(), maxStrings: m.MaxBatch}
	if r.next() != '[' {
		return data{}, r.broken(`"data" is %s and must be an array`, r.snippet())
	}
	err := d.elements(0)
	return d.data, err
}

// elements reads an array at a level.
func (d *dataReader) elements(level int) error {
	if level == maxRank || d.level >= 0 && level > d.level {
		return d.broken(`"data" is ragged: an array where a value belongs`)
	}
	n := 0
	err := d.array(func() error {
		n++
		if d.next() == '[' {
			return d.elements(level + 1)
		}
		return d.value(level)
	})
	if err != nil {
		return err
	}
	for len(d.shape) <= level {
		d.shape = append(d.shape, -1)
	}
	if d.shape[level] >= 0 && d.shape[level] != n {
		return d.broken(`"data" is ragged: an array of %d where those before it have %d`, n, d.shape[level])
	}
	d.shape[level] = n
	return nil
}

func (d *dataReader) value(level int) error {
	if d.level < 0 {
		d.level = level
	}
	if level != d.level {
		return d.broken(`"data" is ragged: %s where an array belongs`, d.snippet())
	}
	if d.next() == '"' {
		return d.element()
	}
	return d.float32()
}

func (d *dataReader) element() error {
	if len(d.floats) > 0 {
		return d.broken(`"data" has numbers and strings`)
	}
	if len(d.strings) == d.maxStrings {
		return d.broken(`"data" has more than %d strings, the largest batch`, d.maxStrings)
	}
	s, err := d.string()
	d.strings = append(d.strings, s)
	return err
}

func (d *dataReader) float32() error {
	n, ok := d.number()
	if !ok {
		return d.broken(`"data": %s is no number`, d.snippet())
	}
	if len(d.strings) > 0 {
		return d.broken(`"data" has strings and numbers`)
	}
	f, ok := n.float()
	if !ok {
		return d.broken(`"data": %.40s is beyond what an FP32 can hold`, n.text)
	}
	if d.floats == nil {
		d.floats = make([]byte, 0, valueSize*min(d.maxFloats, 1+bytes.Count(d.text[d.at:], []byte(","))))
	}
	if len(d.floats) == valueSize*d.maxFloats {
		return d.broken(`"data" has more than %d numbers, the largest batch`, d.maxFloats)
	}
	d.floats = binary.LittleEndian.AppendUint32(d.floats, math.Float32bits(f))
	return nil
}

// fits checks the data against the shape that the input claims.
func (d *data) fits(name string, shape []int) error {
	if flat := len(d.shape) == 1; !flat && !slices.Equal(d.shape, shape) {
		return invalid("input %q: its data is nested as %s and its shape is %s", name, shapeText(d.shape), shapeText(shape))
	}
	want := 1
	for _, n := range shape {
		want *= n
	}
	if got := d.count(); got != want {
		return invalid("input %q: its data has %d elements and its shape %s has %d", name, got, shapeText(shape), want)
	}
	return nil
}

// picturesOfStrings decodes pictures that stand in JSON as base64, which has no other way to hold bytes.
func picturesOfStrings(name string, texts [][]byte) ([]Picture, error) {
	pictures := make([]Picture, len(texts))
	for i, text := range texts {
		file := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
		n, err := base64.StdEncoding.Decode(file, text)
		if err != nil {
			return nil, invalid("input %q: element %d is no base64 (%v): in JSON a picture is base64 text; as it is, it goes behind the JSON, with binary_data_size",
				name, i, err)
		}
		pictures[i].Encoded = file[:n]
	}
	return pictures, nil
}

// picturesOfBytes takes apart the binary form of BYTES: each element is its length, 4 bytes little-endian, and its bytes.
func picturesOfBytes(name string, tensor []byte, n int) ([]Picture, error) {
	pictures := make([]Picture, n)
	for i := range pictures {
		if len(tensor) < 4 {
			return nil, invalid("input %q: its binary data ends before element %d of %d", name, i, n)
		}
		length := binary.LittleEndian.Uint32(tensor)
		tensor = tensor[4:]
		if uint64(length) > uint64(len(tensor)) {
			return nil, invalid("input %q: element %d says that it has %d bytes, and %d are left", name, i, length, len(tensor))
		}
		pictures[i].Encoded, tensor = tensor[:length:length], tensor[length:]
	}
	if len(tensor) > 0 {
		return nil, invalid("input %q: its binary data has %d bytes after its %d elements", name, len(tensor), n)
	}
	return pictures, nil
}

// picturesOfFloats cuts a tensor into its pictures.
func picturesOfFloats(name string, tensor []byte, n int) ([]Picture, error) {
	if !finite(tensor) {
		return nil, invalid("input %q: it has values that are not finite (NaN or infinity)", name)
	}
	pictures, size := make([]Picture, n), len(tensor)/n
	for i := range pictures {
		pictures[i].Tensor = tensor[i*size : (i+1)*size : (i+1)*size]
	}
	return pictures, nil
}

// finite tells whether all of little-endian FP32s are. An FP32 is not where all 8 bits of its exponent are set: then adding the lowest of
// them carries into the sign's place. Two at a time.
func finite(floats []byte) bool {
	const exponents, lowest, carries = 0x7f800000_7f800000, 0x00800000_00800000, 0x80000000_80000000
	var carried uint64
	for ; len(floats) >= 8; floats = floats[8:] {
		carried |= binary.LittleEndian.Uint64(floats)&exponents + lowest
	}
	if len(floats) == valueSize {
		carried |= uint64(binary.LittleEndian.Uint32(floats))&(exponents&math.MaxUint32) + lowest
	}
	return carried&carries == 0
}

func shapeText(shape []int) string {
	return strings.ReplaceAll(fmt.Sprint(shape), " ", ",")
}
