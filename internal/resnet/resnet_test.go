package resnet_test

import (
	"errors"
	"image"
	"image/color"
	"math"
	"strings"
	"testing"

	"resnet-autoscaling/internal/resnet"

	"pgregory.net/rapid"
)

var imagenet = resnet.Input{
	Name: "input", Resize: 256, Crop: 224,
	Mean: [3]float32{.485, .456, .406}, Std: [3]float32{.229, .224, .225},
}

func TestTensorOfAPlainColour(t *testing.T) {
	img := image.NewUniform(color.RGBA{255, 128, 0, 255})
	dst := make([]float32, imagenet.Values())
	imagenet.Tensor(&bounded{img, image.Rect(0, 0, 300, 400)}, dst)
	for c, v := range []float64{255, 128, 0} {
		want := (v/255 - float64(imagenet.Mean[c])) / float64(imagenet.Std[c])
		for i, got := range dst[c*224*224 : (c+1)*224*224] {
			if math.Abs(float64(got)-want) > 1e-5 {
				t.Fatalf("channel %d value %d is %v, want %v", c, i, got, want)
			}
		}
	}
}

type bounded struct {
	image.Image
	r image.Rectangle
}

func (b *bounded) Bounds() image.Rectangle { return b.r }

// A horizontal ramp keeps its slope through resize and crop: the crop is the middle, neither mirrored nor shifted.
func TestTensorCropsTheMiddle(t *testing.T) {
	in := resnet.Input{Resize: 8, Crop: 4, Std: [3]float32{1, 1, 1}}
	img := image.NewGray(image.Rect(0, 0, 16, 8))
	for y := range 8 {
		for x := range 16 {
			img.SetGray(x, y, color.Gray{Y: uint8(x * 16)})
		}
	}
	dst := make([]float32, in.Values())
	in.Tensor(img, dst)
	for y := range 4 {
		for x := range 4 {
			if got, want := math.Round(float64(dst[4*y+x])*255), float64((x+6)*16); got != want {
				t.Errorf("row %d column %d is %v, want %v", y, x, got, want)
			}
		}
	}
}

func TestRankIsASoftmax(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		logits := rapid.SliceOfN(rapid.Float32Range(-1e30, 1e30), 1, 50).Draw(t, "logits")
		ranked, err := resnet.Rank(logits, len(logits))
		if err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for i, r := range ranked {
			sum += r.Probability
			if i > 0 && (r.Probability > ranked[i-1].Probability || logits[r.Class] > logits[ranked[i-1].Class]) {
				t.Fatalf("out of order at %d: %v", i, ranked)
			}
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Fatalf("probabilities sum to %v", sum)
		}
	})
}

func TestRankRefusesWhatIsNotFinite(t *testing.T) {
	for _, bad := range []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))} {
		if _, err := resnet.Rank([]float32{1, bad, 2}, 2); !errors.Is(err, resnet.ErrNotFinite) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

const spec = `{"name":"resnet18","version":"1","input":{"name":"input","resize":256,"crop":224,"mean":[0,0,0],"std":[1,1,1]},
"output":{"name":"logits"},"labels":"labels.txt","files":{"fp32":{"file":"a.onnx","sha256":"` + sum + `"}}}`

const sum = "0123456789012345678901234567890123456789012345678901234567890123"

func TestParseSpecNamesWhatIsWrong(t *testing.T) {
	if _, err := resnet.ParseSpec([]byte(spec)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ old, with, says string }{
		{`"name":"resnet18"`, `"name":""`, "name is missing"},
		{`"crop":224`, `"crop":300`, "input.resize is 256"},
		{`"std":[1,1,1]`, `"std":[1,0,1]`, "input.std[1]"},
		{`"labels.txt"`, `"../secret"`, "labels is"},
		{`"a.onnx"`, `"/etc/passwd"`, "files.fp32.file"},
		{sum, "beef", "files.fp32.sha256"},
		{`"version"`, `"verison"`, "verison"},
		{`{"name"`, `{name`, "model.json"},
	} {
		if _, err := resnet.ParseSpec([]byte(strings.Replace(spec, c.old, c.with, 1))); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want it to say %q", c.with, err, c.says)
		}
	}
}

func TestPrecision(t *testing.T) {
	s, err := resnet.ParseSpec([]byte(spec))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Precision("auto", "int8", "fp32"); got != "fp32" || err != nil {
		t.Errorf("auto: %q, %v", got, err)
	}
	if _, err := s.Precision("int8"); err == nil || !strings.Contains(err.Error(), "no int8 file, only fp32") {
		t.Errorf("int8: %v", err)
	}
}

func TestParseLabels(t *testing.T) {
	got, err := resnet.ParseLabels("n01\ttench\r\nn02\tEnglish springer\n")
	if err != nil || len(got) != 2 || got[1] != (resnet.Label{Synset: "n02", Name: "English springer"}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "n01 tench\n", "n01\ttench\n\n", "\ttench"} {
		if got, err := resnet.ParseLabels(bad); err == nil {
			t.Errorf("%q was read as %v", bad, got)
		}
	}
}
