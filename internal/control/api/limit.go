package api

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"

	"merlon/internal/control/admin"
	"merlon/internal/control/api/quota"
)

// spend takes an operation's cost from who asks, and says what is left (draft-ietf-httpapi-ratelimit-headers-10).
func (s *server) spend(w http.ResponseWriter, a *ask, cost int) error {
	left, wait := s.buckets.Take(callerKey(a), cost, s.Admin.Now())
	reset := (quota.Burst - left + quota.PerSecond - 1) / quota.PerSecond
	w.Header().Set("RateLimit-Policy", fmt.Sprintf(`"default";q=%d;w=%d`, quota.Burst, quota.Burst/quota.PerSecond))
	w.Header().Set("RateLimit", fmt.Sprintf(`"default";r=%d;t=%d`, left, reset))
	if wait > 0 {
		return &admin.ThrottledError{Wait: wait}
	}
	return nil
}

// callerKey is what tells callers apart. Accounts and tokens may have the same name, and so may two tokens.
func callerKey(a *ask) string {
	switch {
	case !a.caller.SignedIn():
		return "address " + admin.ClientAddress(a.Request)
	case a.caller.Machine:
		sum := sha256.Sum256([]byte(a.Header.Get("Authorization")))
		return "token " + a.caller.Name + " " + hex.EncodeToString(sum[:8])
	default:
		return "account " + a.caller.Name
	}
}
