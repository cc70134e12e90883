package ui

// Duration is a choice of how long a block holds.
type Duration struct{ Key, Text string }

// Durations are the choices of how long a block holds.
func Durations() []Duration {
	return []Duration{{"1h", "1 hour"}, {"24h", "1 day"}, {"168h", "7 days"}, {"720h", "30 days"}, {"", "Until removed"}}
}
