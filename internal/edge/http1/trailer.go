package http1

import (
	"errors"

	"merlon/internal/model/exchange"
)

// trailerBytes collects the trailer section. Trailers are rare and short, so they are copied: a section split over
// several reads then needs no buffer of the caller's. It returns how many bytes of in belong to the section.
func (d *Body) trailerBytes(in []byte) (int, error) {
	for i, c := range in {
		if len(d.trailer) == d.limits.TrailerBytes {
			return i, d.fail(exchange.AnomalyTrailerTooLarge)
		}
		d.trailer = append(d.trailer, c)
		if c == '\n' && endsSection(d.trailer) {
			return i + 1, d.parseTrailers()
		}
	}
	return len(in), nil
}

// endsSection tells whether the section ends here with an empty line, by CRLF or bare LF (which the parser judges).
func endsSection(b []byte) bool {
	n := len(b)
	return n == 1 || b[n-2] == '\n' || n >= 3 && b[n-2] == '\r' && b[n-3] == '\n'
}

// trailerAllowed are the well-known fields that may stand in trailers. All others that the codec knows frame, route,
// authenticate or describe the message and would be believed too late (RFC 9110 section 6.5.1).
var trailerAllowed = mask(exchange.HeaderOther, exchange.HeaderETag)

// parseTrailers checks the collected section and keeps what may be passed on.
func (d *Body) parseTrailers() error {
	d.head.begin()
	_, err := d.head.parseFields(d.trailer, 0, d.limits.TrailerFields, d.from)
	found := d.head.Anomalies
	if found.Has(exchange.AnomalyTooManyHeaders) {
		return d.fail(exchange.AnomalyTrailerTooLarge)
	}
	d.Anomalies.Union(found)
	var reject RejectError
	switch {
	case errors.As(err, &reject):
		return d.fail(reject.Anomaly())
	case err != nil || found.Has(exchange.AnomalyBareLF):
		return d.fail(exchange.AnomalyBareLF)
	}
	for _, f := range d.head.Fields {
		if trailerAllowed&(1<<f.ID) == 0 || isForwarding(f.Name) || isDisguised(f.Name) {
			d.Anomalies.Add(exchange.AnomalyForbiddenTrailer)
			continue
		}
		d.Trailers = append(d.Trailers, f)
	}
	d.state = bodyDone
	return nil
}
