package people

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// device is what a browser that somebody has signed in with keeps: it is counted by itself, so that strangers who guess at
// the same account, or from the same network, cannot keep its owner out (OWASP, device cookies).
type device struct {
	Account string
	Nonce   string
	Until   time.Time
}

// DeviceAge is how long a browser is known after it was last signed in with.
const DeviceAge = 90 * 24 * time.Hour

const maxDevice = 512

// newDevice makes the cookie of a browser; the same nonce when it was known already, so that its bucket stays.
func (a *People) newDevice(account, cookie string) (string, error) {
	d, ok := a.device(cookie, account)
	if !ok {
		nonce, err := a.secret("")
		if err != nil {
			return "", err
		}
		d = device{Account: account, Nonce: nonce[:22]}
	}
	d.Until = a.o.Now().Add(DeviceAge)
	b, err := json.Marshal(d)
	if err != nil {
		return "", err
	}
	sealed, err := a.seal("device", b)
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// device reads a browser's cookie; false unless that account was signed in with it.
func (a *People) device(cookie, account string) (d device, ok bool) {
	d, ok = a.openDevice(cookie)
	return d, ok && strings.EqualFold(d.Account, account)
}

// openDevice reads a browser's cookie; false unless somebody was signed in with it.
func (a *People) openDevice(cookie string) (d device, ok bool) {
	if cookie == "" || len(cookie) > maxDevice {
		return d, false
	}
	sealed, err := base64.RawURLEncoding.DecodeString(cookie)
	if err != nil {
		return d, false
	}
	b, ok := a.open("device", sealed)
	if !ok || json.Unmarshal(b, &d) != nil || d.Nonce == "" {
		return device{}, false
	}
	return d, a.o.Now().Before(d.Until)
}

// attempt counts an attempt at an account's door; the error says when the next one is heard. A known browser has a bucket
// of its own, everybody else shares that of the account and that of their network.
func (a *People) attempt(from Visitor, account string) (done func(), err error) {
	now := a.o.Now()
	if d, ok := a.device(from.Device, account); ok {
		if wait := a.byDevice.take(d.Nonce, now); wait > 0 {
			return nil, &ThrottledError{wait}
		}
		return func() { a.byDevice.clear(d.Nonce) }, nil
	}
	network, key := addressKey(from.Address), strings.ToLower(account)
	if wait := a.byAddress.take(network, now); wait > 0 {
		return nil, &ThrottledError{wait}
	}
	if wait := a.byAccount.take(key, now); wait > 0 {
		return nil, &ThrottledError{wait}
	}
	return func() {
		a.byAccount.clear(key)
		a.byAddress.refund(network) // many people sign in behind one address
	}, nil
}
