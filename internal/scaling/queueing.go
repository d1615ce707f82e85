package scaling

import "math"

// The model of a fleet: c slots that share one queue, requests that come at random, each of them taking the same time D. That is
// M/D/c, and near enough to what a dispatcher in front of a neural network is: the network computes the same whatever the picture.
//
// Seen at times D apart, the queue obeys Q' = max(0, Q + X − c), with X the arrivals within D, a Poisson number of mean a (the load in
// erlangs): what was in service is done, and c more have begun (C. D. Crommelin, "Delay probability formulae when the holding times
// are constant", 1932). A request waits longer than t, with mD ≤ t < (m+1)D, when Q and the arrivals of the (m+1)D − t before it come
// to (m+1)c or more. The rest is how Q is spread: P(Q ≥ k) = P(Q > 0)·exp(−θ(k−1)), where P(Q > 0) is Spitzer's identity for the
// random walk of X − c (1956), and θ its decay: a(exp θ − 1) = cθ.

// lateness is the probability that a request waits for longer than so many service times. Slots need not be whole.
func lateness(slots, erlangs, wait float64) float64 {
	if erlangs <= 0 {
		return 0
	}
	if erlangs >= slots || wait < 0 {
		return 1
	}
	rounds := math.Floor(wait) + 1
	recent := erlangs * (rounds - wait) // the mean of the arrivals of the stretch that counts
	many := math.Ceil(rounds*slots - 1e-9)
	decay := tailDecay(slots, erlangs)
	queued := queues(slots, erlangs)
	late := poissonTail(recent, many)
	from := min(many-1, math.Ceil(recent+20*math.Sqrt(recent)+20)) // more than that never come
	came, behind, further := poisson(recent, from), queued*math.Exp(-decay*(many-1-from)), math.Exp(-decay)
	for y := from; y >= 0; y-- {
		p := came * behind
		late += p
		if y < recent && p < 1e-9*late {
			break
		}
		came *= y / recent
		behind *= further
	}
	return min(late, 1)
}

// tailDecay solves a(exp θ − 1) = cθ for θ > 0, by Newton's method from above, where it cannot overshoot.
func tailDecay(slots, erlangs float64) float64 {
	theta := 2 * math.Log(slots/erlangs)
	for range 50 {
		value := erlangs*math.Expm1(theta) - slots*theta
		step := value / (erlangs*math.Exp(theta) - slots)
		theta -= step
		if math.Abs(step) < 1e-9*theta {
			break
		}
	}
	return theta
}

// queues is P(Q > 0) = 1 − exp(−Σ P(S_l > 0)/l), where S_l is the arrivals of l service times less what l rounds take.
func queues(slots, erlangs float64) float64 {
	sum := 0.0
	for l := 1.0; l <= 400; l++ {
		term := poissonTail(l*erlangs, math.Floor(l*slots+1e-9)+1) / l
		sum += term
		if term < 1e-3*sum || term < 1e-9 {
			break
		}
	}
	return -math.Expm1(-sum)
}

// poisson is the probability of k where the mean is m.
func poisson(m, k float64) float64 {
	gamma, _ := math.Lgamma(k + 1)
	return math.Exp(k*math.Log(m) - m - gamma)
}

// poissonTail is the probability of k or more where the mean is m: summed where few terms matter, else by the saddle point formula of
// Lugannani and Rice (1980) for whole numbers, which is good to a few parts in a thousand.
func poissonTail(m, k float64) float64 {
	if k <= 0 {
		return 1
	}
	if k <= m {
		return 1 - poissonBelow(m, k)
	}
	if k < 30 {
		term := poisson(m, k)
		sum := term
		for i := k + 1; term > 1e-12*sum; i++ {
			term *= m / i
			sum += term
		}
		return sum
	}
	s := math.Log(k / m)
	w := math.Sqrt(2 * (k*s - (k - m)))
	u := -math.Expm1(-s) * math.Sqrt(k)
	if w < 1e-3 {
		return 0.5
	}
	return math.Erfc(w/math.Sqrt2)/2 + math.Exp(-w*w/2)/math.Sqrt(2*math.Pi)*(1/u-1/w)
}

// poissonBelow is the probability of less than k where the mean is m, and k not above it.
func poissonBelow(m, k float64) float64 {
	term := poisson(m, k-1)
	sum := term
	for i := k - 1; i > 0 && term > 1e-12*sum; i-- {
		term *= i / m
		sum += term
	}
	return sum
}
