// Package results writes what a load test measured in the formats of others: vegeta's results, a table of its seconds, and OpenMetrics.
package results

import (
	"encoding/csv"
	"io"
	"net/http"
	"strconv"
	"time"

	"resnet-autoscaling/internal/summary"
)

// Vegeta writes each request as a line of vegeta's CSV: `vegeta report` and `vegeta plot` read it. Nothing of it stays in memory.
type Vegeta struct {
	lines *csv.Writer
	begun time.Time
	seq   uint64
	line  []string
}

// The columns of vegeta's CSV.
const (
	columnTime = iota
	columnCode
	columnLatency
	columnBytesOut
	columnBytesIn
	columnError
	columnBody
	columnAttack
	columnSeq
	columnMethod
	columnURL
	columnHeaders
	columns
)

// NewVegeta writes a test against a URL that began at an instant.
func NewVegeta(w io.Writer, begun time.Time, url string) *Vegeta {
	line := make([]string, columns)
	line[columnMethod], line[columnURL], line[columnAttack] = http.MethodPost, url, "loadtest"
	return &Vegeta{lines: csv.NewWriter(w), begun: begun, line: line}
}

// Add writes one outcome. Its instant is the one at which the request was due.
func (v *Vegeta) Add(o summary.Outcome) error {
	v.line[columnTime] = strconv.FormatInt(v.begun.Add(o.Due).UnixNano(), 10)
	v.line[columnCode] = strconv.Itoa(o.Status)
	v.line[columnLatency] = strconv.FormatInt(o.Latency.Nanoseconds(), 10)
	v.line[columnBytesOut] = strconv.FormatInt(o.Bytes, 10)
	v.line[columnBytesIn] = strconv.FormatInt(o.Received, 10)
	v.line[columnError] = errorOf(o)
	v.line[columnSeq] = strconv.FormatUint(v.seq, 10)
	v.seq++
	return v.lines.Write(v.line)
}

// Flush writes what is still held back.
func (v *Vegeta) Flush() error {
	v.lines.Flush()
	return v.lines.Error()
}

// errorOf is a status in words, as vegeta has it, and our kind of error where no answer tells more.
func errorOf(o summary.Outcome) string {
	switch {
	case o.Kind == summary.OK:
		return ""
	case o.Kind == summary.Wrong:
		return "wrong label"
	case o.Status != 0:
		return strconv.Itoa(o.Status) + " " + http.StatusText(o.Status)
	default:
		return string(o.Kind)
	}
}
