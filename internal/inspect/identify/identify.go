// Package identify: Who and what: fingerprint, network, session, claimed principal, endpoint by the compiled matcher.
//
// It reads what an exchange says of itself and proves nothing: whoever is named is claimed. Only the upstream's answer
// raises that (Identifier.Response), and later the access stage, which checks signatures. Credentials are turned into
// keyed tokens here and nowhere else; nothing this package returns holds one.
package identify

import (
	"net/netip"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/identity"
)

// Options is what an Identifier of one site is made from.
type Options struct {
	// Key is the site's learning key; every token is made with it.
	Key dataclass.Key
	// TrustedHops is how many proxies in front of this one append to X-Forwarded-For and are believed; 0 believes nobody.
	// Where no X-Forwarded-For came, Forwarded (RFC 7239) is read in the same way. A hop that writes only Forwarded must take
	// away the X-Forwarded-For that a client sends, or the client's counts.
	TrustedHops int
	// Place tells where an address belongs; nil means nothing is known.
	Place func(netip.Addr) (identity.Place, bool)
	// KeyHeaders, KeyParams and SessionCookies are names beyond the usual ones, in lower case.
	KeyHeaders, KeyParams, SessionCookies []string
	// Memory remembers sessions across exchanges and across configurations; it is shared by all sites, whose keys keep
	// their tokens apart.
	Memory *Memory
}

// Identifier identifies the exchanges of one site. It is immutable and safe for concurrent use.
type Identifier struct {
	o    Options
	salt uint64 // of this site in the memory
}

// New makes an Identifier.
func New(o Options) *Identifier {
	return &Identifier{o: o, salt: o.Key.Token([]byte("identify memory"))}
}

// Who is what an exchange says of its caller, as far as it is settled.
type Who struct {
	Credentials identity.Credentials
	Principal   identity.Principal
	Session     identity.Session
	Actor       identity.Actor
}

// Request identifies the caller and completes x.Client with the client's own address, its place and its fingerprint. It
// does not allocate.
func (id *Identifier) Request(x *exchange.Exchange) Who {
	if x.Source.Live() && id.o.TrustedHops > 0 && x.Observed.Has(exchange.SawRequestHeaders) {
		if a, ok := forwarded(x.Request.Fields, id.o.TrustedHops); ok {
			x.Client.Addr, x.Client.Port = a, 0
		}
	}
	if id.o.Place != nil && x.Client.Addr.IsValid() && x.Client.Place == (identity.Place{}) {
		x.Client.Place, _ = id.o.Place(x.Client.Addr)
	}
	switch {
	case x.Observed.Has(exchange.SawHeaderOrder):
		x.Client.Fingerprint = fingerprint(x.Request.Fields)
	case x.Client.HTTP2 != 0:
		x.Client.Fingerprint = x.Client.HTTP2
	}
	var w Who
	if x.Observed.Has(exchange.SawCredentials) {
		id.credentials(x, &w)
	}
	if x.Client.Certificate != (identity.Certificate{}) {
		// The handshake proved it. A name that nothing proves yet, such as a bearer value's subject, gives way; its session
		// stays.
		w.Credentials = w.Credentials.With(identity.MTLS)
		w.Principal = identity.Principal{
			Token: id.o.Key.Token(x.Client.Certificate[:]), Strength: identity.Verified, Carrier: identity.MTLS,
		}
	}
	if w.Session.Token != 0 && id.o.Memory != nil {
		w.Session.Issued = id.o.Memory.Has(w.Session.Token)
	}
	w.settle(x)
	return w
}

// Response settles the caller once the answer is there. enforced says that the endpoint is known to answer only callers
// with a credential: success there means that the upstream honoured it. The link is zero unless the answer issued a
// session or credential. x.Leaves must hold the response's leaves.
func (id *Identifier) Response(x *exchange.Exchange, w *Who, enforced bool) event.Link {
	if x.Status < 200 || x.Status >= 300 {
		if x.Status < 300 || x.Status >= 400 { // logins of browsers answer with a redirect
			return event.Link{}
		}
	} else if enforced {
		if w.Principal.Token != 0 && w.Principal.Strength < identity.Accepted {
			w.Principal.Strength = identity.Accepted
		}
		if w.Session.Token != 0 {
			w.Session.Issued = true
			if id.o.Memory != nil {
				id.o.Memory.Add(w.Session.Token)
			}
		}
		w.settle(x)
	}
	token := id.issued(x, w.Session.Token)
	if token == 0 {
		return event.Link{}
	}
	if id.o.Memory != nil {
		id.o.Memory.Add(token)
	}
	return event.Link{Before: w.Actor, After: identity.Actor{Kind: identity.ActorSession, Token: token}}
}

func (w *Who) settle(x *exchange.Exchange) {
	w.Actor = identity.SettleActor(w.Principal, w.Session, x.Client.Fingerprint, identity.NetworkID(x.Client.Addr))
}
