// Package distill: Merged summaries in, Knowledge, inventory and risks out; deterministic; the poisoning gate stands here.
//
// Distill is a function: equal inputs give equal outputs, on whatever node and in whatever order the summary was merged.
// Nothing in a summary is believed by itself; a claim passes the gate by who supports it, judged anew each time with
// what is known of the supporters by then.
package distill

import (
	"maps"
	"slices"
	"time"

	"merlon/internal/learn/summary"
	"merlon/internal/model/bundle"
	"merlon/internal/model/description"
	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

// Input is what one distillation of one site reads. Nothing in it is changed.
type Input struct {
	// State is the merged summary of the site.
	State *summary.State
	// Descriptions are the uploaded contracts; they come before anything learned.
	Descriptions []*description.Description
	// Previous is the inventory of the last distillation, all sites; nil for the first. It holds the birth ids.
	Previous *inventory.Inventory
	// Knowledge is what was published last; its version is counted on.
	Knowledge bundle.Knowledge
	// Flagged tells actors whose support does not count; nil flags nobody.
	Flagged func(identity.Actor) bool
	// Owners and the like of people are carried over from Previous.
}

// Output is what one distillation of one site gives.
type Output struct {
	Site inventory.Site
	// Aliases and NextID replace those of the inventory.
	Aliases map[identity.EndpointID]identity.EndpointID
	NextID  identity.EndpointID
	// Knowledge has the version of Input.Knowledge when nothing the hot path reads has changed, the next one otherwise.
	Knowledge bundle.Knowledge
	// Postures are the findings about endpoints, by endpoint and id.
	Postures []finding.Posture
}

// MaxPublishedCandidates is how many candidates the hot path is told of, the oldest first. What it knows is accumulated with
// full detail, so one caller who gets a success on ever new paths must not be able to fill it; the inventory lists the
// others all the same, and a confirmed endpoint is always published.
const MaxPublishedCandidates = 4_096

// Distill works out what one site is.
func Distill(in Input) Output {
	d := &distiller{in: in, judge: newJudge(in), at: time.Unix(0, in.State.Seen.Last).UTC()}
	d.described = indexDescriptions(in.Descriptions)
	d.catchAll = findCatchAll(in.State)
	d.previous, d.aliases, d.next = previousSite(in)
	drafts := d.draft()
	d.name(drafts)
	ids := d.birth(drafts)

	candidates := 0
	out := Output{Site: inventory.Site{Name: in.State.Site, Endpoints: []inventory.Endpoint{}, CatchAll: d.catchAll.hosts()}}
	for _, i := range ids.order {
		v := d.view(drafts[i], ids.of[i])
		e := v.endpoint()
		out.Site.Endpoints = append(out.Site.Endpoints, e)
		out.Postures = append(out.Postures, v.postures...)
		if v.state == inventory.Candidate && drafts[i].operation == nil {
			if candidates++; candidates > MaxPublishedCandidates {
				continue
			}
		}
		out.Knowledge.Endpoints = append(out.Knowledge.Endpoints, v.known())
	}
	out.Aliases, out.NextID = d.aliases, d.next
	out.Knowledge.Site, out.Knowledge.CatchAll = in.State.Site, out.Site.CatchAll
	out.Knowledge.Version = in.Knowledge.Version
	if d := Diff(in.Knowledge, out.Knowledge); len(d.Set)+len(d.Removed) > 0 || in.Knowledge.Version == 0 ||
		!slices.Equal(in.Knowledge.CatchAll, out.Knowledge.CatchAll) {
		out.Knowledge.Version++
	}
	return out
}

// distiller is one run.
type distiller struct {
	in        Input
	at        time.Time // event time of the newest evidence
	judge     *judge
	described *described
	catchAll  catchAll
	previous  []inventory.Endpoint // of this site
	aliases   map[identity.EndpointID]identity.EndpointID
	next      identity.EndpointID
}

func previousSite(in Input) (eps []inventory.Endpoint, aliases map[identity.EndpointID]identity.EndpointID, next identity.EndpointID) {
	aliases, next = map[identity.EndpointID]identity.EndpointID{}, 1
	if in.Previous == nil {
		return nil, aliases, next
	}
	maps.Copy(aliases, in.Previous.Aliases)
	for _, s := range in.Previous.Sites {
		if s.Name == in.State.Site {
			eps = s.Endpoints
		}
	}
	return eps, aliases, max(in.Previous.NextID, 1)
}

// Apply puts the output of one site into an inventory: version and time advance, the other sites stay.
func Apply(v inventory.Inventory, o Output, at time.Time) inventory.Inventory {
	next := inventory.Inventory{Version: v.Version + 1, At: v.At, Aliases: o.Aliases, NextID: o.NextID}
	if at.After(next.At) {
		next.At = at
	}
	placed := false
	for _, s := range v.Sites {
		if s.Name == o.Site.Name {
			s, placed = o.Site, true
		}
		next.Sites = append(next.Sites, s)
	}
	if !placed {
		next.Sites = append(next.Sites, o.Site)
	}
	return next
}
