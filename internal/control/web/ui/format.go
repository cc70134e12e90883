package ui

import (
	"math"
	"strconv"
	"strings"
	"time"

	"merlon/internal/model/finding"
)

// Count prints a count with thin groups: 12 345 678.
func Count(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// Short prints a count in three digits: 1.2k, 34M.
func Short(n uint64) string {
	if n < 1000 {
		return strconv.FormatUint(n, 10)
	}
	x, unit := float64(n), ""
	for _, unit = range []string{"k", "M", "G", "T", "P", "E"} {
		if x /= 1000; x < 999.5 {
			break
		}
	}
	if x < 9.95 {
		return strconv.FormatFloat(x, 'f', 1, 64) + unit
	}
	return strconv.FormatFloat(x, 'f', 0, 64) + unit
}

// Bytes prints bytes in units of 1024.
func Bytes(n float64) string {
	if n < 1024 {
		return strconv.FormatFloat(math.Round(n), 'f', 0, 64) + " B"
	}
	unit := ""
	for _, unit = range []string{"KiB", "MiB", "GiB", "TiB"} {
		if n /= 1024; n < 1023.5 {
			break
		}
	}
	return Trimmed(n) + " " + unit
}

// Millis prints a latency given in milliseconds.
func Millis(ms float64) string {
	switch {
	case ms == 0:
		return "–"
	case ms < 1:
		return Trimmed(ms*1000) + " µs"
	case ms < 1000:
		return Trimmed(ms) + " ms"
	default:
		return Trimmed(ms/1000) + " s"
	}
}

// Trimmed keeps three digits.
func Trimmed(x float64) string {
	if x < 10 {
		return strings.TrimSuffix(strings.TrimSuffix(strconv.FormatFloat(x, 'f', 2, 64), "0"), ".0")
	}
	if x < 100 {
		return strings.TrimSuffix(strconv.FormatFloat(x, 'f', 1, 64), ".0")
	}
	return strconv.FormatFloat(x, 'f', 0, 64)
}

// Percent prints a share; what is not quite all is never printed as all.
func Percent(share float64) string {
	p := share * 100
	if share < 1 && p > 99.99 {
		p = 99.99
	}
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(p, 'f', 2, 64), "0"), ".") + " %"
}

// Moment is a time as machines read it.
func Moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Stamp is a time as people read it, to the second.
func Stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04:05") + " UTC"
}

// Ago says how long before now t was, roughly.
func Ago(t, now time.Time) string {
	d := now.Sub(t)
	switch {
	case t.IsZero():
		return "never"
	case d < -time.Minute:
		return "ahead"
	case d < 5*time.Second:
		return "now"
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s ago"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min ago"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h ago"
	default:
		return strconv.Itoa(int(d.Hours()/24)) + " d ago"
	}
}

// Remaining says how long after now t is.
func Remaining(t, now time.Time) string {
	d := t.Sub(now)
	switch {
	case t.IsZero():
		return "until removed"
	case d < time.Minute:
		return "under a minute left"
	case d < 2*time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min left"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h left"
	default:
		return strconv.Itoa(int(d.Hours()/24)) + " d left"
	}
}

// MethodClass is the style of a method's badge.
func MethodClass(method string) string {
	switch method {
	case "GET", "HEAD":
		return "m-get"
	case "POST":
		return "m-post"
	case "PUT", "PATCH":
		return "m-put"
	case "DELETE":
		return "m-delete"
	default:
		return "m-other"
	}
}

// RiskClass sorts a score of 0..100 into the four severities.
func RiskClass(score float64) string {
	switch {
	case score >= 70:
		return finding.Critical.String()
	case score >= 40:
		return finding.High.String()
	case score >= 20:
		return finding.Medium.String()
	case score > 0:
		return finding.Low.String()
	default:
		return "none"
	}
}

// rank is how many of four pips a severity has.
func rank(word string) int {
	s, ok := finding.ParseSeverity(word)
	if !ok {
		return 0
	}
	return int(s)
}

// Score prints a score of 0..100.
func Score(x float64) string { return strconv.FormatFloat(math.Round(x), 'f', 0, 64) }

// StatusClass is the style of a status: s2, s3, s4, s5.
func StatusClass(status int) string {
	if status < 100 || status > 599 {
		return "s0"
	}
	return "s" + strconv.Itoa(status/100)
}

// Piece is a part of a template: literal text, or a parameter.
type Piece struct {
	Text  string
	Param bool
}

// Pieces takes a template apart, so that its parameters can be shown in another colour.
func Pieces(template string) (out []Piece) {
	for template != "" {
		i := strings.IndexByte(template, '{')
		j := strings.IndexByte(template[max(i, 0):], '}') + max(i, 0)
		if i < 0 || j <= i {
			return append(out, Piece{template, false})
		}
		if i > 0 {
			out = append(out, Piece{template[:i], false})
		}
		out = append(out, Piece{template[i : j+1], true})
		template = template[j+1:]
	}
	return out
}

// Plural is a count with its word: 1 endpoint, 2 endpoints.
func Plural[N ~int | ~int64 | ~uint64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Count(uint64(max(n, 0))) + " " + many
}
