package prom_test

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"resnet-autoscaling/internal/scaling"
)

// A day in steps of five seconds is more than one query may ask for; what was not measured is not a number, and nothing shifts.
func TestRangeAsksInParts(t *testing.T) {
	const step = 5 * time.Second
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		from, _ := strconv.ParseInt(r.FormValue("start"), 10, 64)
		to, _ := strconv.ParseInt(r.FormValue("end"), 10, 64)
		if r.URL.Path != "/api/v1/query_range" || r.FormValue("step") != "5" || (to-from)/5 >= 11_000 {
			t.Errorf("%s", r.URL)
		}
		var values []string
		for at := from; at <= to; at += 5 {
			if at != from+10 {
				values = append(values, fmt.Sprintf(`[%d,"%d"]`, at, at))
			}
		}
		fmt.Fprintf(w, `{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[%s]}]}}`, strings.Join(values, ","))
	}))
	t.Cleanup(s.Close)
	values, err := client(t, s.URL).Range(t.Context(), "m", time.Now().Truncate(step), 24*time.Hour, step)
	if err != nil || len(values) != 17280 || asked != 2 {
		t.Fatalf("%d values by %d queries, %v", len(values), asked, err)
	}
	if !math.IsNaN(values[2]) || values[17279]-values[0] != 17279*5 || time.Since(time.Unix(int64(values[17279]), 0)) > time.Minute {
		t.Errorf("from %v to %v, the third is %v", values[0], values[17279], values[2])
	}
}

func TestRangeTellsWhatIsWrong(t *testing.T) {
	matrix := func(series string) string {
		return `{"status":"success","data":{"resultType":"matrix","result":[` + series + `]}}`
	}
	for name, c := range map[string]struct {
		body string
		want error
	}{
		"nothing":      {matrix(""), scaling.ErrNoData},
		"two series":   {matrix(`{"values":[]},{"values":[]}`), scaling.ErrInvalid},
		"an error":     {`{"status":"error","error":"too much"}`, scaling.ErrFailed},
		"not a number": {matrix(`{"values":[[1000,"NaN"]]}`), scaling.ErrNoData},
		"no answer":    {`<html>`, scaling.ErrFailed},
	} {
		t.Run(name, func(t *testing.T) {
			if values, err := answering(t, 200, c.body).Range(t.Context(), "m", time.Unix(2000, 0), time.Hour, time.Minute); !errors.Is(err, c.want) {
				t.Errorf("%d values, %v, want %v", len(values), err, c.want)
			}
		})
	}
}
