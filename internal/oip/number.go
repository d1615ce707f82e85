package oip

import (
	"math"
	"strconv"
)

// powers are the powers of ten that an FP64 holds exactly.
var powers = [...]float64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// decimal is a number as it is written: ±mantissa × 10^exponent.
type decimal struct {
	text     []byte
	negative bool
	mantissa uint64
	exponent int
	long     bool // it has more digits than the mantissa could take
}

// number takes a number in JSON's syntax. Where there is none, it takes nothing.
func (r *reader) number() (d decimal, ok bool) {
	i, text := r.at, r.text
	if i < len(text) && text[i] == '-' {
		d.negative = true
		i++
	}
	whole := i
	i = d.digits(text, i)
	if i == whole || text[whole] == '0' && i > whole+1 {
		return d, false
	}
	if i < len(text) && text[i] == '.' {
		fraction := i + 1
		if i = d.digits(text, fraction); i == fraction {
			return d, false
		}
		d.exponent = fraction - i
	}
	if i < len(text) && text[i]|0x20 == 'e' {
		if i, ok = d.power(text, i+1); !ok {
			return d, false
		}
	}
	d.text = text[r.at:i]
	r.at = i
	return d, true
}

// digits adds the digits from i on to the mantissa, and returns where they end.
func (d *decimal) digits(text []byte, i int) int {
	const most = (math.MaxUint64 - 9) / 10
	mantissa := d.mantissa
	for ; i < len(text); i++ {
		digit := uint64(text[i] - '0')
		if digit > 9 {
			break
		}
		if mantissa > most {
			d.long = true
			continue
		}
		mantissa = 10*mantissa + digit
	}
	d.mantissa = mantissa
	return i
}

// power adds the exponent that is written from i on, and returns where it ends.
func (d *decimal) power(text []byte, i int) (end int, ok bool) {
	const most = 10000 // far beyond what any float can hold
	sign := 1
	if i < len(text) && (text[i] == '-' || text[i] == '+') {
		if text[i] == '-' {
			sign = -1
		}
		i++
	}
	start, e := i, 0
	for ; i < len(text) && '0' <= text[i] && text[i] <= '9'; i++ {
		e = min(most, 10*e+int(text[i]-'0'))
	}
	d.exponent += sign * e
	return i, i > start
}

// float is the FP32 nearest to d, ties to even; ok is false where it is beyond all of them.
//
// One FP64 operation on exact operands is wrong by at most its last bit or two. Rounding that to FP32 drops 29 bits, and goes the same
// way as rounding d itself unless these bits are within a few of one half. Those rare numbers, the very long and the very large
// or small go the slow way.
func (d *decimal) float() (f float32, ok bool) {
	const dropped, half, doubt = 1<<29 - 1, 1 << 28, 4
	if d.long || d.exponent < -22 || d.exponent > 22 {
		return d.slowly()
	}
	v := float64(d.mantissa)
	if d.exponent < 0 {
		v /= powers[-d.exponent]
	} else {
		v *= powers[d.exponent]
	}
	if v > math.MaxFloat32 || math.Float64bits(v)&dropped-(half-doubt) <= 2*doubt {
		return d.slowly()
	}
	if d.negative {
		v = -v
	}
	return float32(v), true
}

func (d *decimal) slowly() (float32, bool) {
	f, err := strconv.ParseFloat(string(d.text), 32)
	return float32(f), err == nil
}
