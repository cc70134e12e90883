package ui

import (
	"time"
)

// Span is a stretch of time that charts show.
type Span struct {
	Key, Text string
	Length    time.Duration
	Step      time.Duration
}

// Spans are the stretches that charts offer, the shortest first.
func Spans() []Span {
	return []Span{
		{"1h", "1 hour", time.Hour, time.Minute}, {"24h", "24 hours", 24 * time.Hour, 10 * time.Minute}, {"7d", "7 days", 7 * 24 * time.Hour, time.Hour},
	}
}

// SpanOf finds a span by its key; the shortest when nobody said which.
func SpanOf(key string) Span {
	all := Spans()
	for _, s := range all {
		if s.Key == key {
			return s
		}
	}
	return all[0]
}
