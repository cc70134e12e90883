package eventlist

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"merlon/internal/store"
	"merlon/internal/store/posting"
)

// page collects the rows of a page.
func (s *search) page() (p store.EventPage, err error) {
	g := gather{s: s, p: &p}
	if s.f.After != 0 {
		if err = s.sealed(&g, true); err == nil && !g.done {
			err = s.tail(&g, true)
		}
	} else {
		if err = s.tail(&g, false); err == nil && !g.done {
			err = s.sealed(&g, false)
		}
	}
	return p, err
}

// tail looks at the rows that are in no chunk: mostly fewer than a chunk's.
func (s *search) tail(g *gather, up bool) error {
	low, high := s.begin, int64(1<<62)
	if s.f.Before != 0 {
		high = int64(min(s.f.Before, 1<<62))
	}
	if s.f.After != 0 {
		low = max(low, int64(min(s.f.After, 1<<62))+1)
	}
	where, conditions, _ := plain(s.f)
	for !g.done && low < high {
		n := min(g.wanted(), 512)
		order := " DESC"
		if up {
			order = ""
		}
		found, err := s.load(`WHERE `+where+` AND row >= ? AND row < ? ORDER BY row`+order+` LIMIT ?`, append(slices.Clone(conditions), low, high, n)...)
		if err != nil {
			return err
		}
		for i := range found {
			if g.add(&found[i]) {
				return nil
			}
		}
		if len(found) < n {
			return nil
		}
		if last := int64(found[n-1].Row); up {
			low = last + 1
		} else {
			high = last
		}
	}
	return nil
}

// sealed looks through the chunks.
func (s *search) sealed(g *gather, up bool) error {
	for at, size := 0, firstWindow; at < len(s.chunks); size = min(2*size, lastWindow) {
		if at >= maxChunks {
			g.stop(s.chunks[at].number<<posting.Shift, time.Unix(0, s.chunks[at].last).UTC())
			return nil
		}
		window := s.chunks[at:min(at+size, len(s.chunks), maxChunks)]
		at += len(window)
		sets, err := s.window(window)
		if err != nil {
			return err
		}
		var candidates []int64
		for i, set := range sets {
			if set == nil {
				continue
			}
			order := set.Down()
			if up {
				order = set.Up()
			}
			base := window[i].number << posting.Shift
			for j := range order {
				row := base | int64(j)
				if s.f.Before != 0 && row >= int64(s.f.Before) || s.f.After != 0 && row <= int64(s.f.After) {
					continue
				}
				if candidates = append(candidates, row); len(candidates) >= g.wanted() {
					if err := s.look(g, candidates); err != nil || g.done {
						return err
					}
					candidates = candidates[:0]
				}
			}
		}
		if err := s.look(g, candidates); err != nil || g.done {
			return err
		}
	}
	return nil
}

// look reads candidates in their order.
func (s *search) look(g *gather, rows []int64) error {
	if len(rows) == 0 {
		return nil
	}
	list := make([]string, len(rows))
	for i, r := range rows {
		list[i] = strconv.FormatInt(r, 10)
	}
	found, err := s.load(`WHERE row IN (` + strings.Join(list, ",") + `) ORDER BY row`)
	if err != nil {
		return err
	}
	if s.f.After == 0 {
		slices.Reverse(found)
	}
	for i := range found {
		if g.add(&found[i]) {
			return nil
		}
	}
	return nil
}

// gather fills a page.
type gather struct {
	s      *search
	p      *store.EventPage
	looked int
	done   bool
}

// wanted is how many candidates are read at a time.
func (g *gather) wanted() int { return min(g.s.f.Limit-len(g.p.Events)+1, 500) }

// add takes a row that is selected, and reports whether the page is done: one more than fits tells that there is more.
func (g *gather) add(e *store.Event) bool {
	g.looked++
	if g.s.f.Match(e) {
		if len(g.p.Events) == g.s.f.Limit {
			g.p.More, g.done = true, true
			return true
		}
		g.p.Events = append(g.p.Events, *e)
	}
	g.p.Next = e.Row
	if g.looked >= maxLooked && len(g.p.Events) < g.s.f.Limit {
		g.stop(int64(e.Row), e.Time)
	}
	return g.done
}

// stop gives up for now.
func (g *gather) stop(row int64, at time.Time) {
	g.p.More, g.p.Next, g.p.Searched, g.done = true, uint64(row), at, true
}
