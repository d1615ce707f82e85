package jpeg_test

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	stdjpeg "image/jpeg"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/jpeg"
	"resnet-autoscaling/internal/picture"
	"resnet-autoscaling/internal/resnet"
	"resnet-autoscaling/internal/testkit"
)

var input = resnet.Input{
	Name: "input", Resize: 256, Crop: 224,
	Mean: [3]float32{.485, .456, .406}, Std: [3]float32{.229, .224, .225},
}

const (
	maxPixels = 25e6
	least     = 512 // as the server asks: twice the resize
)

func decoder(t testing.TB) *jpeg.Decoder {
	t.Helper()
	d, err := testkit.TurboJPEG(t).NewDecoder()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func photographs(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testkit.Root(t), "images", "*.jpg"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no photographs: %v", err)
	}
	all := map[string][]byte{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(f)] = data
	}
	return all
}

// The two ways of a JPEG to the network agree on real photographs, whichever way they are turned: on average by less than one of 255
// levels, and nearly everywhere by less than eight. They differ where colour changes sharply: libjpeg-turbo smooths the colour that
// JPEG stores at half the resolution, as Pillow does, and Go repeats it.
func TestBothWaysAgree(t *testing.T) {
	d := decoder(t)
	var pixels picture.Pixels
	var resizer resnet.Resizer
	for name, data := range photographs(t) {
		t.Run(name, func(t *testing.T) {
			fast, slow := make([]float32, input.Values()), make([]float32, input.Values())
			if err := d.Decode(data, least, maxPixels, &pixels); err != nil {
				t.Fatal(err)
			}
			input.TensorOfPixels(&pixels, &resizer, fast)
			img, err := picture.Decode(data, maxPixels)
			if err != nil {
				t.Fatal(err)
			}
			input.Tensor(img, slow)
			mean, far := difference(fast, slow)
			t.Logf("on average %.2f levels, %.2f%% by more than 8", mean, 100*far)
			if mean > 1 || far > 0.01 {
				t.Errorf("they differ by %.2f levels on average, and by more than 8 in %.2f%%", mean, 100*far)
			}
		})
	}
}

// difference is in levels, of which a channel has 255.
func difference(a, b []float32) (mean, far float64) {
	plane := len(a) / 3
	for i := range a {
		levels := 255 * float64(input.Std[i/plane]) * math.Abs(float64(a[i]-b[i]))
		mean += levels
		if levels > 8 {
			far++
		}
	}
	return mean / float64(len(a)), far / float64(len(a))
}

func encoded(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := stdjpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestScalesOnlyWhatIsLarge(t *testing.T) {
	d := decoder(t)
	for _, c := range []struct{ width, height, wantWidth, wantHeight int }{
		{100, 80, 100, 80},
		{511, 600, 511, 600},
		{513, 700, 257, 350},
		{1024, 2049, 256, 513},
		{4000, 3000, 500, 375},
	} {
		var pixels picture.Pixels
		if err := d.Decode(encoded(t, image.NewGray(image.Rect(0, 0, c.width, c.height))), 256, maxPixels, &pixels); err != nil {
			t.Fatal(err)
		}
		if pixels.Width != c.wantWidth || pixels.Height != c.wantHeight || pixels.FullWidth != c.width || pixels.FullHeight != c.height {
			t.Errorf("%d×%d became %d×%d of %d×%d, want %d×%d", c.width, c.height, pixels.Width, pixels.Height, pixels.FullWidth, pixels.FullHeight, c.wantWidth, c.wantHeight)
		}
	}
}

func TestGreyBecomesThreeEqualColours(t *testing.T) {
	img := image.NewGray(image.Rect(0, 0, 16, 16))
	for i := range img.Pix {
		img.Pix[i] = 77
	}
	var pixels picture.Pixels
	if err := decoder(t).Decode(encoded(t, img), 256, maxPixels, &pixels); err != nil {
		t.Fatal(err)
	}
	if p := pixels.Pix; p[0] != 77 || p[1] != 77 || p[2] != 77 {
		t.Errorf("the first pixel is %v", p[:3])
	}
}

func TestRefusals(t *testing.T) {
	d := decoder(t)
	good := encoded(t, image.NewRGBA(image.Rect(0, 0, 640, 480)))
	cmyk, err := os.ReadFile("testdata/cmyk.jpg")
	if err != nil {
		t.Fatal(err)
	}
	var pixels picture.Pixels
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"nothing":            {nil, jpeg.ErrRefused},
		"text":               {[]byte("hello, world"), jpeg.ErrRefused},
		"cut in the header":  {good[:20], jpeg.ErrRefused},
		"cut in the picture": {good[:len(good)-100], picture.ErrCorrupt},
		"CMYK":               {cmyk, jpeg.ErrRefused},
	} {
		if err := d.Decode(c.data, 256, maxPixels, &pixels); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err := d.Decode(good, 256, 640*480, &pixels); err != nil {
			t.Errorf("a good one after %s: %v", name, err)
		}
	}
	var large *picture.TooLargeError
	if err := d.Decode(good, 256, 640*480-1, &pixels); !errors.As(err, &large) || large.Width != 640 {
		t.Errorf("too many pixels: %v", err)
	}
}

func TestOpenNamesTheFlag(t *testing.T) {
	text := filepath.Join(t.TempDir(), "libturbojpeg.so")
	if err := os.WriteFile(text, []byte("no library"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/nowhere/libturbojpeg.so", text} {
		var misuse *command.Misuse
		if _, err := jpeg.Open(path); !errors.As(err, &misuse) || misuse.Flag != "--turbojpeg-lib" {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// The pixels' and the resizer's memory is kept from picture to picture: what a picture leaves behind are two calls' lists of arguments.
func TestNextToNoGarbage(t *testing.T) {
	d := decoder(t)
	data := photographs(t)["church-st-peter.jpg"]
	var pixels picture.Pixels
	var resizer resnet.Resizer
	tensor := make([]float32, input.Values())
	if n := testing.AllocsPerRun(20, func() {
		if err := d.Decode(data, least, maxPixels, &pixels); err != nil {
			t.Fatal(err)
		}
		input.TensorOfPixels(&pixels, &resizer, tensor)
	}); n > 2 {
		t.Errorf("%v allocations a picture", n)
	}
}

func FuzzDecode(f *testing.F) {
	d := decoder(f)
	small := image.NewRGBA(image.Rect(0, 0, 40, 30))
	for i := range small.Pix {
		small.Pix[i] = byte(i * 7)
	}
	small.SetRGBA(3, 3, color.RGBA{255, 0, 0, 255})
	f.Add(encoded(f, small))
	f.Add(encoded(f, image.NewGray(image.Rect(0, 0, 9, 300))))
	f.Add([]byte{0xFF, 0xD8, 0xFF, 0xDB})
	var pixels picture.Pixels
	var resizer resnet.Resizer
	tensor := make([]float32, input.Values())
	f.Fuzz(func(t *testing.T, data []byte) {
		const most = 1 << 18
		err := d.Decode(data, least, most, &pixels)
		var large *picture.TooLargeError
		switch {
		case err == nil:
			if pixels.FullWidth*pixels.FullHeight > most || len(pixels.Pix) != pixels.Width*pixels.Height*picture.BytesPerPixel {
				t.Errorf("%d×%d in %d bytes", pixels.Width, pixels.Height, len(pixels.Pix))
			}
			input.TensorOfPixels(&pixels, &resizer, tensor)
			for _, v := range tensor {
				if !(v > -3 && v < 3) {
					t.Fatalf("a value of %v", v)
				}
			}
		case !errors.Is(err, jpeg.ErrRefused) && !errors.Is(err, picture.ErrCorrupt) && !errors.As(err, &large):
			t.Errorf("an error of another kind: %v", err)
		}
	})
}

func BenchmarkPicture(b *testing.B) {
	data := photographs(b)["church-st-peter.jpg"]
	var pixels picture.Pixels
	var resizer resnet.Resizer
	tensor := make([]float32, input.Values())
	b.Run("fast", func(b *testing.B) {
		d := decoder(b)
		b.ReportAllocs()
		for b.Loop() {
			if err := d.Decode(data, least, maxPixels, &pixels); err != nil {
				b.Fatal(err)
			}
			input.TensorOfPixels(&pixels, &resizer, tensor)
		}
	})
	b.Run("go", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			img, err := picture.Decode(data, maxPixels)
			if err != nil {
				b.Fatal(err)
			}
			input.Tensor(img, tensor)
		}
	})
}

// The words of a warning belong to a thread: a decoder must not read those of another one's.
func TestReasonsAreNotMixedUp(t *testing.T) {
	good := encoded(t, image.NewRGBA(image.Rect(0, 0, 640, 480)))
	damaged := bytes.Clone(good)
	table := bytes.Index(damaged, []byte{0xFF, 0xDB}) // a quantisation table, whose number comes after its length
	damaged[table+4] = 9
	var decoding sync.WaitGroup
	for i := range 8 {
		d := decoder(t)
		decoding.Go(func() {
			var pixels picture.Pixels
			for range 300 {
				data, want := good[:len(good)-100], picture.ErrCorrupt
				if i%2 == 0 {
					data, want = damaged, jpeg.ErrRefused
				}
				if err := d.Decode(data, 256, maxPixels, &pixels); !errors.Is(err, want) {
					t.Errorf("%v, want %v", err, want)
					return
				}
			}
		})
	}
	decoding.Wait()
}
