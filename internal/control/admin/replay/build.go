package replay

import (
	"encoding/json"
	"net/url"
	"strings"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/exchange"
	"merlon/internal/store"
)

// builder makes text of a shape.
type builder struct{ shape store.Shape }

// url is the address: the template with an example in the place of each parameter.
func (b *builder) url(e *store.Event) string {
	var segments []string
	at := func(i int) string {
		if i < len(b.shape) && b.shape[i].Part == exchange.InPath {
			return Example(&b.shape[i])
		}
		return "x"
	}
	if e.Template != "" {
		for i, s := range strings.Split(strings.TrimPrefix(e.Template, "/"), "/") {
			if open, end := strings.IndexByte(s, '{'), strings.IndexByte(s, '}'); open >= 0 && end > open {
				s = s[:open] + at(i) + s[end+1:]
			}
			segments = append(segments, s)
		}
	} else {
		for i := 0; i < len(b.shape) && b.shape[i].Part == exchange.InPath; i++ {
			segments = append(segments, at(i))
		}
	}
	for i, s := range segments {
		segments[i] = url.PathEscape(s)
	}
	out := "/" + strings.Join(segments, "/")
	if q := b.pairs(exchange.InQuery); q != "" {
		out += "?" + q
	}
	if e.Host != "" {
		out = "http://" + e.Host + out
	}
	return out
}

// pairs are the parameters of a part, as a query or a form writes them.
func (b *builder) pairs(part exchange.Part) string {
	var out []string
	for i := range b.shape {
		if p := &b.shape[i]; p.Part == part && p.Name != "" && p.Kind < exchange.KindObject {
			out = append(out, url.QueryEscape(p.Name)+"="+url.QueryEscape(Example(p)))
		}
	}
	return strings.Join(out, "&")
}

// headers are the fields that were observed, but for those that frame the message or carry credentials.
func (b *builder) headers(e *store.Event) []pair {
	out := []pair{}
	if e.UserAgent != "" {
		out = append(out, pair{"User-Agent", e.UserAgent})
	}
	for i := range b.shape {
		p := &b.shape[i]
		if p.Part != exchange.InHeader || p.Secret || p.Name == "" {
			continue
		}
		switch exchange.LookupHeader([]byte(p.Name)) {
		case exchange.HeaderHost, exchange.HeaderContentLength, exchange.HeaderTransferEncoding, exchange.HeaderUserAgent, exchange.HeaderAuthorization,
			exchange.HeaderCookie, exchange.HeaderContentEncoding, exchange.HeaderContentType:
		default:
			out = append(out, pair{p.Name, Example(p)})
		}
	}
	return out
}

// body is a body of the shape that was observed; empty where none was, or it was of a kind that is not taken apart.
func (b *builder) body(part exchange.Part, kind exchange.BodyKind) string {
	switch kind {
	case exchange.BodyForm:
		return b.pairs(part)
	case exchange.BodyJSON:
		for i := range b.shape {
			if b.shape[i].Part == part && b.shape[i].Parent < 0 {
				text, err := json.Marshal(b.value(i, 0))
				if err != nil {
					return ""
				}
				return string(text)
			}
		}
	}
	return ""
}

// maxDepth is deeper than the walk goes.
const maxDepth = 80

func (b *builder) value(at, depth int) any {
	p := &b.shape[at]
	if depth > maxDepth {
		return nil
	}
	switch p.Kind {
	case exchange.KindNull:
		return nil
	case exchange.KindBool:
		return true
	case exchange.KindInteger:
		return 1
	case exchange.KindNumber:
		return 1.5
	case exchange.KindObject:
		out := make(map[string]any)
		for i := at + 1; i < len(b.shape); i++ {
			if b.shape[i].Parent == at {
				out[b.shape[i].Name] = b.value(i, depth+1)
			}
		}
		return out
	case exchange.KindArray:
		out := []any{}
		for i := at + 1; i < len(b.shape); i++ {
			if b.shape[i].Parent == at {
				out = append(out, b.value(i, depth+1))
			}
		}
		return out
	default:
		return Example(p)
	}
}

func mime(k exchange.BodyKind) string {
	switch k {
	case exchange.BodyJSON:
		return "application/json"
	case exchange.BodyForm:
		return "application/x-www-form-urlencoded"
	default:
		return "text/plain"
	}
}

// Example is a made-up value of a place's class: never one that was seen.
func Example(p *store.Place) string {
	if p.Secret {
		return "hidden"
	}
	set := dataclass.Set(p.Classes)
	for _, one := range []struct {
		class dataclass.Class
		text  string
	}{
		{dataclass.JWT, "hidden"},
		{dataclass.CredentialKey, "hidden"},
		{dataclass.PrivateKey, "hidden"},
		{dataclass.PasswordHash, "hidden"},
		{dataclass.PAN, "card"},
		{dataclass.IBAN, "iban"},
		{dataclass.SSN, "ssn"},
		{dataclass.Email, "person@example.com"},
		{dataclass.Phone, "+1 555 0100"},
		{dataclass.UUID, "00000000-0000-4000-8000-000000000000"},
		{dataclass.DateTime, "2026-01-01T00:00:00Z"},
		{dataclass.Date, "2026-01-01"},
		{dataclass.ULID, "01JGFJJZ000000000000000000"},
		{dataclass.BoolWord, "true"},
		{dataclass.Int, "1"},
		{dataclass.Number, "1.5"},
		{dataclass.IPv4, "192.0.2.1"},
		{dataclass.IPv6, "2001:db8::1"},
		{dataclass.URI, "https://example.com/"},
		{dataclass.Hostname, "host.example.com"},
		{dataclass.PrefixedID, "id-1"},
		{dataclass.Hex, "00112233445566778899aabb"},
		{dataclass.Version, "v1"},
		{dataclass.Country, "DE"},
		{dataclass.Currency, "EUR"},
		{dataclass.Filename, "file.txt"},
		{dataclass.Text, "some words"},
	} {
		if set.Has(one.class) {
			return one.text
		}
	}
	return "x"
}
