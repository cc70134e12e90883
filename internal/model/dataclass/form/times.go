package form

// IsDate checks RFC 3339 full-date, the day against its month.
func IsDate(v []byte) bool {
	return len(v) == 10 && v[4] == '-' && v[7] == '-' && isYear(v) && isDay(two(v, 0)*100+two(v, 2), two(v, 5), two(v, 8))
}

func isYear(v []byte) bool { return two(v, 0) >= 0 && two(v, 2) >= 0 }

func isDay(year, month, day int) bool {
	if month < 1 || month > 12 || day < 1 {
		return false
	}
	last := 31
	switch month {
	case 4, 6, 9, 11:
		last = 30
	case 2:
		last = 28
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			last = 29
		}
	}
	return day <= last
}

// IsDateLoose takes three numbers between equal separators (/ . or -), the year first or last, of a year between 1800
// and 2199; the day and month in either order when the year is last.
func IsDateLoose(v []byte) bool {
	var num, width [3]int
	part, sep := 0, byte(0)
	for _, b := range v {
		if IsDigit(b) {
			if width[part] == 4 {
				return false
			}
			num[part] = num[part]*10 + int(b-'0')
			width[part]++
			continue
		}
		if b != '/' && b != '.' && b != '-' || sep != 0 && b != sep || part == 2 {
			return false
		}
		sep = b
		part++
	}
	if part != 2 || width[0] == 0 || width[1] == 0 || width[1] > 2 || width[2] == 0 {
		return false
	}
	year := func(y int) bool { return y >= 1800 && y < 2200 }
	if width[0] == 4 {
		return sep != '-' && width[2] <= 2 && year(num[0]) && isDay(num[0], num[1], num[2])
	}
	return width[0] <= 2 && width[2] == 4 && year(num[2]) &&
		(isDay(num[2], num[1], num[0]) || isDay(num[2], num[0], num[1]))
}

// DateTime takes RFC 3339 date-time (T, t or a space between), with the zone or without.
func DateTime(v []byte) Clock {
	if len(v) < 16 || len(v) > 40 || !IsDate(v[:10]) {
		return ClockNone
	}
	if v[10] != 'T' && v[10] != 't' && v[10] != ' ' {
		return ClockNone
	}
	return clock(v[11:])
}

// IsTime takes RFC 3339 full-time, where zone and seconds may be missing.
func IsTime(v []byte) bool { return clock(v) != ClockNone }

// Clock is what a time of day says of its zone.
type Clock uint8

// The clocks.
const (
	ClockNone  Clock = iota // no time at all
	ClockLocal              // no zone
	ClockZoned              // Z or an offset
)

// clock reads hh:mm[:ss[.fraction]][zone]. 60 seconds are allowed, as in RFC 3339.
func clock(v []byte) Clock {
	if len(v) < 5 || v[2] != ':' {
		return ClockNone
	}
	h, m := two(v, 0), two(v, 3)
	if h < 0 || h > 23 || m < 0 || m > 59 {
		return ClockNone
	}
	v = v[5:]
	if len(v) >= 3 && v[0] == ':' {
		if s := two(v, 1); s < 0 || s > 60 {
			return ClockNone
		}
		v = v[3:]
		if len(v) > 1 && (v[0] == '.' || v[0] == ',') {
			i := 1
			for i < len(v) && IsDigit(v[i]) {
				i++
			}
			if i == 1 {
				return ClockNone
			}
			v = v[i:]
		}
	}
	switch {
	case len(v) == 0:
		return ClockLocal
	case len(v) == 1 && (v[0] == 'Z' || v[0] == 'z'):
		return ClockZoned
	}
	if v[0] == ' ' && len(v) > 1 {
		v = v[1:]
	}
	if v[0] != '+' && v[0] != '-' {
		return ClockNone
	}
	if !(len(v) == 5 || len(v) == 6 && v[3] == ':') {
		return ClockNone
	}
	if oh, om := two(v, 1), two(v, len(v)-2); oh < 0 || oh > 23 || om < 0 || om > 59 {
		return ClockNone
	}
	return ClockZoned
}

// IsHTTPDate checks IMF-fixdate (RFC 9110, 5.6.7): Sun, 06 Nov 1994 08:49:37 GMT.
func IsHTTPDate(v []byte) bool {
	return len(v) == 29 && v[3] == ',' && v[4] == ' ' && v[7] == ' ' && v[11] == ' ' && v[16] == ' ' &&
		v[25] == ' ' && v[26] == 'G' && v[27] == 'M' && v[28] == 'T' &&
		two(v, 5) > 0 && isYear(v[12:16]) && clock(v[17:25]) == ClockLocal &&
		IsAlpha(v[0]) && IsAlpha(v[1]) && IsAlpha(v[2]) && IsAlpha(v[8]) && IsAlpha(v[9]) && IsAlpha(v[10])
}

// IsDuration checks ISO 8601 durations: P3Y6M4DT12H30M5S, P2W. Units come in order, each once.
func IsDuration(v []byte) bool {
	if v[0] != 'P' {
		return false
	}
	const dateUnits, timeUnits = "YMWD", "HMS"
	units, seen := dateUnits, false
	i := 1
	for i < len(v) {
		if v[i] == 'T' {
			if len(units) == 0 || units[len(units)-1] == 'S' || i+1 == len(v) {
				return false
			}
			units = timeUnits
			i++
			continue
		}
		start := i
		for i < len(v) && (IsDigit(v[i]) || v[i] == '.' && i > start) {
			i++
		}
		if i == start || i == len(v) {
			return false
		}
		k := 0
		for k < len(units) && units[k] != v[i] {
			k++
		}
		if k == len(units) {
			return false
		}
		units = units[k+1:]
		if len(units) == 0 && v[i] == 'D' {
			units = " " // the date part is used up, T may still follow
		}
		seen = true
		i++
	}
	return seen
}
