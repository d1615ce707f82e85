package resnet

import (
	"image"
	"math"

	"github.com/disintegration/imaging"
)

// Tensor writes a picture into dst, in.Values() floats, as the reference pipeline does (torchvision: Resize(in.Resize) bilinear with
// antialias, CenterCrop(in.Crop), Normalize): planes of red, green and blue, rows from the top.
func (in Input) Tensor(img image.Image, dst []float32) {
	width, height := in.resized(img.Bounds().Dx(), img.Bounds().Dy())
	// imaging's Linear is a triangle that widens as it shrinks: the reference's antialias.
	scaled := imaging.Resize(img, width, height, imaging.Linear)
	left, top := center(width, in.Crop), center(height, in.Crop)

	n := in.normalisation()
	plane := in.Crop * in.Crop
	red, green, blue := dst[:plane], dst[plane:2*plane], dst[2*plane:3*plane]
	for y := range in.Crop {
		row := scaled.Pix[(top+y)*scaled.Stride+4*left:]
		row = row[: 4*in.Crop : 4*in.Crop]
		for x := range in.Crop {
			at := y*in.Crop + x
			red[at] = float32(row[4*x])*n[0] + n[3]
			green[at] = float32(row[4*x+1])*n[1] + n[4]
			blue[at] = float32(row[4*x+2])*n[2] + n[5]
		}
	}
}

// resized brings the shorter side to in.Resize and keeps the aspect, the longer side rounded down as torchvision does.
func (in Input) resized(width, height int) (int, int) {
	if width <= height {
		return in.Resize, max(in.Resize, int(float64(in.Resize)*float64(height)/float64(width)))
	}
	return max(in.Resize, int(float64(in.Resize)*float64(width)/float64(height))), in.Resize
}

// center is the offset of a centred crop; torchvision rounds halves to even.
func center(side, crop int) int { return int(math.RoundToEven(float64(side-crop) / 2)) }
