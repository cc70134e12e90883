package people

import (
	"net/url"
	"slices"
	"strings"

	"merlon/internal/model/account"
)

// place is a page of the room.
type place struct {
	Href, Text string
	Needs      account.Permission
}

func places() []place {
	return []place{
		{"/account", "Your account", account.Self},
		{"/people", "People", account.SeePeople},
		{"/people/sessions", "Sessions", account.SeePeople},
		{"/people/roles", "Roles", account.SignedIn},
		{"/tokens", "API tokens", account.EditTokens},
		{"/audit", "Audit log", account.SeeAudit},
		{"/settings", "Settings", account.SeeSettings},
	}
}

// nouns are what the audit log tells of: the first words of its actions.
func nouns() []string {
	return []string{"account", "session", "codes", "passkey", "token", "setup", "endpoint", "view", "standing", "policy"}
}

func has(all []string, s string) bool { return slices.Contains(all, s) }

func query(key, value string) url.Values { return url.Values{key: {value}} }

// browser is what people call a browser, out of its User-Agent; a text that says nothing known is shown as it is, cut.
func browser(agent string) string {
	name := ""
	for _, known := range [][2]string{
		{"Edg/", "Edge"},
		{"OPR/", "Opera"},
		{"Firefox/", "Firefox"},
		{"FxiOS/", "Firefox"},
		{"CriOS/", "Chrome"},
		{"HeadlessChrome/", "Chrome"},
		{"Chrome/", "Chrome"},
		{"Safari/", "Safari"},
		{"curl/", "curl"},
	} {
		if strings.Contains(agent, known[0]) {
			name = known[1]
			break
		}
	}
	for _, known := range [][2]string{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"},
	} {
		if name != "" && strings.Contains(agent, known[0]) {
			return name + " on " + known[1]
		}
	}
	switch {
	case name != "":
		return name
	case agent == "":
		return "no name given"
	}
	if r := []rune(agent); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return agent
}
