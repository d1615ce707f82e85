//go:build !amd64

package resnet

// useSIMD: there are kernels for x86 alone.
const useSIMD = false

func acrossSIMD(out *float32, row *byte, firsts *int32, lanes *float32, pairs, crop int) {
	panic("resnet: no SIMD kernel for this CPU")
}

func downSIMD(red, green, blue *float32, rows **float32, weights *float32, count, crop int, norm *[6]float32) {
	panic("resnet: no SIMD kernel for this CPU")
}
