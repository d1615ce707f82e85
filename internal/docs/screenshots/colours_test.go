package screenshots

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"slices"
)

// most is how many colours a PNG with a palette has.
const most = 256

// fewColours makes a PNG a third as large: each pixel gets the nearest of the colours that most of them have. Screens are text and lines on
// even ground, and have few.
func fewColours(picture []byte) ([]byte, error) {
	all, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		return nil, err
	}
	few := image.NewPaletted(all.Bounds(), palette(all))
	draw.Draw(few, few.Rect, all, few.Rect.Min, draw.Src)
	var small bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, few)
	return small.Bytes(), err
}

// palette is the most frequent colours: of those that hardly differ, the most frequent one.
func palette(all image.Image) color.Palette {
	type alike [3]uint8
	counts := map[alike]map[color.RGBA]int{}
	for y := all.Bounds().Min.Y; y < all.Bounds().Max.Y; y++ {
		for x := all.Bounds().Min.X; x < all.Bounds().Max.X; x++ {
			c := color.RGBAModel.Convert(all.At(x, y)).(color.RGBA)
			group := alike{c.R >> 3, c.G >> 3, c.B >> 3}
			if counts[group] == nil {
				counts[group] = map[color.RGBA]int{}
			}
			counts[group][c]++
		}
	}
	sum := func(group alike) (n int) {
		for _, count := range counts[group] {
			n += count
		}
		return n
	}
	groups := slices.SortedFunc(maps.Keys(counts), func(a, b alike) int { return cmp.Compare(sum(b), sum(a)) })
	var few color.Palette
	for _, group := range groups[:min(most, len(groups))] {
		few = append(few, slices.MaxFunc(slices.Collect(maps.Keys(counts[group])), func(a, b color.RGBA) int { return counts[group][a] - counts[group][b] }))
	}
	return few
}
