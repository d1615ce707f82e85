// Package picture turns an encoded picture into pixels: JPEG, PNG, GIF (first frame), BMP, TIFF and WebP, any colour model,
// turned the way its EXIF orientation says, and transparent parts on white.
package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"

	// The formats that Decode knows.
	_ "image/gif"
	_ "image/jpeg"
	_ "image/png"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/tiff"
	_ "golang.org/x/image/webp"
)

// Why bytes are not a picture that can be used.
var (
	// ErrFormat: not a picture in a known format.
	ErrFormat = errors.New("not a JPEG, PNG, GIF, BMP, TIFF or WebP picture")
	// ErrCorrupt: begins like a picture, and then is damaged or cut short.
	ErrCorrupt = errors.New("damaged or cut short")
)

// TooLargeError is a picture with more pixels than allowed, by its header.
type TooLargeError struct {
	Width, Height, MaxPixels int
	Heavy                    bool // its pixels take more memory than most, so less of them are allowed
}

// Error states the size and the limit.
func (e *TooLargeError) Error() string {
	kind := ""
	if e.Heavy {
		kind = " of its kind"
	}
	return fmt.Sprintf("the picture is %d×%d pixels, more than the %d allowed%s", e.Width, e.Height, e.MaxPixels, kind)
}

// Decode decodes a picture of at most maxPixels pixels, or a fraction of them where they are heavy; the header is checked before any
// pixel is decoded. Errors are ErrFormat, ErrCorrupt (wrapped with what is wrong) and *TooLargeError. Decoders that panic on crafted
// input are ErrCorrupt too.
func Decode(data []byte, maxPixels int) (img image.Image, err error) {
	defer func() {
		if v := recover(); v != nil {
			img, err = nil, fmt.Errorf("%w: the decoder gave up: %v", ErrCorrupt, v)
		}
	}()
	header, format, err := image.DecodeConfig(bytes.NewReader(data))
	switch {
	case errors.Is(err, image.ErrFormat):
		return nil, ErrFormat
	case err != nil:
		return nil, fmt.Errorf("%w: %v", ErrCorrupt, err)
	case header.Width <= 0 || header.Height <= 0:
		return nil, fmt.Errorf("%w: %d×%d pixels", ErrCorrupt, header.Width, header.Height)
	}
	weight := weightOf(data, format, header.ColorModel)
	if allowed := maxPixels / weight; header.Width > allowed/header.Height {
		return nil, &TooLargeError{Width: header.Width, Height: header.Height, MaxPixels: allowed, Heavy: weight > 1}
	}
	decoded, _, err := image.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrCorrupt, err)
	}
	return upright(onWhite(decoded), OrientationOf(data, format)), nil
}

// onWhite puts what is transparent on white, as browsers show it; an opaque picture stays as it is.
func onWhite(img image.Image) image.Image {
	if o, ok := img.(interface{ Opaque() bool }); ok && o.Opaque() {
		return img
	}
	if pixels, ok := img.(*image.NRGBA); ok {
		whiten(pixels)
		return pixels
	}
	flat := image.NewRGBA(img.Bounds())
	draw.Draw(flat, flat.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(flat, flat.Bounds(), img, img.Bounds().Min, draw.Over)
	return flat
}

// whiten puts a picture on white where it lies: what PNGs decode to may be large, and need not be there twice.
func whiten(img *image.NRGBA) {
	const full = 255
	for i := 0; i+3 < len(img.Pix); i += 4 {
		p := img.Pix[i : i+4 : i+4]
		if alpha := uint32(p[3]); alpha != full {
			for c := range 3 {
				p[c] = uint8((uint32(p[c])*alpha + full*(full-alpha) + full/2) / full)
			}
			p[3] = full
		}
	}
}
