package main

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// lived is a run with two requests in a hundred late, that grew by two in the second part and shrank in the third.
func lived() reality {
	m := reality{
		Policy: "slo", CPU: 0.25, Latency: time.Second, MaxReplicas: 6, Alone: 30, AloneCost: 0.01, Cost: 0.015, Stated: 22, Begin: 40, End: 40 + length().Seconds(),
		Scalings: []scaling{{At: 90, From: 1, To: 3}, {At: 155, From: 3, To: 2}},
		Ready:    []count{{At: 30, Replicas: 1}, {At: 91, Replicas: 2}, {At: 92, Replicas: 3}, {At: 155, Replicas: 2}},
		Starts:   []float64{1, 2},
	}
	for range int(m.End) {
		m.Offered, m.Bad = append(m.Offered, 50), append(m.Bad, 1)
	}
	return m
}

func onPaper(at ...float64) paper {
	return paper{violations: 0.021, desired: 2, ready: 2, scalings: []scaling{{At: at[0], From: 1, To: 2}, {At: at[1], From: 2, To: 3}, {At: at[2], From: 3, To: 2}}}
}

func TestEachReplicaIsComparedByItself(t *testing.T) {
	c := lived().beside([]paper{onPaper(90, 95, 155), onPaper(90, 100, 155), onPaper(95, 100, 170)})
	var got []string
	for _, r := range c.changes {
		got = append(got, strings.Join([]string{r.what, r.value(r.measured), r.value(r.paper), r.chances}, "; "))
	}
	want := []string{"1→2, in part 2; 10.00 s; 10.00 s; 3 of 3", "2→3, in part 2; 10.00 s; 20.00 s; 0 of 3", "3→2, in part 3; 25.00 s; 25.00 s; 3 of 3"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	j := together([]comparison{c})
	if missed := j.apart(); len(missed) != 1 || missed[0].what != "2→3, in part 2" {
		t.Errorf("apart are %v", missed)
	}
	if page := markdown([]judged{j}); !strings.Contains(page, "Missed: 2→3, in part 2: 10.00 s measured, 20.00 s simulated.") {
		t.Errorf("no word of what is missed in\n%s", page)
	}
}

// One run has nothing late where 4 % are in another: neither is near the simulation, but their mean is.
func TestViolationsAreJudgedByAllRuns(t *testing.T) {
	lucky, unlucky := lived(), lived()
	lucky.Run, unlucky.Run = 1, 2
	for i := range lucky.Bad {
		lucky.Bad[i], unlucky.Bad[i] = 0, 2
	}
	dir := t.TempDir()
	for _, m := range []reality{lucky, unlucky} {
		if err := m.write(dir); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filesOf(dir, "slo")
	if err != nil || len(files) != 2 {
		t.Fatalf("%q, %v", files, err)
	}
	var runs []comparison
	for _, file := range files {
		m, err := readReality(file)
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, m.beside([]paper{onPaper(90, 90, 155)}))
	}
	j := together(runs)
	if r := j.rows[0]; !runs[0].rows[0].apart() || !runs[1].rows[0].apart() || r.apart() || math.Abs(r.measured-2) > 1e-9 {
		t.Errorf("%+v of %+v and %+v", r, runs[0].rows[0], runs[1].rows[0])
	}
	if missed := j.apart(); slices.ContainsFunc(missed, func(r row) bool { return r.what == j.rows[0].what }) {
		t.Errorf("apart are %v", missed)
	}
	page := markdown([]judged{j})
	for _, want := range []string{"The means of 2 runs:", "### Run 1", "### Run 2"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
}

func TestWhatASimulationNeverDidIsApart(t *testing.T) {
	never := paper{violations: 0.02, desired: 2, ready: 2}
	c := lived().beside([]paper{never, never, onPaper(90, 90, 155)})
	if r := c.changes[0]; !math.IsNaN(r.paper) || !r.apart() {
		t.Errorf("%+v", r)
	}
	if r := c.rows[3]; r.measured != 3 || r.paper != 0 || !r.apart() {
		t.Errorf("%+v", r)
	}
}

func TestMeansCountWhileTheLoadIsOn(t *testing.T) {
	m := lived()
	seconds := length().Seconds()
	for what, pair := range map[string][2]float64{
		"violations": {m.violations(), 0.02},
		"desired":    {m.desired(), (50*1 + 65*3 + (seconds-115)*2) / seconds},
		"ready":      {m.ready(), (51*1 + 1*2 + 63*3 + (seconds-115)*2) / seconds},
	} {
		if math.Abs(pair[0]-pair[1]) > 1e-9 {
			t.Errorf("%s: %v, want %v", what, pair[0], pair[1])
		}
	}
}

func TestAStartEndsWithTheNextReplicaThatIsReady(t *testing.T) {
	took := startTimes([]scaling{{At: 10, From: 1, To: 3}, {At: 20, From: 3, To: 2}, {At: 30, From: 2, To: 3}}, []float64{11, 12.5, 31.5})
	if !slices.Equal(took, []float64{1, 2.5, 1.5}) {
		t.Errorf("starts took %v", took)
	}
}

func TestRequestsAreCountedBySecond(t *testing.T) {
	file := filepath.Join(t.TempDir(), "requests.csv")
	text := "1500000000,200,900000000,1,1,,,,0,POST,u,\n3100000000,200,1100000000,1,1,,,,1,POST,u,\n3200000000,503,1,1,1,status 503,,,2,POST,u,\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	offered, bad, err := readRequests(file, time.Unix(1, 0), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(offered, []int{1, 0, 2}) || !slices.Equal(bad, []int{0, 0, 2}) {
		t.Errorf("offered %v, bad %v", offered, bad)
	}
	if _, _, err := readRequests(file, time.Unix(2, 0), time.Second); err == nil || !strings.Contains(err.Error(), "no request of this run") {
		t.Errorf("a request from before the run: %v", err)
	}
}

// Both run from the same figures, so what is simulated is no less than a run of that load can be.
func TestARunIsSimulatedFromWhatWasMeasured(t *testing.T) {
	for _, policy := range []string{"slo", "target"} {
		m := lived()
		m.Policy, m.Period, m.DownWindow = policy, 100*time.Millisecond, 20*time.Second
		p, err := m.simulated(1)
		if err != nil {
			t.Fatal(err)
		}
		if p.ready <= 2 || p.ready > 6 || p.desired < p.ready || p.violations <= 0 {
			t.Errorf("%s: 50 requests a second at 20 a replica: %+v", policy, p)
		}
	}
}
