package sketch

import "math"

// WilsonInterval returns the score interval of a share (Wilson 1927): with
// successes of n seen, the true share lies in [low, high] at the confidence of
// the normal quantile z (1.96 for 95 % two-sided). Without trials it is [0, 1].
func WilsonInterval(successes, n uint64, z float64) (low, high float64) {
	if n == 0 {
		return 0, 1
	}
	successes = min(successes, n)
	m := float64(n)
	p := float64(successes) / m
	zz := z * z / m
	mid := (p + zz/2) / (1 + zz)
	half := z / (1 + zz) * math.Sqrt(p*(1-p)/m+zz/(4*m))
	low, high = max(0, mid-half), min(1, mid+half)
	if successes == 0 {
		low = 0
	}
	if successes == n {
		high = 1
	}
	return low, high
}

// ClopperPearsonLower returns the exact one-sided lower bound of a share: the
// share that would show successes or more of n with probability 1-confidence.
// With n of n it is (1-confidence)^(1/n), about 1-3/n at 95 % (rule of three).
func ClopperPearsonLower(successes, n uint64, confidence float64) float64 {
	if n == 0 || successes == 0 {
		return 0
	}
	alpha := 1 - confidence
	if successes >= n {
		return math.Pow(alpha, 1/float64(n))
	}
	a, b := float64(successes), float64(n-successes)+1
	return betaQuantile(alpha, a, b)
}

// ClopperPearsonUpper is the mirror of ClopperPearsonLower.
func ClopperPearsonUpper(successes, n uint64, confidence float64) float64 {
	if n == 0 {
		return 1
	}
	return 1 - ClopperPearsonLower(n-min(successes, n), n, confidence)
}

// GoodTuringUnseen returns the Good-Turing (1953) estimate of the share of the
// stream that consists of values not seen so far, from the number of values seen
// exactly once and the length of the stream. Without a stream it is 1.
func GoodTuringUnseen(once, n uint64) float64 {
	if n == 0 {
		return 1
	}
	return min(float64(once)/float64(n), 1)
}

// GoodTuringUpper bounds that share from above. The number of values seen once
// is a sum of negatively associated indicators with mean n times the unseen
// share, so it spreads no more than a binomial count does and its exact upper
// bound holds: 3/n at 95 % when no value was seen only once.
func GoodTuringUpper(once, n uint64, confidence float64) float64 {
	return ClopperPearsonUpper(once, n, confidence)
}

// betaQuantile inverts the regularised incomplete beta function by bisection.
func betaQuantile(p, a, b float64) float64 {
	lo, hi := 0.0, 1.0
	for range 60 {
		m := (lo + hi) / 2
		if betaInc(a, b, m) < p {
			lo = m
		} else {
			hi = m
		}
	}
	return lo
}

// betaInc is the regularised incomplete beta function I_x(a,b), by the
// continued fraction of DiDonato and Morris with Lentz's method.
func betaInc(a, b, x float64) float64 {
	if x <= 0 {
		return 0
	}
	if x >= 1 {
		return 1
	}
	la, _ := math.Lgamma(a)
	lb, _ := math.Lgamma(b)
	lab, _ := math.Lgamma(a + b)
	front := math.Exp(lab - la - lb + a*math.Log(x) + b*math.Log1p(-x))
	if x > (a+1)/(a+b+2) {
		return 1 - front*betaFraction(b, a, 1-x)/b
	}
	return front * betaFraction(a, b, x) / a
}

func betaFraction(a, b, x float64) float64 {
	const tiny = 1e-300
	c, d := 1.0, 1/nonZero(1-(a+b)*x/(a+1), tiny)
	h := d
	for i := 1; i <= 2000; i++ {
		m := float64(i)
		even := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		d = 1 / nonZero(1+even*d, tiny)
		c = nonZero(1+even/c, tiny)
		h *= d * c
		odd := -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		d = 1 / nonZero(1+odd*d, tiny)
		c = nonZero(1+odd/c, tiny)
		step := d * c
		h *= step
		if math.Abs(step-1) < 1e-14 {
			break
		}
	}
	return h
}

func nonZero(x, tiny float64) float64 {
	if math.Abs(x) < tiny {
		return tiny
	}
	return x
}
