package api

import (
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"merlon/internal/control/api/schema"
	"merlon/internal/model/account"
)

// Description is the OpenAPI 3.1 document of the routes: what is served is what is described. Schemas come from the Go types
// that are read and written.
func Description() []byte {
	all := schema.New(reflect.TypeFor[server]().PkgPath())
	paths, place := object{}, regexp.MustCompile(`\{(\w+)\}`)
	for _, r := range Routes() {
		item, ok := paths[r.Path].(object)
		if !ok {
			item = object{}
			paths[r.Path] = item
		}
		parameters := []any{}
		for _, m := range place.FindAllStringSubmatch(r.Path, -1) {
			parameters = append(parameters, object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "string"}})
		}
		for _, p := range r.Query {
			parameters = append(parameters, object{"name": p.Name, "in": "query", "description": p.About, "schema": object{"type": p.Type}})
		}
		op := object{
			"operationId": r.ID, "summary": r.Summary, "tags": []string{tag(r.Path)}, "parameters": append(parameters, headers(&r)...),
			"responses": answers(&r, all), "x-merlon-permission": r.Needs,
		}
		if r.Needs == account.Open {
			op["security"] = []any{}
		}
		if r.In != nil {
			op["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": all.Of(reflect.TypeOf(r.In)), "example": json.RawMessage(r.Body)}}}
		}
		item[strings.ToLower(r.Method)] = op
	}
	all.Of(reflect.TypeFor[problem]())
	doc := object{
		"openapi": "3.1.1", "info": object{
			"title": "Merlon", "version": "1",
			"description": "Times are RFC 3339 in UTC. Lists are pages of items with a next_cursor. Errors are application/problem+json (RFC 9457). Answers have an ETag where they are read in one piece, and take If-None-Match. Every GET takes HEAD.",
		},
		"servers":  []any{object{"url": "/"}},
		"paths":    paths,
		"security": []any{object{"token": []any{}}, object{"session": []any{}}},
		"components": object{
			"securitySchemes": object{
				"token":   object{"type": "http", "scheme": "bearer"},
				"session": object{"type": "apiKey", "in": "cookie", "name": "merlon_session"},
			},
			"schemas": all.Components,
		},
	}
	b, _ := json.Marshal(doc) // maps, slices and strings always marshal
	return append(b, '\n')
}

type object = map[string]any

// headers are the fields of a request that an operation understands.
func headers(r *Route) (out []any) {
	field := func(name, about string) {
		out = append(out, object{"name": name, "in": "header", "description": about, "schema": object{"type": "string"}})
	}
	switch {
	case r.Method == http.MethodGet && strings.HasPrefix(r.Path, "/v1/"):
		field("If-None-Match", "ETag of an earlier answer: 304 when nothing has changed")
	case r.Method == http.MethodPost && r.Needs != account.Open:
		field("Idempotency-Key", "done once for each key within 24 hours: a repeat gets the first answer")
	}
	if r.Tagged {
		field("If-Match", "ETag of the endpoint as it was read: 412 when somebody has edited it since")
	}
	return out
}

// answers are an operation's responses.
func answers(r *Route, all *schema.Set) object {
	success := object{"description": http.StatusText(r.Status)}
	switch out := r.Out.(type) {
	case nil:
	case media:
		content := object{}
		for _, m := range out {
			content[m] = object{}
		}
		success["content"] = content
	default:
		content := object{"application/json": object{"schema": all.Of(reflect.TypeOf(out))}}
		if r.ID == "listEvents" {
			content["text/event-stream"] = object{}
		}
		success["content"] = content
	}
	body := object{"application/problem+json": object{"schema": object{"$ref": "#/components/schemas/Problem"}}}
	out := object{
		strconv.Itoa(r.Status): success,
		"default":              object{"description": "Refused, as a problem (RFC 9457)", "content": body},
	}
	if strings.HasPrefix(r.Path, "/v1/") {
		out["429"] = object{"description": "Too many at a time: Retry-After tells when to come again", "content": body, "headers": object{
			"Retry-After": object{"schema": object{"type": "integer"}}, "RateLimit": object{"schema": object{"type": "string"}}, "RateLimit-Policy": object{"schema": object{"type": "string"}},
		}}
	}
	if r.Method == http.MethodGet && strings.HasPrefix(r.Path, "/v1/") {
		out["304"] = object{"description": "Nothing has changed"}
	}
	if r.Path == "/readyz" {
		out["503"] = object{"description": "Not ready", "content": object{"application/json": object{"schema": all.Of(reflect.TypeFor[health]())}}}
	}
	return out
}

// tag is the noun that an operation is about.
func tag(path string) string {
	noun, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(path, "/v1"), "/"), "/")
	return strings.TrimSuffix(noun, ".json")
}
