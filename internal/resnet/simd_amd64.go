package resnet

import "golang.org/x/sys/cpu"

// useSIMD: the kernels below need AVX2 and FMA, which x86 CPUs have had since 2013.
var useSIMD = cpu.X86.HasAVX2 && cpu.X86.HasFMA

// acrossSIMD resizes a row of pixels to crop pixels of four floats. Place i is the sum of 2·pairs pixels, from firsts[i] on, weighted
// by 8·pairs lanes.
//
//go:noescape
func acrossSIMD(out *float32, row *byte, firsts *int32, lanes *float32, pairs, crop int)

// downSIMD sums count rows of crop pixels, weighted, and writes them normalised to three planes. crop is a multiple of eight.
//
//go:noescape
func downSIMD(red, green, blue *float32, rows **float32, weights *float32, count, crop int, norm *[6]float32)
