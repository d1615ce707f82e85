package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"
)

// leg is a part of the load: it goes from one rate to another, in multiples of what one replica can do.
type leg struct {
	From, To float64
	Seconds  int
}

// legs are the load: a step that nobody can foresee, a fall, a growth that can be followed, a slow fall, a smaller step, and calm.
var legs = []leg{
	{0.6, 0.6, 40}, {3, 3, 50}, {1, 1, 55}, {1, 4.2, 60}, {4.2, 4.2, 15}, {4.2, 1.2, 45}, {1.2, 1.2, 20}, {2.6, 2.6, 30}, {0.5, 0.5, 45},
}

// profile is the load as the load tester takes it.
func profile(capacity float64) (texts []string) {
	for _, l := range legs {
		if l.From == l.To {
			texts = append(texts, fmt.Sprintf("constant:%.2f/%ds", l.From*capacity, l.Seconds))
		} else {
			texts = append(texts, fmt.Sprintf("ramp:%.2f..%.2f/%ds", l.From*capacity, l.To*capacity, l.Seconds))
		}
	}
	return texts
}

// legAt is the leg that a time of a run is in, from 0, and when that leg began; before the load it is -1.
func (m reality) legAt(second float64) (i int, began float64) {
	i, began = -1, 0
	next := m.Begin
	for _, l := range legs {
		if second < next {
			break
		}
		i, began, next = i+1, next, next+float64(l.Seconds)
	}
	return i, began
}

func length() time.Duration {
	seconds := 0
	for _, l := range legs {
		seconds += l.Seconds
	}
	return time.Duration(seconds) * time.Second
}

// readRequests adds up what the load tester told of each request, by seconds since an instant, and which were later than the SLO or failed.
func readRequests(file string, since time.Time, latency time.Duration) (offered, bad []int, err error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	for lines := csv.NewReader(f); ; {
		line, err := lines.Read()
		if err == io.EOF {
			return offered, bad, nil
		}
		if err != nil {
			return nil, nil, fmt.Errorf("read %s: %w", file, err)
		}
		const due, code, took, atLeast = 0, 1, 2, 3 // columns of vegeta's format
		if len(line) < atLeast {
			return nil, nil, fmt.Errorf("read %s: a line of %d columns", file, len(line))
		}
		at, errAt := strconv.ParseInt(line[due], 10, 64)
		nanoseconds, errTook := strconv.ParseInt(line[took], 10, 64)
		age := time.Unix(0, at).Sub(since)
		if errAt != nil || errTook != nil || age < 0 {
			return nil, nil, fmt.Errorf("read %s: %q is no request of this run", file, line)
		}
		second := int(age / time.Second)
		for len(offered) <= second {
			offered, bad = append(offered, 0), append(bad, 0)
		}
		offered[second]++
		if line[code] != "200" || time.Duration(nanoseconds) > latency {
			bad[second]++
		}
	}
}
