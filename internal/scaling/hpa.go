package scaling

import (
	"math"
	"time"
)

// cpuInitialization and readinessDelay are the defaults of kube-controller-manager's flags
// --horizontal-pod-autoscaler-cpu-initialization-period and --horizontal-pod-autoscaler-initial-readiness-delay.
const (
	cpuInitialization = 5 * time.Minute
	readinessDelay    = 30 * time.Second
)

// census sorts the pods for one signal, as the HPA does before it looks at values.
type census struct {
	values  []float64 // of the pods that count, in the order of the pods, so that their sum is the same whenever it is asked for
	missing int       // pods without a sample
	ignored int       // pods that start: their CPU says nothing of load
}

func takeCensus(pods []Pod, s Signal, now time.Time) census {
	c := census{values: make([]float64, 0, len(pods))}
	for _, p := range pods {
		sample, ok := s.Samples[p.Name]
		switch {
		case p.Pending:
			c.ignored++
		case !ok:
			c.missing++
		case s.CPU && starting(p, sample, s.Window, now):
			c.ignored++
		default:
			c.values = append(c.values, sample.Value)
		}
	}
	return c
}

// starting tells whether a pod's CPU is that of its start: in its first five minutes, while it is not ready or the window of its
// sample began before it was; later, only if it has never been ready since shortly after its start.
func starting(p Pod, s Sample, window time.Duration, now time.Time) bool {
	if p.Started.IsZero() {
		return true
	}
	if now.Before(p.Started.Add(cpuInitialization)) {
		return !p.Ready || s.At.Before(p.Since.Add(window))
	}
	return !p.Ready && p.Since.Before(p.Started.Add(readinessDelay))
}

func (c census) sum() float64 {
	total := 0.0
	for _, v := range c.values {
		total += v
	}
	return total
}

// proposal is what one signal asks for.
type proposal struct {
	desired int
	ratio   float64 // of what was measured to the target
	assumed float64 // the same, with the pods that were not measured; what counts
	unseen  int     // pods that were not measured
}

// propose is the Kubernetes HPA v2 rule for a value per pod, as in
// https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details:
//
//	ratio   = mean of the pods' values ÷ target
//	desired = ceil(ratio × pods), or current while ratio is within the tolerance of 1
//
// Pods without a value are assumed to be at the target when the rest would scale down, and at 0 when it would scale up; pods that
// start count as 0 when it would scale up. If that brings the ratio within the tolerance, or turns its direction, nothing changes.
func (c census) propose(current int, target, tolerance float64) proposal {
	n := len(c.values)
	ratio := c.sum() / float64(n) / target
	p := proposal{desired: current, ratio: ratio, assumed: ratio}
	up := ratio > 1
	if c.missing == 0 && (c.ignored == 0 || !up) {
		if !within(ratio, tolerance) {
			p.desired = ceil(ratio * float64(n))
		}
		return p
	}
	sum, count := c.sum(), n+c.missing
	if up {
		count += c.ignored
	} else {
		sum += float64(c.missing) * target
	}
	p.assumed, p.unseen = sum/float64(count)/target, count-n
	if within(p.assumed, tolerance) || (p.assumed > 1) != up {
		return p
	}
	if desired := ceil(p.assumed * float64(count)); (desired > current) == up {
		p.desired = desired
	}
	return p
}

// propose is the same rule for a load that comes to all pods together: an HPA's external metric with an average value. Who starts or is not
// measured makes no difference to it.
func (o Offered) propose(current int, target, tolerance float64) proposal {
	ratio := o.Rate / float64(current) / target
	p := proposal{desired: current, ratio: ratio, assumed: ratio}
	if !within(ratio, tolerance) {
		p.desired = ceil(o.Rate / target)
	}
	return p
}

func within(ratio, tolerance float64) bool { return 1-tolerance <= ratio && ratio <= 1+tolerance }

// ceil rounds up, but not for the dust of floating point: 3×1.1÷1.1 is 3. What no int32 can hold, as the API's replicas are, is
// the most that one can.
func ceil(x float64) int { return int(math.Ceil(min(x, math.MaxInt32) - 1e-9)) }
