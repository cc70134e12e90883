package store

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"merlon/internal/model/identity"
)

// EventFilter selects events. Zero fields select everything.
type EventFilter struct {
	Site, Node, Source, Method, Host      string
	Action, Would, Mode, Rule, Finding    string
	Actor, Principal, Strength            string
	Country, Fingerprint, JA4, HTTP2, RPC string
	// Address is one address, or a network as a prefix such as 192.0.2.0/24.
	Address string
	// Template and UserAgent are parts of them, in either case of letters.
	Template, UserAgent string
	Endpoint            identity.EndpointID
	// Unmatched selects events that no endpoint took.
	Unmatched bool
	ASN       uint32
	// Status is a status, or its class as its first digit: 5 for every 5xx.
	Status      int
	MinSeverity int
	MinLatency  time.Duration
	// Notable leaves the sample of ordinary events out.
	Notable  bool
	From, To time.Time // event time; To is exclusive

	// Before and After are rows: lists run downwards from Before, upwards from After.
	Before, After uint64
	// Limit is at most MaxEventsPage, which is also the default.
	Limit int
}

// MaxEventsPage is the longest page of events.
const MaxEventsPage = 500

// EventPage is a piece of the event list.
type EventPage struct {
	// Events run from the latest down; with EventFilter.After from the first after it up.
	Events []Event
	// More tells that there may be more in the direction of the list, behind Next, a row to go on from; where the search gave
	// up for now without having filled the page, Searched is the time down to which (or up to which) it has looked.
	More     bool
	Next     uint64
	Searched time.Time
}

// EventHistogram counts events over time.
type EventHistogram struct {
	From time.Time
	Step time.Duration
	// Events and Refused are counts by step: all that match, and those of them that were blocked.
	Events, Refused []int
	Total           int
	// Approximate tells that a condition could only be counted roughly.
	Approximate bool
	// Since, unless zero, is the time down to which was counted: beyond it there is more than can be counted at a time.
	Since time.Time
}

// Match tells whether e is selected, its place in the list aside.
func (f *EventFilter) Match(e *Event) bool {
	for _, t := range [...][2]string{
		{f.Site, e.Site},
		{f.Node, e.Node},
		{f.Source, e.Source},
		{f.Method, e.Method},
		{f.Host, e.Host},
		{f.Action, e.Action},
		{f.Would, e.Would},
		{f.Mode, e.Mode},
		{f.Rule, e.Rule},
		{f.Actor, e.Actor},
		{f.Principal, e.Principal},
		{f.Strength, e.Strength},
		{f.Country, e.Country},
		{f.Fingerprint, e.Fingerprint},
		{f.JA4, e.JA4},
		{f.HTTP2, e.HTTP2},
	} {
		if t[0] != "" && t[0] != t[1] {
			return false
		}
	}
	switch {
	case f.RPC != "" && f.RPC != e.RPC && f.RPC != rpcProtocol(e.RPC),
		f.Endpoint != 0 && f.Endpoint != e.Endpoint,
		f.Unmatched && e.Template != "",
		f.ASN != 0 && f.ASN != e.ASN,
		f.Status >= 100 && f.Status != e.Status,
		f.Status > 0 && f.Status < 100 && f.Status != e.Status/100,
		f.MinSeverity > e.Severity,
		f.MinLatency > 0 && e.LatencyMicros < f.MinLatency.Microseconds(),
		f.Notable && !e.Notable,
		!f.From.IsZero() && e.Time.Before(f.From),
		!f.To.IsZero() && !e.Time.Before(f.To):
		return false
	}
	if f.Finding != "" && !slices.Contains(e.FindingIDs, f.Finding) {
		return false
	}
	return f.matchAddress(e.Address) && contains(e.Template, f.Template) && contains(e.UserAgent, f.UserAgent)
}

func (f *EventFilter) matchAddress(address string) bool {
	if f.Address == "" || f.Address == address {
		return true
	}
	p, ok := f.Network()
	if !ok {
		return false
	}
	a, err := netip.ParseAddr(address)
	return err == nil && p.Contains(a.Unmap())
}

// Network is Address as a prefix; false when it is none.
func (f *EventFilter) Network() (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(f.Address); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), true
	}
	p, err := netip.ParsePrefix(f.Address)
	return p.Masked(), err == nil
}

// contains looks for a part of a text in either case of letters.
func contains(text, part string) bool {
	return part == "" || strings.Contains(strings.ToLower(text), strings.ToLower(part))
}

// rpcProtocol is the first word of a call: "grpc" of "grpc 7".
func rpcProtocol(rpc string) string {
	protocol, _, _ := strings.Cut(rpc, " ")
	return protocol
}
