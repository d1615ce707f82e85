package resnet_test

import (
	"image"
	"math"
	"math/rand/v2"
	"testing"

	"resnet-autoscaling/internal/picture"
	"resnet-autoscaling/internal/resnet"

	"github.com/disintegration/imaging"
)

// smooth is a picture without sharp edges, of which no two corners are alike.
func smooth(width, height int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			i := img.PixOffset(x, y)
			img.Pix[i] = uint8(255 * x / width)
			img.Pix[i+1] = uint8(255 * y / height)
			img.Pix[i+2] = uint8(127 + 100*math.Sin(float64(x+2*y)/30))
			img.Pix[i+3] = 255
		}
	}
	return img
}

func pixelsOf(img *image.NRGBA, o picture.Orientation) *picture.Pixels {
	width, height := img.Rect.Dx(), img.Rect.Dy()
	return &picture.Pixels{Pix: img.Pix, Width: width, Height: height, FullWidth: width, FullHeight: height, Orientation: o}
}

// What is resized as it is stored and then turned is what is turned and then resized: to the pixel, also where the crop cannot lie in
// the very middle.
func TestTensorOfPixelsEqualsTensor(t *testing.T) {
	turn := map[picture.Orientation]func(image.Image) *image.NRGBA{
		1: imaging.Clone, 2: imaging.FlipH, 3: imaging.Rotate180, 4: imaging.FlipV,
		5: imaging.Transpose, 6: imaging.Rotate270, 7: imaging.Transverse, 8: imaging.Rotate90,
	}
	var resizer resnet.Resizer // one for all: nothing of a picture may show in the next
	got, want := make([]float32, imagenet.Values()), make([]float32, imagenet.Values())
	for _, size := range [][2]int{{375, 281}, {257, 301}, {64, 47}, {300, 90}, {1, 1}, {3, 9}} {
		img := smooth(size[0], size[1])
		for o, upright := range turn {
			imagenet.Tensor(upright(img), want)
			for name, resize := range map[string]func(*picture.Pixels, *resnet.Resizer, []float32){
				"with": imagenet.TensorOfPixels, "without": imagenet.TensorOfPixelsWithoutSIMD,
			} {
				resize(pixelsOf(img, o), &resizer, got)
				// Tensor rounds twice, each time by up to half a level.
				if worst := worstLevels(got, want); worst > 1.1 {
					t.Errorf("%d×%d, orientation %d, %s SIMD: up to %.2f of 255 levels apart", size[0], size[1], o, name, worst)
				}
			}
		}
	}
}

func worstLevels(got, want []float32) float64 {
	worst := 0.0
	for i := range got {
		worst = max(worst, 255*float64(imagenet.Std[i/(224*224)])*math.Abs(float64(got[i]-want[i])))
	}
	return worst
}

// Pixels that were scaled while they were decoded give the tensor of the full picture.
func TestTensorOfScaledPixels(t *testing.T) {
	full := smooth(1200, 900)
	half := imaging.Resize(full, 600, 450, imaging.Box)
	p := pixelsOf(half, picture.Upright)
	p.FullWidth, p.FullHeight = 1200, 900
	var resizer resnet.Resizer
	got, want := make([]float32, imagenet.Values()), make([]float32, imagenet.Values())
	imagenet.TensorOfPixels(p, &resizer, got)
	imagenet.Tensor(full, want)
	if worst := worstLevels(got, want); worst > 3 {
		t.Errorf("up to %.2f of 255 levels apart", worst)
	}
}

func BenchmarkTensorOfPixels(b *testing.B) {
	img := image.NewNRGBA(image.Rect(0, 0, 500, 375))
	for i := range img.Pix {
		img.Pix[i] = uint8(rand.N(256))
	}
	p := pixelsOf(img, picture.Upright)
	var resizer resnet.Resizer
	dst := make([]float32, imagenet.Values())
	b.ReportAllocs()
	for b.Loop() {
		imagenet.TensorOfPixels(p, &resizer, dst)
	}
}
