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
	values  map[string]float64 // of the pods that count
	missing int                // pods without a sample
	ignored int                // pods that start: their CPU says nothing of load
}

func takeCensus(pods []Pod, s Signal, now time.Time) census {
	c := census{values: map[string]float64{}}
	for _, p := range pods {
		sample, ok := s.Samples[p.Name]
		switch {
		case p.Pending:
			c.ignored++
		case !ok:
			c.missing++
		case s.CPU && starting(p, sample, now):
			c.ignored++
		default:
			c.values[p.Name] = sample.Value
		}
	}
	return c
}

// starting tells whether a pod's CPU is that of its start: in its first five minutes, while it is not ready or its sample is older
// than its readiness; later, only if it has never been ready since shortly after its start.
func starting(p Pod, s Sample, now time.Time) bool {
	if p.Started.IsZero() {
		return true
	}
	if now.Before(p.Started.Add(cpuInitialization)) {
		return !p.Ready || s.At.Before(p.Since)
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

// complete tells whether every pod was measured.
func (c census) complete() bool { return c.missing == 0 }

// recommend is the Kubernetes HPA v2 rule for a value per pod, as in
// https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details:
//
//	ratio   = mean of the pods' values ÷ target
//	desired = ceil(ratio × pods), or current while ratio is within the tolerance of 1
//
// Pods without a value are assumed to be at the target when the rest would scale down, and at 0 when it would scale up; pods that
// start count as 0 when it would scale up. If that brings the ratio within the tolerance, or turns its direction, nothing changes.
func (c census) recommend(current int, target, tolerance float64) (desired int, ratio float64) {
	n := len(c.values)
	ratio = c.sum() / float64(n) / target
	up := ratio > 1
	if c.missing == 0 && (c.ignored == 0 || !up) {
		if within(ratio, tolerance) {
			return current, ratio
		}
		return ceil(ratio * float64(n)), ratio
	}
	sum, count := c.sum(), n+c.missing
	if up {
		count += c.ignored
	} else {
		sum += float64(c.missing) * target
	}
	assumed := sum / float64(count) / target
	if within(assumed, tolerance) || (assumed > 1) != up {
		return current, ratio
	}
	desired = ceil(assumed * float64(count))
	if (desired > current) != up {
		return current, ratio
	}
	return desired, ratio
}

func within(ratio, tolerance float64) bool { return math.Abs(ratio-1) <= tolerance }

// ceil rounds up, but not for the dust of floating point: 3×1.1÷1.1 is 3.
func ceil(x float64) int { return int(math.Ceil(x - 1e-9)) }
