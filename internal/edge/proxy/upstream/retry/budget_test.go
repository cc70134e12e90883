package retry

import "testing"

// TestBudget: a new bucket allows a few retries, then as many as requests pay for, and never hoards more than its brim.
func TestBudget(t *testing.T) {
	var b Budget
	b.Fill(0.2)
	drain := func() (n int) {
		for b.Take() {
			n++
		}
		return n
	}
	if n := drain(); n != 10 {
		t.Errorf("%d retries at first", n)
	}
	for range 4 {
		b.Request()
	}
	if n := drain(); n != 0 {
		t.Errorf("%d retries for four requests", n)
	}
	b.Request()
	if n := drain(); n != 1 {
		t.Errorf("%d retries for five requests", n)
	}
	for range 100_000 {
		b.Request()
	}
	if n := drain(); n != 100 {
		t.Errorf("%d retries at most", n)
	}
}
