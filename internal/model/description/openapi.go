package description

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Limits on an uploaded description. A large real one (GitHub's, 811 paths) has 12 MB.
const (
	maxDescriptionBytes = 64 << 20
	maxOperations       = 20_000
	// maxInlineDepth and maxInlineNodes bound what resolving references may unfold a schema to: a chain of ten schemas
	// that each use the next one twice is a thousand nodes, of thirty a billion.
	maxInlineDepth = 16
	maxInlineNodes = 4000
)

// ErrDescription is wrapped by every error about a description's content.
var ErrDescription = errors.New("not a usable API description")

// ParseOpenAPI reads an OpenAPI 3.0 or 3.1 document in JSON or YAML. External references are refused: a description is
// read as one document, and nothing is fetched on its behalf. source names it in errors.
func ParseOpenAPI(source string, data []byte) (*Description, error) {
	if len(data) > maxDescriptionBytes {
		return nil, fmt.Errorf("%s: %w: %d bytes, more than %d", source, ErrDescription, len(data), maxDescriptionBytes)
	}
	loader := openapi3.NewLoader()
	loader.IsExternalRefsAllowed = false
	doc, err := loader.LoadFromData(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", source, ErrDescription, err)
	}
	if !strings.HasPrefix(doc.OpenAPI, "3.0") && !strings.HasPrefix(doc.OpenAPI, "3.1") {
		return nil, fmt.Errorf("%s: %w: openapi is %q, want 3.0.x or 3.1.x", source, ErrDescription, doc.OpenAPI)
	}
	if doc.Paths == nil || doc.Paths.Len() == 0 {
		return nil, fmt.Errorf("%s: %w: it has no paths", source, ErrDescription)
	}
	d := &Description{Source: source}
	if doc.Info != nil {
		d.Title, d.Version = doc.Info.Title, doc.Info.Version
	}
	r := &reader{doc: doc}
	bases, hosts := servers(doc.Servers)
	d.Hosts = hosts
	for template, item := range doc.Paths.Map() {
		if item == nil {
			continue
		}
		itemBases := bases
		if len(item.Servers) > 0 {
			itemBases, _ = servers(item.Servers)
		}
		for method, op := range item.Operations() {
			opBases := itemBases
			if op.Servers != nil && len(*op.Servers) > 0 {
				opBases, _ = servers(*op.Servers)
			}
			for _, base := range opBases {
				o, err := r.operation(method, base+template, item, op)
				if err != nil {
					return nil, fmt.Errorf("%s: %s %s: %w: %w", source, method, template, ErrDescription, err)
				}
				d.Operations = append(d.Operations, o)
				if len(d.Operations) > maxOperations {
					return nil, fmt.Errorf("%s: %w: more than %d operations", source, ErrDescription, maxOperations)
				}
			}
		}
	}
	slices.SortFunc(d.Operations, func(a, b Operation) int {
		if c := strings.Compare(a.Template, b.Template); c != 0 {
			return c
		}
		return strings.Compare(a.Method, b.Method)
	})
	return d, nil
}

// servers takes base paths and hosts from server URLs; variables take their default. Without servers the base is empty.
func servers(list openapi3.Servers) (bases, hosts []string) {
	for _, s := range list {
		if s == nil {
			continue
		}
		text := s.URL
		for name, v := range s.Variables {
			if v != nil {
				text = strings.ReplaceAll(text, "{"+name+"}", v.Default)
			}
		}
		u, err := url.Parse(text)
		if err != nil {
			continue
		}
		if base := strings.TrimRight(u.Path, "/"); !slices.Contains(bases, base) {
			bases = append(bases, base)
		}
		if h := strings.ToLower(u.Hostname()); h != "" && !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	if len(bases) == 0 {
		bases = []string{""}
	}
	slices.Sort(hosts)
	return bases, hosts
}

// reader turns kin-openapi's model into ours.
type reader struct{ doc *openapi3.T }

func (r *reader) operation(method, template string, item *openapi3.PathItem, op *openapi3.Operation) (Operation, error) {
	o := Operation{ID: op.OperationID, Method: strings.ToUpper(method), Template: template, Summary: op.Summary, Tags: op.Tags, Deprecated: op.Deprecated}
	o.Secured, o.Schemes = r.security(op)
	o.Open = op.Security != nil && !o.Secured
	if err := r.parameters(&o, item.Parameters, op.Parameters); err != nil {
		return o, err
	}
	if op.RequestBody != nil && op.RequestBody.Value != nil {
		body := op.RequestBody.Value
		for _, media := range sortedKeys(body.Content) {
			schema, err := r.inline(body.Content[media].Schema)
			if err != nil {
				return o, err
			}
			o.RequestBodies = append(o.RequestBodies, Body{MediaType: media, Required: body.Required, Schema: schema})
		}
	}
	if op.Responses == nil {
		return o, nil
	}
	responses := op.Responses.Map()
	for _, status := range sortedKeys(responses) {
		ref := responses[status]
		if ref == nil || ref.Value == nil {
			continue
		}
		if len(ref.Value.Content) == 0 {
			o.Responses = append(o.Responses, Body{Status: strings.ToUpper(status)})
		}
		for _, media := range sortedKeys(ref.Value.Content) {
			schema, err := r.inline(ref.Value.Content[media].Schema)
			if err != nil {
				return o, err
			}
			o.Responses = append(o.Responses, Body{Status: strings.ToUpper(status), MediaType: media, Schema: schema})
		}
	}
	return o, nil
}

// parameters joins the path item's with the operation's, which win.
func (r *reader) parameters(o *Operation, lists ...openapi3.Parameters) error {
	for _, list := range lists {
		for _, ref := range list {
			if ref == nil || ref.Value == nil {
				continue
			}
			v := ref.Value
			schema, err := r.inline(v.Schema)
			if err != nil {
				return err
			}
			p := Parameter{In: v.In, Name: v.Name, Required: v.Required || v.In == "path", Schema: schema}
			at := slices.IndexFunc(o.Parameters, func(q Parameter) bool { return q.In == p.In && q.Name == p.Name })
			if at >= 0 {
				o.Parameters[at] = p
			} else {
				o.Parameters = append(o.Parameters, p)
			}
		}
	}
	return nil
}

// security tells whether every alternative asks for a credential, and of which kinds.
func (r *reader) security(op *openapi3.Operation) (secured bool, schemes []string) {
	alternatives := r.doc.Security
	if op.Security != nil {
		alternatives = *op.Security
	}
	secured = len(alternatives) > 0
	for _, alternative := range alternatives {
		if len(alternative) == 0 {
			secured = false
		}
		for name := range alternative {
			if word := r.scheme(name); !slices.Contains(schemes, word) {
				schemes = append(schemes, word)
			}
		}
	}
	slices.Sort(schemes)
	return secured, schemes
}

func (r *reader) scheme(name string) string {
	if r.doc.Components == nil || r.doc.Components.SecuritySchemes[name] == nil || r.doc.Components.SecuritySchemes[name].Value == nil {
		return "unknown"
	}
	switch s := r.doc.Components.SecuritySchemes[name].Value; s.Type {
	case "http":
		return strings.ToLower(s.Scheme)
	case "apiKey":
		if s.In == "cookie" {
			return "cookie"
		}
		return "api-key"
	case "mutualTLS":
		return "mtls"
	case "openIdConnect":
		return "openid"
	default:
		return s.Type
	}
}

// inline writes a schema as JSON with its references resolved. What would unfold without end becomes {}, which allows
// everything.
func (r *reader) inline(ref *openapi3.SchemaRef) (json.RawMessage, error) {
	if ref == nil || ref.Value == nil {
		return nil, nil
	}
	tree, err := toTree(ref.Value)
	if err != nil {
		return nil, err
	}
	in := &inliner{r: r, budget: maxInlineNodes}
	return json.Marshal(in.resolve(tree, nil))
}

func toTree(s *openapi3.Schema) (any, error) {
	data, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	var tree any
	return tree, json.Unmarshal(data, &tree)
}

type inliner struct {
	r      *reader
	budget int
}

func (in *inliner) resolve(node any, path []string) any {
	in.budget--
	if in.budget < 0 {
		return map[string]any{}
	}
	switch n := node.(type) {
	case map[string]any:
		if ref, ok := n["$ref"].(string); ok {
			return in.follow(ref, path)
		}
		for _, k := range sortedKeys(n) {
			switch k {
			case "example", "examples", "x-examples":
				delete(n, k) // examples may hold real data, and nothing here reads them
			default:
				n[k] = in.resolve(n[k], path)
			}
		}
		return n
	case []any:
		for i := range n {
			n[i] = in.resolve(n[i], path)
		}
		return n
	default:
		return n
	}
}

func (in *inliner) follow(ref string, path []string) any {
	name, ok := strings.CutPrefix(ref, "#/components/schemas/")
	if !ok || slices.Contains(path, name) || len(path) >= maxInlineDepth || in.r.doc.Components == nil {
		return map[string]any{}
	}
	target := in.r.doc.Components.Schemas[name]
	if target == nil || target.Value == nil {
		return map[string]any{}
	}
	tree, err := toTree(target.Value)
	if err != nil {
		return map[string]any{}
	}
	return in.resolve(tree, append(slices.Clip(path), name))
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
