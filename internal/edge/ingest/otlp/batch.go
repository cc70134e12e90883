package otlp

import (
	"bytes"
	"slices"

	"github.com/klauspost/compress/gzip"

	"merlon/internal/edge/ingest/jsonscan"
	"merlon/internal/edge/ingest/record"
	"merlon/internal/model/exchange"
)

// batch is one request's body on its way. It is kept between requests.
//
// A body is read twice: first only to see that all of it is well-formed, because a sender does not repeat what was refused
// as malformed, and half of it must not have been learned; and to know what each resource says of itself, which may stand
// behind its records.
type batch struct {
	r       *Receiver
	body    []byte
	unzip   *gzip.Reader
	scan    jsonscan.Scanner
	values  []value // scratch of jsonAttributes
	what    signal
	dry     bool // the first reading
	arrived int64
	names   []string // of the engine's sites
	origins []origin
	at      int // the resource being read
	record  entry
	tally   tally

	agent    []byte // the name of the field
	target   record.Target
	scratch  []byte // of a target that is put together
	rejected int64
	why      string
}

// origin is what a resource says of where its records belong.
type origin struct{ site, service string }

// tally counts a batch.
type tally struct{ records, exchanges, clients, others, vague int64 }

func (b *batch) begin(arrived int64, what signal) {
	b.arrived, b.what = arrived, what
	b.tally, b.rejected, b.why = tally{}, 0, ""
	b.origins = b.origins[:0]
	b.names = b.r.o.Engine.Snapshot().Sites()
}

// decode reads the body and reports whether it is well-formed.
func (b *batch) decode(f form, dry bool) bool {
	b.dry, b.at = dry, -1
	if f == json {
		return b.fromJSON()
	}
	return b.fromProtobuf()
}

// release keeps the batch for another request.
func (b *batch) release() {
	if cap(b.body) > keptBody {
		b.body = nil
	}
	if cap(b.scan.Arena) > keptBody {
		b.scan.Arena = nil
	}
	b.scan.Reset(nil)
	b.r.pool.Put(b)
}

// enter begins a resource; false passes over it.
func (b *batch) enter() bool {
	b.at++
	if b.dry && b.at < maxResources {
		b.origins = append(b.origins, origin{})
	}
	return b.at < maxResources
}

// about takes an attribute of the resource.
func (b *batch) about(key []byte, v value) {
	if !b.dry || v.kind != valueText {
		return
	}
	o := &b.origins[b.at]
	switch string(key) {
	case "merlon.site":
		o.site = b.siteNamed(v.text)
	case "service.name":
		o.service = b.siteNamed(v.text)
	}
}

// siteNamed is the engine's site of that name, "" for none.
func (b *batch) siteNamed(name []byte) string {
	if i := slices.IndexFunc(b.names, func(s string) bool { return s == string(name) }); i >= 0 {
		return b.names[i]
	}
	return ""
}

// site is the site that takes the records of the resource being read, "" for the one that has the host.
func (b *batch) site() string {
	switch o := &b.origins[b.at]; {
	case b.r.o.Site != "":
		return b.r.o.Site
	case o.site != "":
		return o.site
	default:
		return o.service
	}
}

// take takes the record that was read.
func (b *batch) take() {
	if b.dry {
		return
	}
	b.tally.records++
	r := &b.record
	switch {
	case b.tally.records > b.r.records:
		b.reject("more records than one request may have")
	case r.kind == kindClient || r.kind == kindProducer:
		if r.text(slotMethod) != nil {
			b.tally.clients++
		} else {
			b.tally.others++
		}
	case r.kind != kindServer && r.kind != kindLog || r.text(slotMethod) == nil:
		b.tally.others++
	default:
		b.judge(r)
	}
}

// reject counts a damaged record; senders are told of the first reason.
func (b *batch) reject(why string) {
	if b.rejected++; b.why == "" {
		b.why = why
	}
}

// count adds the batch to what the receiver counted.
func (b *batch) count() {
	c, t := &b.r.counts, &b.tally
	c.records.Add(t.records)
	c.exchanges.Add(t.exchanges)
	c.clients.Add(t.clients)
	c.others.Add(t.others)
	c.vague.Add(t.vague)
	c.rejected.Add(b.rejected)
	if t.vague > 0 && !b.r.vague.Swap(true) {
		b.r.o.Log.Warn("HTTP server spans come without url.path or http.target; nothing can be learned from those", "records", t.vague)
	}
}

// path is the path and query of a record, put together when they come apart; nil when it has none.
func (b *batch) path(r *entry) []byte {
	t := r.text(slotPath)
	switch {
	case len(t) > 0 && len(r.text(slotQuery)) > 0:
		b.scratch = append(append(append(b.scratch[:0], t...), '?'), r.text(slotQuery)...)
		t = b.scratch
	case len(t) > 0:
	case len(r.text(slotTarget)) > 0:
		t = r.text(slotTarget)
	default:
		_, rest, ok := bytes.Cut(r.text(slotURL), []byte("://"))
		if !ok {
			return nil
		}
		k := bytes.IndexAny(rest, "/?#")
		if k < 0 || rest[k] != '/' {
			b.scratch = append(b.scratch[:0], '/')
			if k >= 0 && rest[k] == '?' {
				b.scratch = append(b.scratch, rest[k:]...)
			}
			return b.scratch
		}
		t = rest[k:]
	}
	if k := bytes.IndexByte(t, '#'); k >= 0 {
		t = t[:k] // a URL as a browser has it; fragments are not sent
	}
	return t
}

// host is the host of a record without port; nil when it has none.
func (r *entry) host() []byte {
	if v := r.text(slotHost); len(v) > 0 {
		return record.HostOnly(v)
	}
	for _, h := range r.request {
		if exchange.LookupHeader(h.name) == exchange.HeaderHost {
			return record.HostOnly(h.value)
		}
	}
	if _, rest, ok := bytes.Cut(r.text(slotURL), []byte("://")); ok {
		if k := bytes.IndexAny(rest, "/?#"); k >= 0 {
			rest = rest[:k]
		}
		return record.HostOnly(rest)
	}
	return nil
}
