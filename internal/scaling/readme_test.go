package scaling

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// readmesDecision is the example of the README: a load that wavers around 100 requests per second, and then grows by about one every second.
func readmesDecision() Decision {
	now := storyEpoch
	o := Observation{Replicas: 12}
	o.Demand = Demand{Step: 5 * time.Second, At: now.Add(-3 * time.Second), Capacity: 13.1, Slots: 1, StartTime: 9 * time.Second}
	for i := range 720 {
		o.Demand.Rates = append(o.Demand.Rates, 100+max(0, 5*(float64(i)-696.2))+6*math.Sin(float64(i)))
	}
	for range o.Replicas {
		o.Pods = append(o.Pods, podStates['r'](now))
	}
	p := SLO{Min: 1, Max: 40, Latency: 250 * time.Millisecond, Interval: 5 * time.Second, QueueTimeout: 10 * time.Second, Tuning: DefaultTuning()}
	return p.Decide([]Decision{Start(o.Replicas, now)}, o, now).Explained(o, 0)
}

// What the README says of its example is what the policy says.
func TestTheReadmesExampleIsTrue(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	d := readmesDecision()
	r := d.Reckoning
	sentences := []string{
		d.String(),
		fmt.Sprintf("ahead      %.0f s", r.Lead.Seconds()),
		fmt.Sprintf("forecast   %.4g requests/s by %s, and %.3g more for its errors of late", r.Forecast, r.Way, r.Margin),
		fmt.Sprintf("staff for  %.4g requests/s, at %.4g per replica, each of which takes %.0f ms", r.StaffFor, r.Capacity, 1000*r.Service.Seconds()),
	}
	for _, s := range d.Staffing {
		if s.Late >= 0.00001 { // explain says of less only that it is less
			digits := 2
			if s.Late > 0.995 {
				digits = 3
			}
			sentences = append(sentences, fmt.Sprintf("%d  %.0f%%  %s%%", s.Replicas, 100*s.Load, strconv.FormatFloat(100*s.Late, 'g', digits, 64)))
		}
	}
	text := strings.Join(strings.Fields(string(readme)), " ") // however it is broken and aligned
	for _, s := range sentences {
		if !strings.Contains(text, strings.Join(strings.Fields(s), " ")) {
			t.Errorf("the README does not say:\n%s", s)
		}
	}
}
