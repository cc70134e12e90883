package acme

import _ "embed"

//go:embed acme-openapi.yaml
var description string

// Description is Acme's OpenAPI 3.1 document as its developers hand it out. It leaves the billing write out, marks v1 as deprecated,
// does not list what /v2/internal/patients really answers, and has one operation that the server lacks.
func Description() []byte { return []byte(description) }
