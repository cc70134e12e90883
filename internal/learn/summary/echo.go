package summary

import (
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// maxListened is how many scalars of an answer are compared with the path.
const maxListened = 256

// listen counts which literals of the path the answer names as values: GET /users/octocat is answered with
// {"login":"octocat"}, while GET /users/search is not answered with "search".
func (l *Leaf) listen(e *event.Event) {
	all := e.Observations
	from := len(all)
	for from > 0 && all[from-1].Part == exchange.InResponseBody {
		from--
	}
	answer := all[from:min(len(all), from+maxListened)]
	if len(answer) == 0 {
		return
	}
	for i := range l.Segments {
		s := &l.Segments[i]
		if s.Kind != Literal || i >= from || all[i].Part != exchange.InPath || all[i].Token == 0 {
			continue
		}
		token := all[i].Token
		for k := range answer {
			if answer[k].Token == token && !discriminator(e.Bytes(answer[k].Name)) {
				s.Echo = addSat(s.Echo, 1)
				break
			}
		}
	}
}

// discriminator tells names of members that say what kind of thing an object is: their values are words of the API, as in
// {"object":"account"} of GET /account. Elements of arrays have no name and are often lists of such words.
func discriminator(name []byte) bool {
	switch string(name) {
	case "", "object", "type", "kind", "resource", "category", "class", "status", "state", "action", "event", "method", "scope", "_type", "@type":
		return true
	}
	return false
}
