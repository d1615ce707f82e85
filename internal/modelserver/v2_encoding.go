package modelserver

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"resnet-autoscaling/internal/api"
	"resnet-autoscaling/internal/command"
	"resnet-autoscaling/internal/httpserve"
)

// The codings of bodies. "deflate" is the zlib format; some clients leave its frame out, and are understood.
const (
	codingGzip    = "gzip"
	codingDeflate = "deflate"
)

// compressFrom is the size of an answer from which compressing it saves more than it costs.
const compressFrom = 1 << 10

// readRequest is the body of a request on /v2, inflated. The limit is for both its sizes.
func readRequest(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body, err := httpserve.ReadBody(w, r, limit)
	var problem *api.Problem
	if errors.As(err, &problem) && problem.Status == http.StatusRequestEntityTooLarge {
		return nil, tooLarge("the body is larger", limit)
	}
	if err != nil {
		return nil, err
	}
	coding := strings.ToLower(strings.Join(r.Header.Values("Content-Encoding"), ", "))
	var inflater io.Reader
	switch coding {
	case "", "identity":
		return body, nil
	case codingGzip:
		inflater, err = gzip.NewReader(bytes.NewReader(body))
	case codingDeflate:
		inflater, err = zlib.NewReader(bytes.NewReader(body))
		if errors.Is(err, zlib.ErrHeader) {
			inflater, err = flate.NewReader(bytes.NewReader(body)), nil
		}
	default:
		w.Header().Set("Accept-Encoding", codingGzip+", "+codingDeflate)
		return nil, api.NewProblem(http.StatusUnsupportedMediaType, "unsupported-encoding",
			"Content-Encoding is %q: send gzip, deflate or none", coding)
	}
	if err != nil {
		return nil, notCoded(coding, err)
	}
	return inflate(inflater, len(body), coding, limit)
}

func inflate(from io.Reader, size int, coding string, limit int64) ([]byte, error) {
	const usual = 4 // how many times larger most of what is compressed becomes
	var body bytes.Buffer
	body.Grow(int(min(limit, int64(usual*size))) + bytes.MinRead)
	_, err := body.ReadFrom(io.LimitReader(from, limit+1))
	if int64(body.Len()) > limit {
		return nil, tooLarge("the body inflates to more", limit)
	}
	if err != nil {
		return nil, notCoded(coding, err)
	}
	return body.Bytes(), nil
}

func notCoded(coding string, err error) error {
	return api.NewProblem(http.StatusBadRequest, "bad-encoding", "Content-Encoding is %s, and the body is not, or not all there: %v", coding, err)
}

func tooLarge(what string, limit int64) error {
	return api.NewProblem(http.StatusRequestEntityTooLarge, "too-large",
		"%s than the %v allowed: send fewer pictures, and tensors as binary data, since as JSON text each value takes up to five times its 4 bytes",
		what, command.Bytes(limit))
}

// writeCompressed writes an answer's body in the coding that the caller likes best.
func writeCompressed(w http.ResponseWriter, r *http.Request, body []byte) {
	h := w.Header()
	h.Set("Vary", "Accept-Encoding")
	if coding := preferredCoding(r.Header.Values("Accept-Encoding")); coding != "" && len(body) >= compressFrom {
		h.Set("Content-Encoding", coding)
		body = deflate(body, coding)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	// A caller that is gone cannot be told anything.
	_, _ = w.Write(body)
}

func deflate(body []byte, coding string) []byte {
	var out bytes.Buffer
	var deflater io.WriteCloser
	if coding == codingGzip {
		deflater = gzip.NewWriter(&out)
	} else {
		deflater = zlib.NewWriter(&out)
	}
	// Writing to memory cannot fail.
	_, _ = deflater.Write(body)
	_ = deflater.Close()
	return out.Bytes()
}

// preferredCoding chooses between gzip and deflate by what the caller accepts; "" is neither.
func preferredCoding(accept []string) string {
	best, bestWeight := "", 0.0
	weights := map[string]float64{}
	for item := range strings.SplitSeq(strings.ToLower(strings.Join(accept, ",")), ",") {
		coding, parameter, _ := strings.Cut(item, ";")
		weight := 1.0
		if q, ok := strings.CutPrefix(strings.TrimSpace(parameter), "q="); ok {
			weight, _ = strconv.ParseFloat(q, 64) // what is no weight counts as 0: not wanted
		}
		weights[strings.TrimSpace(coding)] = weight
	}
	for _, coding := range []string{codingGzip, codingDeflate} {
		weight, named := weights[coding]
		if !named {
			weight = weights["*"]
		}
		if weight > bestWeight {
			best, bestWeight = coding, weight
		}
	}
	return best
}
