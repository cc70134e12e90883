package overview

import (
	"context"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/estate"
	"merlon/internal/model/inventory"
)

// Posture is how exposed the estate is, counted over endpoints that are not ignored.
type Posture struct {
	Endpoints int
	// Bands are counts by severity of risk, the worst first, none last.
	Bands []estate.Count
	// Auth are counts by authentication.
	Auth []estate.Count
	// Classes are the classes of sensitive data, the most frequent first.
	Classes []Class
	// MoreClasses counts classes beyond those listed.
	MoreClasses int
	// Sensitive counts endpoints with any such data, OpenData those of them that answer without a credential.
	Sensitive, OpenData int

	facets []estate.Facet
}

// Class is a class of sensitive data: how many endpoints carry it, and how many of those answer without a credential.
type Class struct {
	Name            string
	Endpoints, Open int
}

func posture(ctx context.Context, a *admin.Admin, c admin.Caller) (p Posture, err error) {
	page, err := a.Inventory(ctx, c, admin.InventoryQuery{Limit: 1, Facets: true})
	if err != nil {
		return p, err
	}
	p.Endpoints, p.facets = page.Total, page.Facets
	open, err := a.Inventory(ctx, c, admin.InventoryQuery{Auth: inventory.AuthNone, Sensitive: true, Limit: 1, Facets: true})
	if err != nil {
		return p, err
	}
	p.OpenData, p.Sensitive = open.Total, p.of(estate.Sensitive, estate.Yes)
	p.bands()
	p.Auth = facet(p.facets, estate.Auth).Values
	classes := facet(p.facets, estate.Class)
	p.MoreClasses = classes.More
	for _, v := range classes.Values {
		if v.Value != estate.None {
			p.Classes = append(p.Classes, Class{v.Value, v.Count, countOf(facet(open.Facets, estate.Class), v.Value)})
		}
	}
	return p, nil
}

// bands takes the counts of "at least" apart.
func (p *Posture) bands() {
	before := 0
	for _, v := range facet(p.facets, estate.Risk).Values {
		p.Bands = append(p.Bands, estate.Count{Value: v.Value, Count: v.Count - before})
		before = v.Count
	}
	p.Bands = append(p.Bands, estate.Count{Value: "none", Count: p.Endpoints - before})
}

// of counts the endpoints with a value of a property.
func (p *Posture) of(d estate.Dim, value string) int { return countOf(facet(p.facets, d), value) }

func facet(all []estate.Facet, d estate.Dim) estate.Facet {
	for _, f := range all {
		if f.By == d {
			return f
		}
	}
	return estate.Facet{}
}

func countOf(f estate.Facet, value string) int {
	for _, v := range f.Values {
		if v.Value == value {
			return v.Count
		}
	}
	return 0
}
