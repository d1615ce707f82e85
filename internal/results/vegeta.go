// Package results writes what a load test measured in the formats of others: vegeta's results, a table of its seconds, and OpenMetrics.
//
// Vegeta's has a record of every request, and is written while the test runs; the other two are written at its end, from the summary.
package results

import (
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"resnet-autoscaling/internal/summary"
)

// Vegeta writes each request as a line of vegeta's CSV: `vegeta report` and `vegeta plot` read it. Nothing of it stays in memory.
type Vegeta struct {
	lines *csv.Writer
	begun time.Time
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
	line[columnMethod], line[columnURL], line[columnAttack] = "POST", url, "loadtest"
	return &Vegeta{lines: csv.NewWriter(w), begun: begun, line: line}
}

// Add writes one outcome. Its instant is the one at which the request was due, and its number goes by that too: outcomes come in the order
// of their ends, and vegeta plot sorts them by their numbers.
func (v *Vegeta) Add(o summary.Outcome) error {
	v.line[columnTime] = strconv.FormatInt(v.begun.Add(o.Due).UnixNano(), 10)
	v.line[columnCode] = strconv.Itoa(o.Status)
	v.line[columnLatency] = strconv.FormatInt(o.Latency.Nanoseconds(), 10)
	v.line[columnBytesOut] = strconv.FormatInt(o.Bytes, 10)
	v.line[columnBytesIn] = strconv.FormatInt(o.Received, 10)
	v.line[columnError] = errorOf(o)
	v.line[columnSeq] = strconv.Itoa(o.Number)
	return v.lines.Write(v.line)
}

// Flush writes what is still held back.
func (v *Vegeta) Flush() error {
	v.lines.Flush()
	return v.lines.Error()
}

// errorOf is the status, or our kind of error where no answer tells more.
func errorOf(o summary.Outcome) string {
	switch {
	case o.Kind == summary.OK:
		return ""
	case o.Kind == summary.Wrong:
		return "wrong label"
	case o.Status != 0:
		return "status " + strconv.Itoa(o.Status)
	default:
		return string(o.Kind)
	}
}
