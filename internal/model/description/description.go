// Package description is an API as described: operations, parameters, security, servers; from OpenAPI, SDL, WSDL, descriptors, or learned.
package description

import "encoding/json"

// Description is one API as its owner describes it.
type Description struct {
	// Source is the file it came from; Title and Version are its own words.
	Source, Title, Version string
	// Hosts are the servers' hosts, lower case; empty when servers are relative.
	Hosts      []string
	Operations []Operation // ordered by template, then method
}

// Operation is one method on one path template, base paths of servers already joined.
type Operation struct {
	ID         string // operationId, "" if none
	Method     string // upper case
	Template   string // such as /v1/patients/{patientId}
	Summary    string
	Tags       []string
	Deprecated bool
	// Secured tells whether a credential is required by every alternative of its security.
	Secured bool
	// Open tells that somebody wrote down that no credential is needed: the operation itself has an empty security
	// requirement. Silence about security is not that.
	Open       bool
	Schemes    []string // security scheme types: bearer, basic, api-key, mtls, oauth2, openid
	Parameters []Parameter
	// RequestBodies and Responses hold JSON Schema by media type ("application/json") and, for responses, status ("200", "4XX", "default").
	RequestBodies []Body
	Responses     []Body
}

// Parameter is a described parameter.
type Parameter struct {
	In       string // path, query, header, cookie
	Name     string
	Required bool
	Schema   json.RawMessage // JSON Schema, references resolved
}

// Body is a described body.
type Body struct {
	Status    string
	MediaType string
	Required  bool
	Schema    json.RawMessage
}
