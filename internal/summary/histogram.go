package summary

import (
	"encoding/json"
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Histogram is an HDR histogram of microseconds, as the base64 of its V2 compressed form, which every HdrHistogram library reads.
type Histogram struct{ *hdrhistogram.Histogram }

// MarshalJSON encodes it.
func (h Histogram) MarshalJSON() ([]byte, error) {
	if h.Histogram == nil {
		return []byte(`""`), nil
	}
	text, err := h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
	if err != nil {
		return nil, fmt.Errorf("histogram: %w", err)
	}
	return json.Marshal(string(text))
}

// UnmarshalJSON decodes it.
func (h *Histogram) UnmarshalJSON(text []byte) (err error) {
	var encoded string
	if err := json.Unmarshal(text, &encoded); err != nil {
		return fmt.Errorf("histogram: %w", err)
	}
	h.Histogram = nil
	if encoded == "" {
		return nil
	}
	// The library trusts lengths within its form: a damaged one makes it panic.
	defer func() {
		if broken := recover(); broken != nil {
			err = fmt.Errorf("histogram: it is damaged: %v", broken)
		}
	}()
	if h.Histogram, err = hdrhistogram.Decode([]byte(encoded)); err != nil {
		return fmt.Errorf("histogram: %w", err)
	}
	return nil
}
