// Package overview is what the first page says of the whole estate: how exposed it is, and what to do next.
//
// Nothing here is written down anywhere: a step is done when the state of the estate says so, and open again when it no
// longer does.
package overview

import (
	"context"
	"fmt"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/estate"
	"merlon/internal/model/account"
	"merlon/internal/model/inventory"
)

// Stage is a stage of maturity: one first sees, then protects, then keeps watch.
type Stage string

// The stages, in their order.
const (
	See     Stage = "See"
	Protect Stage = "Protect"
	Keep    Stage = "Keep"
)

// Step is something to do that makes the estate safer.
type Step struct {
	ID    string // for tests and addresses, such as owners
	Stage Stage
	Title string // what to do
	Why   string // what is so now, with its numbers
	Href  string // where it is done or seen; "" where it is done outside the dashboard
	Where string // what the link says, or where it is done instead
	Done  bool
}

// State is what steps are derived from.
type State struct {
	Status     admin.Status
	Endpoints  int // not ignored
	Documented int
	Shadow     int
	Ownerless  int
	Candidates int
	Near       int // candidates that are nearly confirmed
	OpenWrites int // writes that answer without a credential, and no description says that this is meant
	OpenData   int // sensitive data that is answered without a credential
	// Events is nil for callers that may not see them.
	Events *Decided
	// Admins are the administrators who may sign in, Single those of them that a password alone lets in; nil for callers that
	// may not see people.
	Admins *Factors
}

// Decided counts decisions of the last day.
type Decided struct{ Enforced, WouldBlock int }

// Factors counts accounts.
type Factors struct{ All, Single int }

// openWrite is the risk of a write that needs no credential and is not said to be meant so, as a sign-in would be.
const openWrite = "write without authentication"

// near is the share of the quorum from which a candidate is nearly confirmed.
const near = .6

// Look gathers the state as far as the caller may see it.
func Look(ctx context.Context, a *admin.Admin, c admin.Caller) (s State, p Posture, err error) {
	if c.May(account.SeeStatus) {
		if s.Status, err = a.Status(ctx, c); err != nil {
			return s, p, err
		}
	}
	if err := c.Admit(account.SeeInventory); err != nil {
		return s, p, err
	}
	if p, err = posture(ctx, a, c); err != nil {
		return s, p, err
	}
	s.Endpoints, s.Documented, s.Shadow = p.Endpoints, p.of(estate.Documented, estate.Yes), p.of(estate.Lifecycle, "shadow")
	s.Ownerless, s.Candidates = p.of(estate.Owner, estate.None), p.of(estate.State, string(inventory.Candidate))
	s.OpenData = p.OpenData
	if s.Near, err = a.NearConfirmed(ctx, c, near); err != nil {
		return s, p, err
	}
	if s.OpenWrites, err = a.CarryRisk(ctx, c, openWrite); err != nil {
		return s, p, err
	}
	if c.May(account.SeeEvents) {
		if s.Events, err = decided(ctx, a, c); err != nil {
			return s, p, err
		}
	}
	if c.May(account.SeePeople) {
		s.Admins, err = factors(ctx, a, c)
	}
	return s, p, err
}

func decided(ctx context.Context, a *admin.Admin, c admin.Caller) (*Decided, error) {
	q := admin.EventQuery{From: a.Now().Add(-24 * time.Hour), To: a.Now()}
	q.Mode = "enforce"
	enforced, err := a.EventHistogram(ctx, c, q, 1)
	if err != nil {
		return nil, err
	}
	q.Mode, q.Would = "watch", "block"
	would, err := a.EventHistogram(ctx, c, q, 1)
	return &Decided{enforced.Total, would.Total}, err
}

func factors(ctx context.Context, a *admin.Admin, c admin.Caller) (*Factors, error) {
	all, err := a.Accounts(ctx, c)
	f := &Factors{}
	for i := range all {
		if all[i].Role != account.Admin || all[i].Disabled {
			continue
		}
		f.All++
		if !all[i].SecondFactor() {
			f.Single++
		}
	}
	return f, err
}

// Steps are what there is to do, by stage, those that are done too. What the caller may not see makes no step.
func (s *State) Steps() []Step {
	steps := []Step{
		{
			ID: "traffic", Stage: See, Done: s.Status.Events > 0 || s.Endpoints > 0, Title: "Send traffic through Merlon", Where: "How: docs/guides",
			Why: "Nothing has passed yet. Put it in front of an API, mirror to it, or feed it access logs.",
		},
		{
			ID: "description", Stage: See, Done: s.Documented > 0, Title: "Give it your API description", Where: "sites[].specs in the configuration file",
			Why: "Without one Merlon cannot tell what is undocumented. What it has learned is a start: export it as OpenAPI.",
		},
	}
	if s.Endpoints > 0 {
		steps = append(steps, s.estate()...)
	}
	if e := s.Events; e != nil && s.Status.Events > 0 {
		why := "Every decision of the last day was only watched."
		if e.WouldBlock > 0 {
			why = fmt.Sprintf("In the last day %s been blocked, and passed: policy only watches.", count(e.WouldBlock, "request would have", "requests would have"))
		}
		steps = append(steps, Step{
			ID: "enforce", Stage: Protect, Done: e.Enforced > 0, Title: "Move policy from watching to enforcing", Href: "/policy",
			Where: "Policy", Why: why,
		})
	}
	if f := s.Admins; f != nil {
		steps = append(steps, Step{
			ID: "factors", Stage: Keep, Done: f.Single == 0, Title: "Ask administrators for a second factor", Href: "/people", Where: "People",
			Why: count(f.Single, "administrator signs", "administrators sign") + " in with a password alone: only one-time codes are asked for after it, a passkey is a way in beside it.",
		})
	}
	return append(steps, Step{
		ID: "keeping-up", Stage: Keep, Done: !s.Status.Troubled(), Title: "Let learning keep up", Href: "/#merlon", Where: "Merlon itself",
		Why: trouble(&s.Status),
	})
}

// estate are the steps that there are endpoints for.
func (s *State) estate() []Step {
	steps := []Step{
		{
			ID: "owners", Stage: See, Done: s.Ownerless == 0, Title: "Say whose the endpoints are", Href: "/inventory?owner=" + estate.None + "&sort=risk",
			Where: "Endpoints without an owner", Why: count(s.Ownerless, "endpoint has", "endpoints have") + " no owner, so nobody is told of what is found there.",
		},
		{
			ID: "candidates", Stage: See, Done: s.Near == 0, Title: "Look at candidates that are nearly confirmed", Href: "/inventory?state=candidate&sort=last_seen",
			Where: "Candidates", Why: count(s.Near, "candidate lacks", "candidates lack") + " only a few independent callers. What they are missing stands on their pages.",
		},
	}
	if s.Documented > 0 {
		steps = append(steps, Step{
			ID: "shadow", Stage: Protect, Done: s.Shadow == 0, Title: "Describe or close shadow endpoints", Href: "/inventory?lifecycle=shadow&sort=risk",
			Where: "Shadow endpoints", Why: count(s.Shadow, "endpoint is", "endpoints are") + " in use and in no description.",
		})
	}
	steps = append(
		steps,
		Step{
			ID: "open-data", Stage: Protect, Done: s.OpenData == 0, Title: "Close sensitive data that anybody can read", Href: "/inventory?auth=none&sensitive=1&sort=risk",
			Where: "Open, with sensitive data", Why: count(s.OpenData, "endpoint answers", "endpoints answer") + " sensitive data without a credential.",
		},
		Step{
			ID: "open-writes", Stage: Protect, Done: s.OpenWrites == 0, Title: "Close writes that need no credential", Href: "/inventory?auth=none&access=write&sort=risk",
			Where: "Open writes", Why: count(s.OpenWrites, "write succeeds", "writes succeed") + " without a credential, and no description says that this is meant.",
		},
	)
	return steps
}

func trouble(s *admin.Status) string {
	switch {
	case s.Dropped > 0:
		return count(int(min(s.Dropped, 1<<53)), "event was", "events were") + " dropped before learning saw them."
	case s.Journal != "" && s.Journal != "writing":
		return "The journal is " + s.Journal + "."
	default:
		return "The database is " + s.Database + "."
	}
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
