// Package traffic is labelled traffic: honest clients of several kinds and attackers, driven against an API in event time or live,
// and recorded calls turned into exchange lines.
//
// One generator (flows of sessions) has two drives. Generate drives an http.Handler in process on a fake clock and yields exchange
// lines; the same options yield the same bytes. Live drives a loopback address over TCP, behind PROXY protocol headers.
package traffic

import "merlon/internal/lab/traffic/entry"

// What is driven is written down as entries.
type (
	Entry    = entry.Entry
	Header   = entry.Header
	Request  = entry.Request
	Response = entry.Response
	Client   = entry.Client
	Label    = entry.Label
)

// Benign is the kind of honest traffic.
const Benign = entry.Benign

// header returns the value of the first field with that name, in any casing.
func header(hs []Header, name string) string { return entry.Value(hs, name) }
