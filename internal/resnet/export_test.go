package resnet

import "resnet-autoscaling/internal/picture"

// TensorOfPixelsWithoutSIMD is what CPUs without the kernels run.
func (in Input) TensorOfPixelsWithoutSIMD(p *picture.Pixels, r *Resizer, dst []float32) {
	in.tensorOfPixels(p, r, dst, false)
}
