package oip_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/oip"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// small is a model whose tensors fit a line: with a side of 1, a picture has 3 values.
var small = oip.Model{
	Name: "resnet18", Version: "1", Input: "input", Side: 1, Output: "logits", Labels: []string{"tench", "English \"springer\"", "church"}, MaxBatch: 2,
}

func floats(values ...float32) []byte {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func elements(texts ...string) (b []byte) {
	for _, text := range texts {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(text))), text...)
	}
	return b
}

// inputs is a request with these inputs, in JSON.
func inputs(texts ...string) string { return `{"inputs":[` + strings.Join(texts, ",") + `]}` }

// parse parses JSON with tensors behind it. Where there are none, it also sends no header.
func parse(text string, tensors ...[]byte) (oip.Request, error) {
	if len(tensors) == 0 {
		return small.Parse(nil, []byte(text))
	}
	body := slices.Concat([]byte(text), bytes.Join(tensors, nil))
	return small.Parse([]string{strconv.Itoa(len(text))}, body)
}

func TestParseReadsPictures(t *testing.T) {
	tensors := []oip.Picture{{Tensor: floats(1, -2, .5)}, {Tensor: floats(0, 3e-5, 7)}}
	files := []oip.Picture{{Encoded: []byte("one")}, {Encoded: []byte("twotwo")}}
	for _, c := range []struct {
		name, text string
		tensors    [][]byte
		want       []oip.Picture
	}{
		{"flat", inputs(`{"name":"input","shape":[2,3,1,1],"datatype":"FP32","data":[1,-2,0.5,0,3e-5,7]}`), nil, tensors},
		{
			"nested", inputs(`{"name":"input","shape":[2,3,1,1],"datatype":"FP32","data":[[[[1]],[[-2.0]],[[5E-1]]],[[[-0]],[[0.3e-4]],[[7]]]]}`), nil,
			[]oip.Picture{{Tensor: floats(1, -2, .5)}, {Tensor: floats(float32(math.Copysign(0, -1)), 3e-5, 7)}},
		},
		{"data before its shape", inputs(`{"data":[1,-2,0.5],"datatype":"FP32","shape":[1,3,1,1],"name":"input"}`), nil, tensors[:1]},
		{"white space, unknown members, nulls", "\t{ \"more\" : [ { \"a\" : \"\\\"]\" } , null , true ] , \"id\":null,\"outputs\":null,\r\n" +
			`"inputs" : [ { "name" : "input", "shape" : [ 1 , 3 , 1 , 1 ] , "datatype" : "FP32" , "parameters" : {"content_type":"fp32"}, "data" : [ 1 , -2 , 0.5 ] } ] } `, nil, tensors[:1]},
		{"binary", inputs(`{"name":"input","shape":[2,3,1,1],"datatype":"FP32","parameters":{"binary_data_size":24}}`), [][]byte{floats(1, -2, .5, 0, 3e-5, 7)}, tensors},
		{"base64", inputs(`{"name":"image","shape":[2],"datatype":"BYTES","data":["b25l","dHdvdHdv"]}`), nil, files},
		{"base64, escaped and nested", inputs(`{"name":"im\u0061ge","shape":[1,1],"datatype":"BYTES","data":[["b25\u006c"]]}`), nil, files[:1]},
		{"binary pictures", inputs(`{"name":"image","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":17}}`), [][]byte{elements("one", "twotwo")}, files},
		{"pictures as a column", inputs(`{"name":"image","shape":[2,1],"datatype":"BYTES","parameters":{"binary_data_size":17}}`), [][]byte{elements("one", "twotwo")}, files},
		{"JSON with a header", inputs(`{"name":"image","shape":[1],"datatype":"BYTES","data":["b25l"]}`), [][]byte{{}}, files[:1]},
		{"raw", "", [][]byte{[]byte("one")}, files[:1]},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parse(c.text, c.tensors...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got.Pictures); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHeaderIsHeldAgainstTheBody(t *testing.T) {
	body := []byte(inputs(`{"name":"image","shape":[1],"datatype":"BYTES","data":["b25l"]}`))
	for _, bad := range [][]string{
		{""},
		{"x"},
		{"-1"},
		{"+5"},
		{"1.0"},
		{" 1"},
		{"0x10"},
		{"99999999999999999999999"},
		{"18446744073709551615"},
		{strconv.Itoa(len(body) + 1)},
		{strconv.Itoa(len(body)), strconv.Itoa(len(body))},
	} {
		if _, err := small.Parse(bad, body); err == nil || !strings.Contains(err.Error(), oip.HeaderLength) {
			t.Errorf("%q: %v, want an error about the header", bad, err)
		}
	}
}

func TestSharedMemoryIsUnsupported(t *testing.T) {
	for _, text := range []string{
		inputs(`{"name":"input","shape":[1,3,1,1],"datatype":"FP32","parameters":{"shared_memory_region":"r","shared_memory_byte_size":12}}`),
		`{"outputs":[{"name":"logits","parameters":{"shared_memory_region":"r"}}]}`,
	} {
		_, err := parse(text)
		var wrong *oip.Error
		if !errors.As(err, &wrong) || !wrong.Unsupported || !strings.Contains(err.Error(), "shared memory") {
			t.Errorf("%s: %v, want unsupported shared memory", text, err)
		}
	}
}

const one = `"inputs":[{"name":"image","shape":[1],"datatype":"BYTES","data":["b25l"]}]}`

// Requested outputs and their forms: binary_data of the output beats binary_data_output of the request.
func TestAnswer(t *testing.T) {
	logits := [][]float32{{1.5, -2, 3e-7}}
	classes := elements("1.500000:0:tench", "0.000000:2:church")
	for _, c := range []struct {
		name, request string
		want          string // of the answer's outputs
		tensor        []byte // nil: all is JSON
	}{
		{"nothing asked", `{`, `{"name":"logits","datatype":"FP32","shape":[1,3],"data":[1.5,-2,3e-07]}`, nil},
		{"outputs empty", `{"outputs":[],`, `{"name":"logits","datatype":"FP32","shape":[1,3],"data":[1.5,-2,3e-07]}`, nil},
		{"binary for all", `{"parameters":{"binary_data_output":true},`, `{"name":"logits","datatype":"FP32","shape":[1,3],"parameters":{"binary_data_size":12}}`, floats(logits[0]...)},
		{
			"binary for this one", `{"outputs":[{"name":"logits","parameters":{"binary_data":true}}],`,
			`{"name":"logits","datatype":"FP32","shape":[1,3],"parameters":{"binary_data_size":12}}`, floats(logits[0]...),
		},
		{
			"binary, but not this one", `{"outputs":[{"name":"logits","parameters":{"binary_data":false}}],"parameters":{"binary_data_output":true},`,
			`{"name":"logits","datatype":"FP32","shape":[1,3],"data":[1.5,-2,3e-07]}`, nil,
		},
		{
			"classes", `{"outputs":[{"name":"logits","parameters":{"classification":2}}],`,
			`{"name":"logits","datatype":"BYTES","shape":[1,2],"data":["1.500000:0:tench","0.000000:2:church"]}`, nil,
		},
		{
			"binary classes", `{"outputs":[{"name":"logits","parameters":{"classification":2,"binary_data":true}}],`,
			fmt.Sprintf(`{"name":"logits","datatype":"BYTES","shape":[1,2],"parameters":{"binary_data_size":%d}}`, len(classes)), classes,
		},
		{
			"more classes than there are", `{"outputs":[{"name":"logits","parameters":{"classification":1000}}],`,
			`{"name":"logits","datatype":"BYTES","shape":[1,3],"data":["1.500000:0:tench","0.000000:2:church","-2.000000:1:English \"springer\""]}`, nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			request, err := parse(c.request + `"id":"a\"b",` + one)
			if err != nil {
				t.Fatal(err)
			}
			got, err := small.Answer(request, logits)
			if err != nil {
				t.Fatal(err)
			}
			want := `{"model_name":"resnet18","model_version":"1","id":"a\"b","outputs":[` + c.want + `]}`
			length := -1
			if c.tensor != nil {
				length = len(want)
			}
			if string(got.Body) != want+string(c.tensor) || got.JSONLength != length {
				t.Errorf("got %d %s\nwant %d %s%s", got.JSONLength, got.Body, length, want, c.tensor)
			}
			if head := got.Body[:len(want)]; !json.Valid(head) {
				t.Errorf("no JSON: %s", head)
			}
		})
	}
}

func TestAnswerOfRawRequestIsBinary(t *testing.T) {
	request, err := parse("", []byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := small.Answer(request, [][]float32{{1, 2, 3}}); err != nil || got.JSONLength != len(got.Body)-12 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestAnswerRefusesWhatIsNotFinite(t *testing.T) {
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if got, err := small.Answer(oip.Request{}, [][]float32{{1, 2, 3}, {1, float32(bad), 3}}); err == nil || !strings.Contains(err.Error(), "picture 1") {
			t.Errorf("%v: %s, %v", bad, got.Body, err)
		}
	}
}

func TestTimeoutIsInMicroseconds(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 0, `"timeout":2500,`: 2500 * time.Microsecond, `"timeout":9223372036854775807,`: math.MaxInt64 / 1000 * 1000} {
		got, err := parse(`{"parameters":{` + text + `"priority":1,"sequence_id":"s"},` + one)
		if err != nil || got.Timeout != want {
			t.Errorf("%s: %v, %v, want %v", text, got.Timeout, err, want)
		}
	}
}

// Each number of JSON becomes the FP32 nearest to it, as strconv, which is exact, says.
func TestNumbersAreNearest(t *testing.T) {
	number := rapid.OneOf(
		rapid.Map(rapid.Float32(), func(f float32) string { return strconv.FormatFloat(float64(f), 'g', -1, 32) }),
		rapid.Map(rapid.Float64(), func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }),
		// Halfway between two neighbours, or next to that: where rounding twice would go wrong.
		rapid.Custom(func(t *rapid.T) string {
			f := rapid.Float32Range(1e-20, 1e20).Draw(t, "f")
			half := float64(f) + float64(math.Nextafter32(f, math.MaxFloat32)-f)/2
			half += half * float64(rapid.IntRange(-3, 3).Draw(t, "ulps")) * 0x1p-53
			return strconv.FormatFloat(half, 'e', rapid.IntRange(14, 22).Draw(t, "digits"), 64)
		}),
		rapid.StringMatching(`-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?`),
	)
	rapid.Check(t, func(t *rapid.T) {
		text := strings.TrimPrefix(number.Draw(t, "number"), "+")
		want, err := strconv.ParseFloat(text, 32)
		if !json.Valid([]byte(text)) {
			t.Skip("NaN, infinity")
		}
		got, parseErr := parse(inputs(`{"name":"input","shape":[1,3,1,1],"datatype":"FP32","data":[0,` + text + `,0]}`))
		if (err != nil) != (parseErr != nil) {
			t.Fatalf("%s: %v, but strconv says %v", text, parseErr, err)
		}
		if err == nil && !bytes.Equal(got.Pictures[0].Tensor[4:8], floats(float32(want))) {
			t.Fatalf("%s became % x, want %v, % x", text, got.Pictures[0].Tensor[4:8], want, floats(float32(want)))
		}
	})
}

func TestStatistics(t *testing.T) {
	var tally oip.Tally
	at := time.UnixMilli(1234567)
	tally.Success(oip.Executed{At: at, Pictures: 2, Total: 10, Queue: 1, Input: 2, Infer: 3, Output: 4})
	tally.Success(oip.Executed{At: at, Pictures: 1, Total: 20, Queue: 2, Input: 4, Infer: 6, Output: 8})
	tally.Success(oip.Executed{At: at, Pictures: 2, Total: 30, Cache: oip.Miss, Queue: 3, Input: 6, Infer: 9, Output: 12})
	tally.Success(oip.Executed{At: at, Pictures: 1, Total: 2, Cache: oip.Hit})
	tally.Fail(5)
	want := oip.Statistics{
		Name: "m", Version: "1", LastInference: 1234567, InferenceCount: 6, ExecutionCount: 3,
		InferenceStats: oip.InferenceStatistics{
			Success: oip.Duration{Count: 4, Nanoseconds: 62}, Fail: oip.Duration{Count: 1, Nanoseconds: 5}, Queue: oip.Duration{Count: 3, Nanoseconds: 6},
			ComputeInput: oip.Duration{Count: 3, Nanoseconds: 12}, ComputeInfer: oip.Duration{Count: 3, Nanoseconds: 18}, ComputeOutput: oip.Duration{Count: 3, Nanoseconds: 24},
			CacheHit: oip.Duration{Count: 1, Nanoseconds: 2}, CacheMiss: oip.Duration{Count: 1, Nanoseconds: 30},
		},
		BatchStats: []oip.BatchStatistics{
			{BatchSize: 1, ComputeInput: oip.Duration{Count: 1, Nanoseconds: 4}, ComputeInfer: oip.Duration{Count: 1, Nanoseconds: 6}, ComputeOutput: oip.Duration{Count: 1, Nanoseconds: 8}},
			{BatchSize: 2, ComputeInput: oip.Duration{Count: 2, Nanoseconds: 8}, ComputeInfer: oip.Duration{Count: 2, Nanoseconds: 12}, ComputeOutput: oip.Duration{Count: 2, Nanoseconds: 16}},
		},
	}
	if diff := cmp.Diff(want, tally.Statistics("m", "1")); diff != "" {
		t.Error(diff)
	}
}

// FuzzParse: no body makes the parser fail in another way than with an error for the caller, or gives other pictures than it has.
func FuzzParse(f *testing.F) {
	tensor := inputs(`{"name":"input","shape":[1,3,1,1],"datatype":"FP32","parameters":{"binary_data_size":12}}`)
	for _, seed := range []struct {
		header string
		body   string
	}{
		{"", inputs(`{"name":"input","shape":[2,3,1,1],"datatype":"FP32","data":[[[[1]],[[-2.5e3]],[[5]]],[[[1]],[[2]],[[0]]]]}`)},
		{"", `{"id":"x","parameters":{"timeout":5},"outputs":[{"name":"logits","parameters":{"classification":2}}],` + one},
		{strconv.Itoa(len(tensor)), tensor + string(floats(1, 2, 3))},
		{"0", "one"},
		{"-1", "{}"},
		{"", `{"inputs":[{"data":[[1,[2`},
	} {
		f.Add(seed.header, []byte(seed.body))
	}
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		var lengths []string
		if header != "" {
			lengths = []string{header}
		}
		got, err := small.Parse(lengths, body)
		if err != nil {
			var wrong *oip.Error
			if !errors.As(err, &wrong) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if n := len(got.Pictures); n < 1 || n > small.MaxBatch {
			t.Fatalf("%d pictures", n)
		}
		for _, p := range got.Pictures {
			if (len(p.Encoded) == 0) == (len(p.Tensor) == 0) || p.Encoded == nil && len(p.Tensor) != 12 {
				t.Fatalf("a picture of %d and %d bytes", len(p.Encoded), len(p.Tensor))
			}
		}
		if len(lengths) == 0 && !json.Valid(body) {
			t.Fatalf("accepted what is no JSON: %q", body)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	model := small
	model.Side, model.MaxBatch = 224, 16
	values := 16 * 3 * 224 * 224
	var text bytes.Buffer
	tensor := make([]byte, 0, 4*values)
	text.WriteString(`{"inputs":[{"name":"input","shape":[16,3,224,224],"datatype":"FP32","data":[`)
	for i := range values {
		if i > 0 {
			text.WriteString(", ")
		}
		v := (float32(i%256)/255 - .485) / .229
		tensor = append(tensor, floats(v)...)
		fmt.Fprint(&text, float64(v)) // as Python writes an FP32: with the digits of an FP64
	}
	text.WriteString(`]}]}`)
	head := fmt.Sprintf(`{"inputs":[{"name":"input","shape":[16,3,224,224],"datatype":"FP32","parameters":{"binary_data_size":%d}}]}`, len(tensor))
	picture := base64.StdEncoding.EncodeToString(tensor[:100<<10])
	for _, c := range []struct {
		name    string
		lengths []string
		body    []byte
	}{
		{"json", nil, text.Bytes()},
		{"binary", []string{strconv.Itoa(len(head))}, append([]byte(head), tensor...)},
		{"picture", nil, []byte(inputs(`{"name":"image","shape":[1],"datatype":"BYTES","data":["` + picture + `"]}`))},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := model.Parse(c.lengths, c.body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
