// Package openapi writes what was learned of a site as one OpenAPI 3.1 document.
package openapi

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"merlon/internal/model/inventory"
)

// object is a JSON object; encoding/json writes its members in alphabetical order, so output is deterministic.
type object = map[string]any

// Write writes a site as one OpenAPI 3.1.1 document. What the format has no word for stands in x-merlon- members.
func Write(w io.Writer, s *inventory.Site, version uint64) error {
	d := describer{paths: object{}, names: map[string]string{}, schemes: object{}, ids: map[string]bool{}}
	var hosts []string
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		d.endpoint(e)
		if e.Host != "" && !slices.Contains(hosts, e.Host) {
			hosts = append(hosts, e.Host)
		}
	}
	doc := object{
		"openapi": "3.1.1",
		"info": object{
			"title": s.Name, "version": strconv.FormatUint(version, 10),
			"description": "Learned from traffic by Merlon. Operations with x-merlon-state: candidate are not confirmed by enough independent callers.",
		},
		"paths": d.paths,
	}
	if len(hosts) > 0 {
		slices.Sort(hosts)
		doc["servers"] = servers(hosts)
	}
	if len(d.schemes) > 0 {
		doc["components"] = object{"securitySchemes": d.schemes}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}

func servers(hosts []string) []any {
	var out []any
	for _, h := range hosts {
		out = append(out, object{"url": "//" + h}) // the scheme is the front's, which nothing here has seen
	}
	return out
}

// describer collects a document.
type describer struct {
	paths   object
	names   map[string]string // template without names of parameters -> template it was first written with
	schemes object
	ids     map[string]bool // operation ids given
}

// endpoint adds one. OpenAPI takes templates that differ only in the names of parameters for the same path, and one
// operation a method, so the same operation of another host joins the first.
func (d *describer) endpoint(e *inventory.Endpoint) {
	shape := shapeOf(e.Template)
	template, known := d.names[shape]
	if !known {
		template = e.Template
		d.names[shape] = template
		d.paths[template] = object{}
	}
	item := d.paths[template].(object)
	method, key := strings.ToLower(e.Method), "x-merlon-"+strings.ToLower(e.Method)
	if slices.Contains([]string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}, method) {
		key = method
	}
	if first, ok := item[key].(object); ok {
		first["x-merlon-also"] = append(first["x-merlon-also"].([]any), object{"id": e.ID, "host": e.Host})
		return
	}
	item[key] = d.operation(e, parameterNames(template))
}

func (d *describer) operation(e *inventory.Endpoint, names []string) object {
	op := object{
		"operationId": d.operationID(e), "responses": object{"default": object{"description": "not seen yet"}},
		"x-merlon-id": e.ID, "x-merlon-state": e.State, "x-merlon-host": e.Host, "x-merlon-auth": e.Auth, "x-merlon-also": []any{},
		"x-merlon-requests": e.Requests, "x-merlon-documented": e.Documented,
	}
	if slices.Contains(e.Lifecycle, "deprecated") {
		op["deprecated"] = true
	}
	if len(e.Labels) > 0 {
		op["tags"] = e.Labels
	}
	if len(e.Sensitive) > 0 {
		op["x-merlon-sensitive"] = e.Sensitive
	}
	if e.Owner != "" {
		op["x-merlon-owner"] = e.Owner
	}
	d.security(e, op)
	var parameters []inventory.Parameter
	if e.Detail != nil {
		parameters = e.Detail.Parameters
		bodies(e, op)
	}
	if list := parameterList(parameters, names); len(list) > 0 {
		op["parameters"] = list
	}
	return op
}

// operationID keeps the description's own, and makes a unique one otherwise.
func (d *describer) operationID(e *inventory.Endpoint) string {
	id := e.Operation
	if id == "" || d.ids[id] {
		id = fmt.Sprintf("%s-%d", strings.ToLower(e.Method), e.ID)
	}
	d.ids[id] = true
	return id
}

// security states the kinds of credentials that OpenAPI can state without a name that was never learned.
func (d *describer) security(e *inventory.Endpoint, op object) {
	var schemes []any
	for _, c := range e.Credentials {
		switch c {
		case "bearer", "basic":
			d.schemes[c] = object{"type": "http", "scheme": c}
		case "mtls":
			d.schemes[c] = object{"type": "mutualTLS"}
		default:
			continue
		}
		schemes = append(schemes, object{c: []any{}})
	}
	if len(schemes) == 0 {
		return
	}
	if e.Auth != inventory.AuthEnforced {
		schemes = append(schemes, object{}) // works without, too
	}
	op["security"] = schemes
}

func bodies(e *inventory.Endpoint, op object) {
	responses, content := object{}, object{}
	ranges := map[string]object{}
	for _, s := range e.Detail.Schemas {
		media := object{"schema": raw(s.Schema), "x-merlon-samples": s.Samples}
		if s.Message == "request" {
			content[s.MediaType] = media
			continue
		}
		class := strings.ToUpper(s.Status) // 2xx is written 2XX
		if ranges[class] == nil {
			ranges[class] = object{}
			responses[class] = object{"description": "as learned", "content": ranges[class]}
		}
		ranges[class][s.MediaType] = media
	}
	if len(content) > 0 {
		op["requestBody"] = object{"content": content}
	}
	seen := object{}
	for _, s := range e.Detail.Statuses {
		code := strconv.Itoa(int(s.Status))
		seen[code] = s.Count
		// A range gives way to an exact status, so one that has a schema is not listed apart.
		if responses[code[:1]+"XX"] == nil && s.Status >= 100 && s.Status < 600 {
			text := http.StatusText(int(s.Status))
			if text == "" {
				text = "status " + code
			}
			responses[code] = object{"description": text}
		}
	}
	if len(responses) > 0 {
		op["responses"] = responses
	}
	if len(seen) > 0 {
		op["x-merlon-statuses"] = seen
	}
}

// parameterList lists parameters; those of the path get the names that the template has in the document.
func parameterList(all []inventory.Parameter, names []string) []any {
	var out []any
	inPath := 0
	for _, p := range all {
		switch {
		case p.In == "path":
			if inPath >= len(names) {
				continue
			}
			p.Name, p.Required = names[inPath], true
			inPath++
		case p.Name == "*" || p.In == "header" && reserved(p.Name):
			continue
		}
		o := object{"name": p.Name, "in": p.In, "required": p.Required, "schema": raw(p.Schema), "x-merlon-seen": p.Seen, "x-merlon-state": p.State}
		if len(p.Classes) > 0 {
			o["x-merlon-classes"] = p.Classes
		}
		out = append(out, o)
	}
	for _, n := range names[inPath:] { // OpenAPI wants every one of them
		out = append(out, object{"name": n, "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	return out
}

// reserved are header parameters that OpenAPI 3.1 says are ignored.
func reserved(name string) bool {
	return slices.Contains([]string{"accept", "content-type", "authorization"}, strings.ToLower(name))
}

// raw takes a schema as it is, or anything where it is damaged.
func raw(s json.RawMessage) any {
	if len(s) == 0 || !json.Valid(s) {
		return object{}
	}
	return s
}

// shapeOf is a template without the names of its parameters.
func shapeOf(template string) string {
	shape := template
	for _, n := range parameterNames(template) {
		shape = strings.Replace(shape, "{"+n+"}", "{}", 1)
	}
	return shape
}

func parameterNames(template string) (out []string) {
	for {
		_, rest, ok := strings.Cut(template, "{")
		if !ok {
			return out
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			return out
		}
		out, template = append(out, name), after
	}
}
