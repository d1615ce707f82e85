package oip_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"resnet-autoscaling/internal/oip"
)

// refusal is a request that is wrong, and what is said of it.
type refusal struct {
	name, text string
	tensors    [][]byte
	says       string
}

func refuses(t *testing.T, refusals []refusal) {
	t.Helper()
	for _, c := range refusals {
		t.Run(c.name, func(t *testing.T) {
			got, err := parse(c.text, c.tensors...)
			var wrong *oip.Error
			if !errors.As(err, &wrong) || wrong.Unsupported || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s\ngave %+v, %v; want an error with %q", c.text, got, err, c.says)
			}
		})
	}
}

const (
	data, pictures           = `"data":[1,2,3]`, `"data":["b25l"]`
	binaryInput, binaryImage = `"parameters":{"binary_data_size":12}`, `"parameters":{"binary_data_size":7}`
)

// input and image are requests that are right, with some of their text replaced: old, new, old, new.
func input(replacements ...string) string {
	return replaced(`{"name":"input","shape":[1,3,1,1],"datatype":"FP32","data":[1,2,3]}`, replacements)
}

func image(replacements ...string) string {
	return replaced(`{"name":"image","shape":[1],"datatype":"BYTES","data":["b25l"]}`, replacements)
}

func replaced(text string, replacements []string) string {
	for i := 0; i < len(replacements); i += 2 {
		if !strings.Contains(text, replacements[i]) {
			panic(text + " has no " + replacements[i])
		}
		text = strings.Replace(text, replacements[i], replacements[i+1], 1)
	}
	return inputs(text)
}

func TestParseTakesWhatTheRefusalsBreak(t *testing.T) {
	for _, text := range []string{input(), image()} {
		if _, err := parse(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestParseRefusesBrokenJSON(t *testing.T) {
	refuses(t, []refusal{
		{"empty", "", nil, "body is empty"},
		{"empty raw", "", [][]byte{{}}, "body is empty"},
		{"no JSON", "\xff\xd8\xff", nil, "broken at byte 0"},
		{"no object", "[]", nil, `"[" where '{'`},
		{"cut short", input()[:30], nil, "a string does not end"},
		{"cut in the data", input()[:strings.Index(input(), "2,3")], nil, `"data": the end is no number`},
		{"trailing", input() + "x", nil, "after the end"},
		{"trailing comma", input("3]", "3],"), nil, "broken at byte"},
		{"deep nonsense", strings.Repeat(`{"x":`, 100), nil, "deeper than"},
		{"deep data", input(data, `"data":`+strings.Repeat("[", 100000)), nil, "ragged"},
		{"control character", input("input", "in\nput"), nil, "control character"},
		{"not UTF-8", input("input", "in\xffput"), nil, "not UTF-8"},
		{"bad escape", input("input", `in\xput`), nil, "the string before"},
		{"twice", input(`"shape"`, `"shape":[1,3,1,1],"shape"`), nil, `"shape" is there twice`},
		{"id", `{"id":7,` + input()[1:], nil, `"id" is "7" and must be a string`},
		{"timeout", `{"parameters":{"timeout":-5},` + input()[1:], nil, `"timeout" is "-5" and must be a whole number`},
		{"binary_data_output", `{"parameters":{"binary_data_output":"yes"},` + input()[1:], nil, "must be true or false"},
	})
}

func TestParseRefusesOtherInputs(t *testing.T) {
	refuses(t, []refusal{
		{"no inputs", `{}`, nil, "has 0 inputs"},
		{"empty inputs", `{"inputs":[]}`, nil, `one of "input" and "image"`},
		{"unknown input", input("input", "data"), nil, `no input "data", only "input" and "image"`},
		{"nameless input", input(`"name":"input",`, ""), nil, `no input ""`},
		{"the same input twice", inputs(strings.Repeat(`{"name":"image","shape":[1],"datatype":"BYTES","data":["b25l"]},`, 2) + `{}`), nil, `"image" is there twice`},
		{"both inputs", inputs(input()[11:len(input())-2], image()[11:len(image())-2]), nil, "has both"},
		{"datatype", input("FP32", "FP16"), nil, `datatype is "FP16" and must be FP32`},
		{"no datatype", input(`,"datatype":"FP32"`, ""), nil, `datatype is "" and must be FP32`},
		{"picture as FP32", image("BYTES", "FP32"), nil, "must be BYTES"},
		{"no shape", input(`"shape":[1,3,1,1],`, ""), nil, "shape is [] and must be [n,3,1,1] with n from 1 to 2"},
		{"wrong shape", input("[1,3,1,1]", "[1,3,1,2]"), nil, "must be [n,3,1,1]"},
		{"no batch dimension", input("[1,3,1,1]", "[3,1,1]"), nil, "must be [n,3,1,1]"},
		{"zero", input("[1,3,1,1]", "[0,3,1,1]"), nil, "n from 1 to 2"},
		{"negative", input("[1,3,1,1]", "[-1,3,1,1]"), nil, `"shape" is "-1" and must be a whole number`},
		{"fraction", input("[1,3,1,1]", "[1.0,3,1,1]"), nil, "must be a whole number"},
		{"leading zero", input("[1,3,1,1]", "[01,3,1,1]"), nil, "must be a whole number"},
		{"product beyond 64 bits", input("[1,3,1,1]", "[4611686018427387905,3,1,1]"), nil, "n from 1 to 2"},
		{"dimension beyond 64 bits", input("[1,3,1,1]", "[18446744073709551617,3,1,1]"), nil, "must be a whole number"},
		{"rank", input("[1,3,1,1]", "[1,1,1,1,1,1,1]"), nil, "more than 5 dimensions"},
		{"beyond the largest batch", image("[1]", "[3]", pictures, `"data":["b25l","b25l","b25l"]`), nil, "more than 2 strings"},
		{"shape beyond the largest batch", image("[1]", "[3]"), nil, "n from 1 to 2"},
		{"too many numbers", input(data, `"data":[1,2,3,4,5,6,7]`), nil, "more than 6 numbers"},
		{"pictures in a row", image("[1]", "[1,2]"), nil, "must be [n,1]"},
	})
}

func TestParseRefusesOtherData(t *testing.T) {
	refuses(t, []refusal{
		{"no data", input(","+data, ""), nil, `either "data" or the parameter "binary_data_size"`},
		{"data is null", input(data, `"data":null`), nil, `either "data" or`},
		{"data is no array", input(data, `"data":1`), nil, "must be an array"},
		{"too few", input(data, `"data":[1,2]`), nil, "has 2 elements and its shape [1,3,1,1] has 3"},
		{"too many", input(data, `"data":[1,2,3,4]`), nil, "has 4 elements"},
		{"none", input(data, `"data":[]`), nil, "has 0 elements"},
		{"nested otherwise", input(data, `"data":[[1,2,3]]`), nil, "nested as [1,3] and its shape is [1,3,1,1]"},
		{"ragged", input(data, `"data":[[1,2],[3]]`), nil, "an array of 1 where those before it have 2"},
		{"ragged in depth", input(data, `"data":[[1],2,3]`), nil, "where an array belongs"},
		{"ragged in depth again", input(data, `"data":[1,[2],3]`), nil, "where a value belongs"},
		{"numbers and strings", input(data, `"data":[1,"2",3]`), nil, "numbers and strings"},
		{"strings and numbers", image(pictures, `"data":["b25l",1]`), nil, "strings and numbers"},
		{"null among numbers", input(data, `"data":[1,null,3]`), nil, `"null" is no number`},
		{"NaN", input(data, `"data":[1,NaN,3]`), nil, `"NaN" is no number`},
		{"infinite", input(data, `"data":[1,-Infinity,3]`), nil, `"-Infinity" is no number`},
		{"too large", input(data, `"data":[1,3.5e38,3]`), nil, "3.5e38 is beyond what an FP32 can hold"},
		{"too large, in digits", input(data, `"data":[1,4000000000000000000e21,3]`), nil, "beyond what an FP32 can hold"},
		{"no JSON number", input(data, `"data":[1,.5,3]`), nil, `".5" is no number`},
		{"plus", input(data, `"data":[1,+5,3]`), nil, `"+5" is no number`},
		{"octal", input(data, `"data":[1,05,3]`), nil, `"05" is no number`},
		{"hexadecimal", input(data, `"data":[1,0x5,3]`), nil, "where ',' or"},
		{"no fraction", input(data, `"data":[1,5.,3]`), nil, `"5." is no number`},
		{"no exponent", input(data, `"data":[1,5e,3]`), nil, `"5e" is no number`},
		{"text for numbers", input(data, `"data":["b25l"]`), nil, "must be numbers"},
		{"numbers for text", image(pictures, `"data":[1]`), nil, "must be base64 strings"},
		{"no base64", image("b25l", "b25"), nil, "element 0 is no base64"},
		{"empty picture", image("b25l", ""), nil, "element 0 is empty"},
		{"picture as an object", image(`"b25l"`, `{"b64":"b25l"}`), nil, "is no number"},
	})
}

func TestParseRefusesOtherBinaryTensors(t *testing.T) {
	refuses(t, []refusal{
		{"size and data", input(data, data+","+binaryInput), [][]byte{floats(1, 2, 3)}, "either"},
		{"binary without the header", input(data, binaryInput), nil, "no header Inference-Header-Content-Length"},
		{"binary beyond the body", input(data, binaryInput), [][]byte{floats(1, 2)}, "only 8 bytes stand behind"},
		{"binary of another length", input(data, binaryInput, "size\":12", "size\":8"), [][]byte{floats(1, 2)}, "is 8, and its shape [1,3,1,1] has 12 bytes"},
		{"binary left over", input(data, binaryInput), [][]byte{floats(1, 2, 3, 4)}, "4 bytes of the body belong to no input"},
		{"binary NaN", input(data, binaryInput), [][]byte{floats(1, 2, float32(math.NaN()))}, "not finite"},
		{"binary infinity", input(data, binaryInput), [][]byte{floats(float32(math.Inf(-1)), 2, 3)}, "not finite"},
		{"negative size", input(data, binaryInput, "size\":12", "size\":-12"), [][]byte{floats(1, 2, 3)}, "whole number"},
		{"size as text", input(data, binaryInput, "size\":12", `size":"12"`), [][]byte{floats(1, 2, 3)}, "whole number"},
		{"element beyond the tensor", image(pictures, binaryImage), [][]byte{append([]byte{255, 255, 255, 255}, "one"...)}, "says that it has 4294967295 bytes, and 3 are left"},
		{"half a length", image(pictures, binaryImage, "7", "3"), [][]byte{{1, 0, 0}}, "ends before element 0 of 1"},
		{"one element too few", image("[1]", "[2]", pictures, binaryImage), [][]byte{elements("one")}, "ends before element 1 of 2"},
		{"one element too many", image(pictures, binaryImage, "7", "14"), [][]byte{elements("one", "two")}, "7 bytes after its 1 elements"},
		{"an empty element", image(pictures, binaryImage, "7", "4"), [][]byte{elements("")}, "element 0 is empty"},
	})
}

func TestParseRefusesOtherOutputs(t *testing.T) {
	refuses(t, []refusal{
		{"unknown output", `{"outputs":[{"name":"probabilities"}],` + input()[1:], nil, `no output "probabilities", only "logits"`},
		{"nameless output", `{"outputs":[{}],` + input()[1:], nil, `no output ""`},
		{"output twice", `{"outputs":[{"name":"logits"},{"name":"logits"}],` + input()[1:], nil, "asked for twice"},
		{"output as text", `{"outputs":["logits"],` + input()[1:], nil, "where '{' belongs"},
		{"binary_data", `{"outputs":[{"name":"logits","parameters":{"binary_data":1}}],` + input()[1:], nil, "true or false"},
		{"classification", `{"outputs":[{"name":"logits","parameters":{"classification":"3"}}],` + input()[1:], nil, "whole number"},
	})
}
