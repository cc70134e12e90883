package api

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"

	"merlon/internal/model/account"
)

// describe makes the OpenAPI 3.1 document of the routes: what is served is what is described.
func describe(routes []Route) []byte {
	type object = map[string]any
	problemAnswer := object{"description": "refused (RFC 9457)", "content": object{"application/problem+json": object{"schema": object{"$ref": "#/components/schemas/Problem"}}}}
	paths := object{}
	names := regexp.MustCompile(`\{(\w+)\}`)
	for _, r := range routes {
		item, ok := paths[r.Path].(object)
		if !ok {
			item = object{}
			paths[r.Path] = item
		}
		parameters := []any{}
		for _, m := range names.FindAllStringSubmatch(r.Path, -1) {
			parameters = append(parameters, object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "string"}})
		}
		for _, p := range r.Query {
			parameters = append(parameters, object{"name": p.Name, "in": "query", "description": p.About, "schema": object{"type": p.Type}})
		}
		success := object{"description": "done"}
		if r.Status != 204 {
			success["content"] = object{"application/json": object{"schema": object{}}}
		}
		op := object{
			"operationId": operationID(r), "summary": r.Summary, "parameters": parameters,
			"responses":           object{strconv.Itoa(r.Status): success, "default": problemAnswer},
			"x-merlon-permission": r.Needs,
		}
		if r.Needs == account.Open {
			op["security"] = []any{}
		}
		if r.Body != "" {
			op["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": object{"type": "object"}, "example": json.RawMessage(r.Body)}}}
		}
		item[strings.ToLower(r.Method)] = op
	}
	doc := object{
		"openapi": "3.1.1", "info": object{"title": "Merlon", "version": "1", "description": "Times are RFC 3339 in UTC. Lists are pages of items with a next_cursor."},
		"paths":    paths,
		"security": []any{object{"token": []any{}}, object{"session": []any{}}},
		"components": object{
			"securitySchemes": object{
				"token":   object{"type": "http", "scheme": "bearer"},
				"session": object{"type": "apiKey", "in": "cookie", "name": "merlon_session"},
			},
			"schemas": object{"Problem": object{"type": "object", "required": []string{"type", "title", "status"}, "properties": object{
				"type": object{"type": "string"}, "title": object{"type": "string"}, "status": object{"type": "integer"},
				"detail": object{"type": "string"}, "field": object{"type": "string"},
			}}},
		},
	}
	b, _ := json.Marshal(doc) // maps, slices and strings always marshal
	return append(b, '\n')
}

// operationID is the method and the path's words.
func operationID(r Route) string {
	words := strings.FieldsFunc(strings.TrimPrefix(r.Path, "/v1"), func(c rune) bool { return c == '/' || c == '.' || c == '{' || c == '}' })
	return strings.ToLower(r.Method) + "-" + strings.Join(words, "-")
}
