package scaling

import "fmt"

// Warning is something that a person has to mend: replicas alone do not. The kinds are labels of a metric: the list is closed.
type Warning string

// What there is to warn of.
const (
	WarnAtMax    Warning = "at-max"         // the load needs more than there may be
	WarnHopeless Warning = "slo-impossible" // a request alone takes longer than the SLO
	WarnBlind    Warning = "blind"          // only what is answered is seen, not what is shed
	WarnBoastful Warning = "overstated"     // replicas do far less than they state
)

// Warnings are all that there are.
var Warnings = []Warning{WarnAtMax, WarnHopeless, WarnBlind, WarnBoastful}

// Warns is what a decision has to warn of, with a sentence for each.
func (d Decision) Warns() map[Warning]string {
	warns := map[Warning]string{}
	if d.AtMax != "" {
		warns[WarnAtMax] = d.AtMax
	}
	r := d.Reckoning
	if r == nil {
		return warns
	}
	if r.Hopeless {
		warns[WarnHopeless] = fmt.Sprintf("a request alone takes %.0f ms, and the SLO is %v: no number of replicas keeps it; give each more CPU, or allow more by --slo-latency; "+
			"until then they are kept %.0f%% busy", 1000*r.Service.Seconds(), r.Latency, 100*hopelessLoad)
	}
	if r.Blind {
		warns[WarnBlind] = "no dispatcher tells of the load: what replicas answer is taken for it, and what is shed is not seen"
	}
	if d.Believed < boastful {
		warns[WarnBoastful] = fmt.Sprintf("replicas answered %.0f%% of what they state when they had all to do that they could wish for: something "+
			"else uses their cores, or pictures are costlier than those that they measured with; there are more of them instead", 100*d.Believed)
	}
	return warns
}

// boastful is the share of what they state below which somebody should see why replicas do not do it.
const boastful = 0.75

// Rail is a guard rail that kept a decision from what was wanted.
type Rail string

// The guard rails, named after the flags that set them.
const (
	RailLimits     Rail = "limits" // --min-replicas, --max-replicas, --max-cost
	RailUpPolicy   Rail = "up-policy"
	RailDownPolicy Rail = "down-policy"
	RailUpWindow   Rail = "up-window"
	RailDownWindow Rail = "down-window"
)

// Ceiling is how many replicas there may be.
type Ceiling struct {
	Replicas int
	Price    float64 // of a replica, an hour; 0: not told
	MaxCost  float64 // of all replicas, an hour; 0: any
}

// Max is the most replicas: as many as are allowed and can be paid for.
func (c Ceiling) Max() int {
	if c.MaxCost > 0 && c.Price > 0 {
		return min(c.Replicas, int(min(c.MaxCost/c.Price+1e-9, 1e9)))
	}
	return c.Replicas
}

// Why is what makes the most replicas fewer than --max-replicas; "" where nothing does.
func (c Ceiling) Why() string {
	if c.Max() == c.Replicas {
		return ""
	}
	return fmt.Sprintf("--max-cost %g an hour pays for no more at --price %g", c.MaxCost, c.Price)
}

// limits says between what a policy may choose, and why where that is not what was asked for.
func limits(least, most int, why string) string {
	text := fmt.Sprintf("the limits are %d to %d", least, most)
	if why != "" {
		text += ": " + why
	}
	return text
}

// atMax says that a load takes more replicas than there may be.
func atMax(load string, takes, most int, why string) string {
	if why == "" {
		why = "--max-replicas allows no more"
	}
	return fmt.Sprintf("%s takes at least %d replicas, and there may be %d: %s", load, takes, most, why)
}
