// Package conformance proves, before real servers, that the proxy and what stands behind it read every message alike.
//
// Raw bytes are sent through the proxy to nginx, HAProxy, Apache, Caddy, Node and net/http, each of which writes down every
// request that it understood. For each connection three accounts are compared: the events, the answers the client got, and
// the server's own list. They must tell of the same requests, in the same order, with the same sizes; then nothing that
// stood inside another message has become a request of its own, whatever the server thinks of the bytes.
package conformance
