package pace

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// Open gives the text of a file that a profile names.
type Open func(name string) (io.ReadCloser, error)

// traceForm is how a recorded load is named.
const traceForm = "trace:FILE.csv*SCALE@SPEEDx"

// parseTrace reads "FILE[*SCALE][@SPEEDx]": a recorded load, its rates times SCALE, in a SPEEDth of the time.
func parseTrace(text string, open Open) (shape, error) {
	if open == nil {
		return nil, errors.New("no file can be read here")
	}
	name, scale, speed, err := traceParts(text)
	if err != nil {
		return nil, err
	}
	file, err := open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	starts, levels, err := readTrace(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for i := range starts {
		starts[i] /= speed
	}
	for i := range levels {
		if levels[i] *= scale; levels[i] > fastest {
			return nil, fmt.Errorf("%s: times %s it asks for %s requests/s, more than %.0f", name, number(scale), number(levels[i]), fastest)
		}
	}
	end := starts[len(starts)-1]
	if end > longest.Seconds() {
		return nil, fmt.Errorf("%s lasts more than %v", name, longest)
	}
	return newStairs(starts, levels, "trace:"+text), nil
}

func traceParts(text string) (name string, scale, speed float64, err error) {
	name, scale, speed = text, 1, 1
	if at := strings.LastIndex(name, "@"); at >= 0 && strings.HasSuffix(name, "x") {
		if speed, err = factor(name[at+1 : len(name)-1]); err != nil {
			return "", 0, 0, err
		}
		name = name[:at]
	}
	if at := strings.LastIndex(name, "*"); at >= 0 {
		if scale, err = factor(name[at+1:]); err != nil {
			return "", 0, 0, err
		}
		name = name[:at]
	}
	if name == "" {
		return "", 0, 0, fmt.Errorf("it names no file: %s", traceForm)
	}
	return name, scale, speed, nil
}

func factor(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v > 0) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%q is not a factor above 0", text)
	}
	return v, nil
}

// readTrace reads lines of second,rps: from that second on, so many requests per second, until the next line's. The last line holds as
// long as the one before it. starts has the end of the last line too, and begins at 0.
func readTrace(r io.Reader) (starts, levels []float64, err error) {
	lines := csv.NewReader(r)
	lines.FieldsPerRecord = 2
	head, err := lines.Read()
	if err != nil || strings.TrimSpace(head[0]) != "second" || strings.TrimSpace(head[1]) != "rps" {
		return nil, nil, errors.New("its first line must be second,rps")
	}
	for {
		line, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		n, _ := lines.FieldPos(0)
		at, err := strconv.ParseFloat(strings.TrimSpace(line[0]), 64)
		if err != nil || math.IsNaN(at) || math.IsInf(at, 0) {
			return nil, nil, fmt.Errorf("line %d: %q is not a second", n, line[0])
		}
		level, err := rate(line[1])
		if err != nil {
			return nil, nil, fmt.Errorf("line %d: %w", n, err)
		}
		if len(starts) > 0 && at <= starts[len(starts)-1] {
			return nil, nil, fmt.Errorf("line %d: second %s does not come after %s", n, number(at), number(starts[len(starts)-1]))
		}
		starts, levels = append(starts, at), append(levels, level)
	}
	if len(starts) < 2 {
		return nil, nil, errors.New("it needs at least two lines of second,rps below the first")
	}
	last := len(starts) - 1
	starts = append(starts, 2*starts[last]-starts[last-1])
	for i, first := len(starts)-1, starts[0]; i >= 0; i-- {
		starts[i] -= first
	}
	return starts, levels, nil
}
