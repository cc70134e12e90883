package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/estate"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

type facetValue struct {
	Value  string `json:"value"`
	Count  int    `json:"count"`
	Chosen bool   `json:"chosen"`
}

func facetValueOf(c estate.Count) facetValue { return facetValue(c) }

// facet is a property with the values that a filter by it can take, as long as the other filters stay.
type facet struct {
	By     string       `json:"by"`
	Values []facetValue `json:"values"`
	More   int          `json:"more"` // values that are not listed
	// AtLeast: each value stands for itself and all before it.
	AtLeast bool `json:"at_least"`
}

func facetOf(f estate.Facet) facet {
	return facet{f.By.String(), each(f.Values, facetValueOf), f.More, f.AtLeast}
}

// endpointPage is a part of the inventory.
type endpointPage struct {
	page[inventory.Endpoint]
	Total   int       `json:"total"` // that the filter selects
	All     int       `json:"all"`   // that there are, ignored ones too
	Version uint64    `json:"version"`
	At      time.Time `json:"at"`
	Sites   []string  `json:"sites"`
	Facets  []facet   `json:"facets,omitempty"`
}

func (s *server) inventory(w http.ResponseWriter, r *ask) error {
	q, err := r.query.Inventory()
	if err != nil {
		return err
	}
	found, err := s.Admin.Inventory(r.Context(), r.caller, q)
	if err != nil {
		return err
	}
	out := endpointPage{Total: found.Total, All: found.All, Version: found.Version, At: found.At, Sites: each(found.Sites, func(n string) string { return n })}
	out.Items = found.Endpoints
	if n := len(found.Endpoints); found.More && n > 0 {
		out.NextCursor = strconv.FormatUint(uint64(found.Endpoints[n-1].ID), 10)
	}
	if q.Facets {
		out.Facets = each(found.Facets, facetOf)
	}
	return write(w, r, http.StatusOK, out)
}

// group is the endpoints with one value of a property, summed up.
type group struct {
	Value     string    `json:"value"`
	Endpoints int       `json:"endpoints"`
	Requests  uint64    `json:"requests"`
	Risk      float64   `json:"risk"` // the highest
	Open      int       `json:"open"` // that answer without a credential
	Sensitive int       `json:"sensitive"`
	LastSeen  time.Time `json:"last_seen"`
}

type groupPage struct {
	page[group]
	By        string `json:"by"`
	Total     int    `json:"total"`
	Endpoints int    `json:"endpoints"`
	Version   uint64 `json:"version"`
}

func (s *server) groups(w http.ResponseWriter, r *ask) error {
	q := r.query.Filter()
	by, _ := estate.ParseDim(r.query.Word("by", each(estate.GroupDims(), estate.Dim.String)...))
	r.query.Word("sort", "endpoints", "risk", "requests", "last_seen")
	q.Skip, q.Limit = int(r.query.Number("cursor", 1, 1<<31-1, 0)), r.query.Limit()
	if q.Sort == "endpoints" {
		q.Sort = ""
	}
	if r.query.Err != nil {
		return r.query.Err
	}
	found, err := s.Admin.Groups(r.Context(), r.caller, q, by)
	if err != nil {
		return err
	}
	out := groupPage{By: found.By.String(), Total: found.Total, Endpoints: found.Endpoints, Version: found.Version}
	out.Items = each(found.Items, func(g estate.Group) group { return group(g) })
	if found.More {
		out.NextCursor = strconv.Itoa(q.Skip + len(found.Items))
	}
	return write(w, r, http.StatusOK, out)
}

// treeNode is a box of the tree over paths.
type treeNode struct {
	Kind       estate.Kind         `json:"kind"`
	Name       string              `json:"name"`
	Site       string              `json:"site,omitempty"`
	Host       string              `json:"host,omitempty"`
	Prefix     string              `json:"prefix,omitempty"`
	Endpoints  int                 `json:"endpoints"`
	Requests   uint64              `json:"requests"`
	Risk       float64             `json:"risk"`
	Documented int                 `json:"documented"` // only described
	Observed   int                 `json:"observed"`   // only seen
	Both       int                 `json:"both"`
	Open       int                 `json:"open"`
	Sensitive  int                 `json:"sensitive"`
	Endpoint   identity.EndpointID `json:"endpoint_id,omitempty"` // where there is exactly one
	Methods    []string            `json:"methods,omitempty"`
	Folded     int                 `json:"folded,omitempty"` // nodes that a "rest" stands for
	Children   []treeNode          `json:"children,omitempty"`
}

func nodeOf(n estate.Node) treeNode {
	return treeNode{
		n.Kind, n.Name, n.Site, n.Host, n.Prefix, n.Endpoints, n.Requests, n.Risk, n.Documented, n.Observed, n.Both, n.Open, n.Sensitive,
		n.Only, n.Methods, n.Folded, each(n.Children, nodeOf),
	}
}

type tree struct {
	Version   uint64     `json:"version"`
	At        time.Time  `json:"at"`
	Endpoints int        `json:"endpoints"`
	All       int        `json:"all"`
	Above     []treeNode `json:"above"` // the nodes over the root, the whole estate first
	Root      treeNode   `json:"root"`
}

func (s *server) tree(w http.ResponseWriter, r *ask) error {
	q := admin.TreeQuery{
		Query: r.query.Filter(), Requests: r.query.Word("size", "endpoints", "requests") == "requests",
		Lines: int(r.query.Number("lines", 1, estate.MaxLines, 0)), Depth: int(r.query.Number("depth", 1, estate.MaxDepth, 0)),
	}
	if r.query.Err != nil {
		return r.query.Err
	}
	t, err := s.Admin.Tree(r.Context(), r.caller, q)
	if err != nil {
		return err
	}
	return write(w, r, http.StatusOK, tree{t.Version, t.At, t.Endpoints, t.All, each(t.Above, nodeOf), nodeOf(t.Root)})
}

func (r *ask) endpointID() (identity.EndpointID, error) {
	n, err := strconv.ParseUint(r.PathValue("id"), 10, 32)
	if err != nil || n == 0 {
		return 0, admin.ErrNotFound
	}
	return identity.EndpointID(n), nil
}

// edition stands for what people said of an endpoint. It begins the entity tag, so that If-Match fails when somebody said
// something else meanwhile, and not because traffic came.
func edition(e *inventory.Endpoint) string {
	said, _ := json.Marshal([]any{e.Owner, e.Labels, e.Ignored, e.Learned != "", e.Template}) // plain values marshal
	sum := sha256.Sum256(said)
	return hex.EncodeToString(sum[:6]) + "."
}

func sendEndpoint(w http.ResponseWriter, r *ask, e inventory.Endpoint) error {
	b, err := json.Marshal(e)
	if err == nil {
		sendTagged(w, r, http.StatusOK, "application/json", append(b, '\n'), edition(&e))
	}
	return err
}

func (s *server) endpoint(w http.ResponseWriter, r *ask) error {
	id, err := r.endpointID()
	if err != nil {
		return err
	}
	e, err := s.Admin.Endpoint(r.Context(), r.caller, id)
	if err != nil {
		return err
	}
	return sendEndpoint(w, r, e)
}

// endpointEdit is what somebody says of endpoints; what is left out stays.
type endpointEdit struct {
	Owner        *string   `json:"owner,omitempty"`
	Labels       *[]string `json:"labels,omitempty"` // replaces all
	AddLabels    []string  `json:"add_labels,omitempty"`
	RemoveLabels []string  `json:"remove_labels,omitempty"`
	Ignored      *bool     `json:"ignored,omitempty"`
	// Template is the name that the path is shown by, "" for the learned one; of one endpoint at a time.
	Template *string `json:"template,omitempty"`
}

func (e *endpointEdit) change() admin.EndpointChange {
	return admin.EndpointChange{Owner: e.Owner, Labels: e.Labels, AddLabels: e.AddLabels, RemoveLabels: e.RemoveLabels, Ignored: e.Ignored, Template: e.Template}
}

var errPrecondition = errors.New("somebody has edited it since you read it: read it again (If-Match)")

func (s *server) editEndpoint(w http.ResponseWriter, r *ask) error {
	id, err := r.endpointID()
	if err != nil {
		return err
	}
	var in endpointEdit
	if err := read(r, &in); err != nil {
		return err
	}
	ch := in.change()
	if tags := r.Header.Values("If-Match"); len(tags) > 0 {
		ch.If = func(e *inventory.Endpoint) bool { return matches(tags, edition(e)) }
	}
	e, err := s.Admin.ChangeEndpoint(r.Context(), r.caller, id, ch)
	if errors.Is(err, admin.ErrChanged) {
		return errPrecondition
	}
	if err != nil {
		return err
	}
	tag := edition(&e)
	e.Detail = nil
	b, err := json.Marshal(e)
	if err == nil {
		sendTagged(w, r, http.StatusOK, "application/json", append(b, '\n'), tag)
	}
	return err
}

// matches tells whether a list of strong entity tags has one of an edition; "*" has every.
func matches(values []string, edition string) bool {
	for part := range strings.SplitSeq(strings.Join(values, ","), ",") {
		part = strings.TrimSpace(part)
		if part == "*" || strings.HasPrefix(part, `"`+edition) {
			return true
		}
	}
	return false
}

func (s *server) export(w http.ResponseWriter, r *ask) error {
	format := admin.Format(r.query.Word("format", each(admin.Formats(), func(f admin.Format) string { return string(f) })...))
	q := r.query.Filter()
	if r.query.Err != nil {
		return r.query.Err
	}
	if format == "" {
		format = admin.FormatJSON
	}
	v, err := s.Admin.ExportFound(r.Context(), r.caller, format, q)
	if err != nil {
		return err
	}
	var b bytes.Buffer // whole before it is sent, so that an error is still an error
	if err := admin.Export(&b, format, v); err != nil {
		return err
	}
	media, ext := "application/json", "json"
	switch format {
	case admin.FormatCSV:
		media, ext = "text/csv; charset=utf-8; header=present", "csv"
	case admin.FormatOpenAPI:
		media, ext = "application/vnd.oai.openapi+json;version=3.1", "openapi.json"
	}
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="inventory-%d.%s"`, v.Version, ext))
	send(w, r, http.StatusOK, media, b.Bytes())
	return nil
}
