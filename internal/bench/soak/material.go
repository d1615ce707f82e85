package soak

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math"

	"resnet-autoscaling/internal/picture"
	"resnet-autoscaling/internal/resnet"

	"golang.org/x/image/bmp"
	"golang.org/x/image/draw"
	"golang.org/x/image/tiff"
)

// Picture is an encoded picture.
type Picture struct {
	Name string
	Data []byte
}

// Material is what errands are made of.
type Material struct {
	spec   resnet.Spec
	photos []Picture // JPEGs
	others []Picture // of all other formats
	sizes  []Picture // from a pixel to what a phone takes, and slim ones
	huge   []Picture // the largest
	turned []Picture // one photo with every EXIF orientation
	claims [][]byte  // files that claim to have too many pixels
	tensor []byte    // a prepared picture: little-endian FP32 [3,side,side]
}

// NewMaterial makes, from pictures of which one at least is a JPEG that stands upright, what clients of a model send. The largest
// pictures have so many pixels.
func NewMaterial(spec resnet.Spec, pictures []Picture, largest int) (m Material, err error) {
	m.spec = spec
	for _, p := range pictures {
		if picture.IsJPEG(p.Data) {
			m.photos = append(m.photos, p)
		} else {
			m.others = append(m.others, p)
		}
	}
	model, err := firstUpright(m.photos)
	if err != nil {
		return m, err
	}
	photo, err := picture.Decode(model.Data, 1<<30)
	if err != nil {
		return m, fmt.Errorf("%s: %w", model.Name, err)
	}
	for o := 1; o <= 8; o++ {
		m.turned = append(m.turned, Picture{Name: fmt.Sprintf("%s, orientation %d", model.Name, o), Data: withOrientation(model.Data, o)})
	}
	for i := range spec.Input.Values() {
		m.tensor = binary.LittleEndian.AppendUint32(m.tensor, math.Float32bits(float32(i%97)/97))
	}
	if err := m.encode(photo, largest); err != nil {
		return m, err
	}
	dot, err := made{nil, asBMP, 8, 8}.from(photo)
	m.claims = [][]byte{claimingJPEG(model.Data), claimingBMP(dot.Data)}
	return m, err
}

// firstUpright is a photo that needs no turning, to make others from.
func firstUpright(photos []Picture) (Picture, error) {
	for _, p := range photos {
		if picture.OrientationOf(p.Data, "jpeg") == picture.Upright {
			return p, nil
		}
	}
	return Picture{}, errors.New("a JPEG that stands upright is needed to make other pictures from")
}

// format writes pictures.
type format struct {
	name  string
	write func(io.Writer, image.Image) error
}

var (
	asJPEG = format{"JPEG", func(w io.Writer, i image.Image) error { return jpeg.Encode(w, i, &jpeg.Options{Quality: 85}) }}
	asPNG  = format{"PNG", png.Encode}
	asGIF  = format{"GIF", func(w io.Writer, i image.Image) error { return gif.Encode(w, i, nil) }}
	asBMP  = format{"BMP", bmp.Encode}
	asTIFF = format{"TIFF", func(w io.Writer, i image.Image) error {
		return tiff.Encode(w, i, &tiff.Options{Compression: tiff.Deflate})
	}}
)

// made is a picture to make.
type made struct {
	to            *[]Picture
	format        format
	width, height int
}

// encode makes pictures of all sizes and formats from one.
func (m *Material) encode(photo image.Image, largest int) error {
	long, short := int(math.Sqrt(float64(largest)*4/3)), int(math.Sqrt(float64(largest)*3/4))
	for _, n := range []made{
		{&m.others, asPNG, 640, 480},
		{&m.others, asGIF, 500, 375},
		{&m.others, asBMP, 320, 240},
		{&m.others, asTIFF, 400, 300},
		{&m.sizes, asJPEG, 1, 1},
		{&m.sizes, asJPEG, 64, 48},
		{&m.sizes, asJPEG, 320, 240},
		{&m.sizes, asJPEG, 1024, 768},
		{&m.sizes, asJPEG, 2048, 1536},
		{&m.sizes, asJPEG, 2000, 20},
		{&m.sizes, asJPEG, 20, 2000},
		{&m.sizes, asPNG, 1600, 1200},
		{&m.huge, asJPEG, long, short},
		{&m.huge, asJPEG, short, long},
		{&m.huge, asTIFF, long, short},
		{&m.huge, asPNG, long, short},
	} {
		p, err := n.from(photo)
		if err != nil {
			return err
		}
		*n.to = append(*n.to, p)
	}
	return nil
}

func (n made) from(photo image.Image) (Picture, error) {
	p := Picture{Name: fmt.Sprintf("%s of %d×%d", n.format.name, n.width, n.height)}
	var data bytes.Buffer
	if err := n.format.write(&data, scaled(photo, n.width, n.height)); err != nil {
		return p, fmt.Errorf("make a %s: %w", p.Name, err)
	}
	p.Data = data.Bytes()
	return p, nil
}

// scaled repeats or leaves out pixels, which is enough to be as large as other pictures, and compresses well.
func scaled(photo image.Image, width, height int) image.Image {
	to := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.NearestNeighbor.Scale(to, to.Bounds(), photo, photo.Bounds(), draw.Src, nil)
	return to
}

// withOrientation puts an EXIF segment with nothing but an orientation (tag 274, one SHORT) behind a JPEG's first marker.
func withOrientation(data []byte, orientation int) []byte {
	b := []byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01")
	b = binary.BigEndian.AppendUint16(b, 274)
	b = append(b, 0, 3, 0, 0, 0, 1, 0, byte(orientation), 0, 0, 0, 0, 0, 0)
	turned := append([]byte{0xFF, 0xD8, 0xFF, 0xE1}, binary.BigEndian.AppendUint16(nil, uint16(len(b)+2))...)
	return append(append(turned, b...), data[2:]...)
}
