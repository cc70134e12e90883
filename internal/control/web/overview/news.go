package overview

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/estate"
	"merlon/internal/control/web/ui"
	"merlon/internal/model/account"
	"merlon/internal/model/finding"
)

// news is what changed since somebody last looked.
type news struct {
	Since   time.Time
	Marked  bool // they said so; otherwise the last day stands for it
	CanMark bool
	Changes estate.Changes
	Counts  []newsCount
	At      string // of this page, for the button
}

// newsCount is one thing that happened so many times.
type newsCount struct {
	Icon, Text, Href string
	N                int
	Warn             bool
}

// newsShown is how many changed endpoints are listed.
const newsShown = 5

func (s *room) news(ctx context.Context, p *ui.Page) (*news, error) {
	c := p.Caller
	n := &news{CanMark: c.Need(account.Self) == nil, At: strconv.FormatInt(p.Now.UnixNano(), 10)}
	var err error
	if n.Since, n.Marked, err = s.Admin.Looked(ctx, c); err != nil {
		return nil, err
	}
	if n.Changes, err = s.Admin.Changes(ctx, c, n.Since, newsShown); err != nil {
		return nil, err
	}
	add := func(count int, icon, one, many, href string, warn bool) {
		if count > 0 {
			if count != 1 {
				one = many
			}
			n.Counts = append(n.Counts, newsCount{Icon: icon, Text: one, N: count, Href: href, Warn: warn})
		}
	}
	ch := &n.Changes
	add(ch.New, "new", "new endpoint", "new endpoints", "/inventory?sort=first_seen", false)
	add(ch.Confirmed, "check", "confirmed", "confirmed", "/inventory?state=confirmed&sort=first_seen", false)
	add(ch.Changed, "edit", "changed", "changed", "/inventory?lifecycle=changed", false)
	add(ch.Risky, "alert", "of these carries a risk", "of these carry a risk", "/inventory?sort=risk&risk=20", true)
	if c.May(account.SeeEvents) {
		if err := s.eventNews(ctx, c, n, add); err != nil {
			return nil, err
		}
	}
	if c.May(account.SeeStanding) {
		all, err := s.Admin.Standing(ctx, c)
		if err != nil {
			return nil, err
		}
		blocks := 0
		for i := range all {
			if all[i].At.After(n.Since) {
				blocks++
			}
		}
		add(blocks, "lock", "block set by people", "blocks set by people", "/blocks", false)
	}
	return n, nil
}

func (s *room) eventNews(ctx context.Context, c admin.Caller, n *news, add func(int, string, string, string, string, bool)) error {
	from := url.Values{"since": {n.Since.UTC().Format(time.RFC3339)}}
	q := admin.EventQuery{From: n.Since, To: s.Admin.Now(), MinSeverity: finding.High}
	found, err := s.Admin.EventHistogram(ctx, c, q, 1)
	if err != nil {
		return err
	}
	from.Set("severity", "high")
	add(found.Total, "flag", "request with a grave finding", "requests with grave findings", "/activity?"+from.Encode(), true)
	q.MinSeverity, q.Action = 0, "block"
	if found, err = s.Admin.EventHistogram(ctx, c, q, 1); err != nil {
		return err
	}
	from.Del("severity")
	from.Set("action", "block")
	add(found.Total, "block", "request blocked", "requests blocked", "/activity?"+from.Encode(), false)
	return nil
}
