package client

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// ListEvents walks events, the latest first. The filter's members are the query parameters of GET /v1/events, such as site,
// action, severity, address and since.
func (c *Client) ListEvents(ctx context.Context, filter url.Values) iter.Seq2[Event, error] {
	return all[Event](ctx, c, "/v1/events", filter)
}

// Event is one event.
func (c *Client) Event(ctx context.Context, id string) (Event, error) {
	return get[Event](ctx, c, "/v1/events/"+url.PathEscape(id), nil)
}

// ExplainEvent says what each stage saw, found and did.
func (c *Client) ExplainEvent(ctx context.Context, id string) (Explanation, error) {
	return get[Explanation](ctx, c, "/v1/events/"+url.PathEscape(id)+"/story", nil)
}

// ExchangeLine is an event as an exchange line, for merlon inspect --event.
func (c *Client) ExchangeLine(ctx context.Context, id string) (json.RawMessage, error) {
	return get[json.RawMessage](ctx, c, "/v1/events/"+url.PathEscape(id)+"/exchange", nil)
}

// EventHistogram counts events over time, in so many steps (1 to 500).
func (c *Client) EventHistogram(ctx context.Context, filter url.Values, steps int) (Histogram, error) {
	q := url.Values{}
	maps.Copy(q, filter)
	q.Set("steps", strconv.Itoa(steps))
	return get[Histogram](ctx, c, "/v1/events/histogram", q)
}

// ExportEvents is events as one line of JSON each, 100,000 at most. The caller closes it.
func (c *Client) ExportEvents(ctx context.Context, filter url.Values) (io.ReadCloser, error) {
	return c.stream(ctx, "/v1/events/export", filter)
}

// ListBlocks walks what is kept out.
func (c *Client) ListBlocks(ctx context.Context) iter.Seq2[Block, error] {
	return all[Block](ctx, c, "/v1/standing", nil)
}

// Block keeps something out, at once.
func (c *Client) Block(ctx context.Context, b NewBlock) (Block, error) {
	return post[Block](ctx, c, "/v1/standing", b)
}

// Unblock lets it in again.
func (c *Client) Unblock(ctx context.Context, id string) error {
	return c.remove(ctx, "/v1/standing/"+url.PathEscape(id))
}

// ListRules walks the entries of policy that people made.
func (c *Client) ListRules(ctx context.Context) iter.Seq2[Rule, error] {
	return all[Rule](ctx, c, "/v1/policy/rules", nil)
}

// Rule is one of them.
func (c *Client) Rule(ctx context.Context, id string) (Rule, error) {
	return get[Rule](ctx, c, "/v1/policy/rules/"+url.PathEscape(id), nil)
}

// CreateRule puts an entry in force. One that does not hold is a *Problem with its Mistakes.
func (c *Client) CreateRule(ctx context.Context, r RuleEdit) (Rule, error) {
	return post[Rule](ctx, c, "/v1/policy/rules", r)
}

// ChangeRule changes an entry, or switches it off.
func (c *Client) ChangeRule(ctx context.Context, id string, r RuleEdit) (Rule, error) {
	var out Rule
	err := c.call(ctx, request{method: http.MethodPut, path: "/v1/policy/rules/" + url.PathEscape(id), in: r}, &out)
	return out, err
}

// RemoveRule removes an entry.
func (c *Client) RemoveRule(ctx context.Context, id string) error {
	return c.remove(ctx, "/v1/policy/rules/"+url.PathEscape(id))
}

// CheckRule tells what is wrong with an entry, without storing it.
func (c *Client) CheckRule(ctx context.Context, r RuleEdit) ([]Mistake, error) {
	out, err := post[struct{ Mistakes []Mistake }](ctx, c, "/v1/policy/rules/check", r)
	return out.Mistakes, err
}

// TryRule tries an entry over the events of the last day.
func (c *Client) TryRule(ctx context.Context, r RuleEdit) (RuleTrial, error) {
	return post[RuleTrial](ctx, c, "/v1/policy/rules/try", r)
}

// Health tells whether the process runs.
func (c *Client) Health(ctx context.Context) error {
	return c.call(ctx, request{method: http.MethodGet, path: "/healthz"}, nil)
}

// Readiness tells whether the process can do its work.
func (c *Client) Readiness(ctx context.Context) error {
	return c.call(ctx, request{method: http.MethodGet, path: "/readyz"}, nil)
}

// Metrics is a scrape for Prometheus. The caller closes it.
func (c *Client) Metrics(ctx context.Context) (io.ReadCloser, error) {
	return c.stream(ctx, "/metrics", nil)
}

// Description is the OpenAPI document of the API.
func (c *Client) Description(ctx context.Context) (json.RawMessage, error) {
	return get[json.RawMessage](ctx, c, "/v1/openapi.json", nil)
}

// Status is how Merlon fares.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return get[Status](ctx, c, "/v1/status", nil)
}

// Series is what happened over time: of one endpoint, or, with 0, of all together. Steps are multiples of ten seconds.
func (c *Client) Series(ctx context.Context, site string, endpoint uint64, from, to time.Time, step time.Duration) ([]Point, error) {
	q := url.Values{"from": {from.UTC().Format(time.RFC3339)}, "to": {to.UTC().Format(time.RFC3339)}, "step": {strconv.Itoa(int(step / time.Second))}}
	if site != "" {
		q.Set("site", site)
	}
	if endpoint != 0 {
		q.Set("endpoint", number(endpoint))
	}
	out, err := get[page[Point]](ctx, c, "/v1/series", q)
	return out.Items, err
}

// Settings is the running configuration, without secrets.
func (c *Client) Settings(ctx context.Context) (Settings, error) {
	return get[Settings](ctx, c, "/v1/settings", nil)
}

// Profile is heap, allocs, goroutine, threadcreate, block or mutex, for go tool pprof. The caller closes it.
func (c *Client) Profile(ctx context.Context, name string) (io.ReadCloser, error) {
	return c.stream(ctx, "/v1/profiles/"+url.PathEscape(name), nil)
}

// CPUProfile watches the processor for so many seconds (1 to 25), for go tool pprof. The caller closes it.
func (c *Client) CPUProfile(ctx context.Context, seconds int) (io.ReadCloser, error) {
	return c.stream(ctx, "/v1/profiles/cpu", url.Values{"seconds": {strconv.Itoa(seconds)}})
}
