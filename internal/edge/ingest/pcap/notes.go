package pcap

import "fmt"

// Notes says, for people, what a capture holds that is not read, or not whole.
func (s Stats) Notes() (notes []string) {
	add := func(n int64, one, many string) {
		if n == 1 {
			notes = append(notes, "1 "+one)
		} else if n > 1 {
			notes = append(notes, fmt.Sprintf("%d %s", n, many))
		}
	}
	const behind = "capture behind the proxy that ends TLS"
	add(s.TLS, fmt.Sprintf("TLS connection (%d bytes) was not looked into: %s", s.TLSBytes, behind),
		fmt.Sprintf("TLS connections (%d bytes) were not looked into: %s", s.TLSBytes, behind))
	add(s.Switched, "connection became a WebSocket or a tunnel, of which only the beginning was read",
		"connections became WebSockets or tunnels, of which only the beginning was read")
	add(s.Fragments, "IP fragment was passed over", "IP fragments were passed over")
	add(s.Gaps, "stretch of bytes is missing in the capture", "stretches of bytes are missing in the capture (tcpdump -s 0 -B 16384 loses less)")
	add(s.Differing, "retransmission says something else than what was sent first, which counts: an evasion, or damage",
		"retransmissions say something else than what was sent first, which counts: evasions, or damage")
	add(s.Unanswered, "request has no answer in the capture", "requests have no answer in the capture")
	add(s.Orphans, "answer has no request in the capture", "answers have no request in the capture")
	add(s.Cut, "request was captured in part", "requests were captured in part")
	add(s.Evicted, "connection was given up for want of memory", "connections were given up for want of memory")
	return notes
}
