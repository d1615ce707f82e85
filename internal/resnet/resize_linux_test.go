package resnet_test

import (
	"os"
	"syscall"
	"testing"

	"resnet-autoscaling/internal/picture"
	"resnet-autoscaling/internal/resnet"
)

// The kernels take pixels in pairs, and must not take one from behind the last: here that would be memory that nobody may read.
func TestTensorOfPixelsStaysInThePicture(t *testing.T) {
	whole := imagenet
	whole.Resize = whole.Crop // of a square, so that the crop reaches the last pixel of the last row
	for _, side := range []int{22, 47, 257, 500} {
		img := smooth(side, side)
		page := os.Getpagesize()
		room := (len(img.Pix) + page - 1) / page * page
		memory, err := syscall.Mmap(-1, 0, room+page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = syscall.Munmap(memory) }()
		if err := syscall.Mprotect(memory[room:], syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
		p := pixelsOf(img, picture.Upright)
		p.Pix = memory[room-len(img.Pix) : room]
		copy(p.Pix, img.Pix)
		var resizer resnet.Resizer
		whole.TensorOfPixels(p, &resizer, make([]float32, whole.Values()))
	}
}
