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
}

// Error states the size and the limit.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the picture is %d×%d pixels, more than the %d allowed", e.Width, e.Height, e.MaxPixels)
}

// Decode decodes a picture of at most maxPixels pixels; the header is checked before any pixel is decoded. Errors are ErrFormat,
// ErrCorrupt (wrapped with what is wrong) and *TooLargeError. Decoders that panic on crafted input are ErrCorrupt too.
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
	case header.Width > maxPixels/header.Height:
		return nil, &TooLargeError{Width: header.Width, Height: header.Height, MaxPixels: maxPixels}
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
	flat := image.NewRGBA(img.Bounds())
	draw.Draw(flat, flat.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(flat, flat.Bounds(), img, img.Bounds().Min, draw.Over)
	return flat
}
