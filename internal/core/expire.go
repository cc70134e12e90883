package core

import (
	"time"

	"merlon/internal/enforce/policy"
)

// ExpiredExceptions counts the exceptions in force at now whose time is over: somebody should remove or renew them.
func (k *Core) ExpiredExceptions(now time.Time) int {
	n := 0
	for _, s := range k.force.Load().merged.Sites {
		n += len(policy.Expired(&s.Policy, now))
	}
	return n
}

// tellExpired writes a record for each exception that has expired after the one time and by the other. Those that had
// expired when they were read were told then.
func (k *Core) tellExpired(after, by time.Time) {
	for _, s := range k.force.Load().merged.Sites {
		for _, e := range policy.Expiries(&s.Policy) {
			if e.Until.After(after) && !e.Until.After(by) {
				k.log.Warn("an exception has expired", "site", s.Name, "file", e.Source, "line", e.Line, "column", e.Column, "where", e.Key, "notice", e.Message, "right", e.Hint)
			}
		}
	}
}
