package record

import "merlon/internal/edge/ingest/stamp"

// ParseTime reads an instant as logs have it: 10/Oct/2000:13:55:36 -0700, RFC 3339 with a zone, or a number since 1970 in
// seconds (with a fraction or not), milli-, micro- or nanoseconds, told by its digits.
func ParseTime(c *stamp.Clock, b []byte) (at int64, ok bool) {
	if len(b) == stamp.LogBytes && b[2] == '/' {
		return c.Parse(b)
	}
	if len(b) > 5 && b[4] == '-' {
		return stamp.RFC3339(b)
	}
	digits := 0
	for digits < len(b) && b[digits]-'0' <= 9 {
		digits++
	}
	switch digits {
	case 8, 9, 10:
		at, ok = nanos(b, 1e9)
	case 12, 13:
		at, ok = nanos(b, 1e6)
	case 15, 16:
		at, ok = nanos(b, 1e3)
	case 18, 19:
		at, ok = nanos(b, 1)
	}
	return at, ok && at > 0
}

// nanos reads a plain decimal number of units as nanoseconds; digits behind a nanosecond count nothing.
func nanos(b []byte, unit int64) (int64, bool) {
	const most = 1<<63 - 1
	var v int64
	i := 0
	for ; i < len(b) && b[i]-'0' <= 9; i++ {
		d := int64(b[i] - '0')
		if v > (most-d)/10 {
			return 0, false
		}
		v = v*10 + d
	}
	if i == 0 || v > most/unit {
		return 0, false
	}
	v *= unit
	if i == len(b) {
		return v, true
	}
	if b[i] != '.' {
		return 0, false
	}
	for i++; i < len(b); i++ {
		if b[i]-'0' > 9 {
			return 0, false
		}
		unit /= 10
		if add := int64(b[i]-'0') * unit; v <= most-add {
			v += add
		}
	}
	return v, true
}

// maxSpan bounds a duration: a year.
const maxSpan = int64(365 * 86400 * 1e9)

// spans adds up the durations of a value: servers tried one after the other stand as 0.010, 0.020 : 0.003. Only numbers
// count; "-" and -1 are none. It is 0 when there is none.
func spans(b []byte, unit int64) (sum int64) {
	for i := 0; i < len(b); {
		from := i
		for i < len(b) && b[i] != ' ' && b[i] != ',' && b[i] != ':' {
			i++
		}
		if v, ok := nanos(b[from:i], unit); ok && sum <= maxSpan {
			sum += min(v, maxSpan)
		}
		i++
	}
	return min(sum, maxSpan)
}

// size reads a number of bytes.
func size(b []byte) (n int64, ok bool) {
	if len(b) == 0 || len(b) > 17 {
		return 0, false
	}
	for _, c := range b {
		if c-'0' > 9 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
