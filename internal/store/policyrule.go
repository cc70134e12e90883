package store

import "time"

// PolicyRule is an entry of policy that people made in the console.
type PolicyRule struct {
	ID   string // never given twice
	Site string // "" for every site
	// Position orders the entries; equal ones go by id.
	Position int64
	// Text is the YAML of the one entry.
	Text string
	// By made or changed it last, At that time, and Why that reason.
	By      string
	At      time.Time
	Enabled bool
	Why     string
}
