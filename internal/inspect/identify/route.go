package identify

import (
	"errors"
	"fmt"
	"strings"

	"merlon/internal/model/bundle"
	"merlon/internal/model/description"
	"merlon/internal/model/identity"
)

// Source says who wrote a template, in the order in which templates are preferred.
type Source uint8

const (
	Uploaded Source = iota // a description's
	Edited                 // an operator's
	Learned                // distilled from traffic
	numSources
)

// String is the source's word.
func (s Source) String() string {
	return [...]string{"uploaded", "edited", "learned", "unknown"}[min(s, numSources)]
}

// Route is what a request matched. It is immutable.
type Route struct {
	// Endpoint is the birth id, 0 for a template that no knowledge names yet.
	Endpoint identity.EndpointID
	// Host is "" for any host of the site.
	Host, Method, Template string
	Source                 Source
	// Params has bit i set when segment i is a parameter, or holds one.
	Params uint64
	// Known is what is known of it, nil before its first distillation; Operation its description, nil when it has none.
	Known     *bundle.KnownEndpoint
	Operation *description.Operation

	base *Route // what stands here when Known is withdrawn: the description's or operator's own route
}

// Pattern is a template to match with, as a description or an operator gives it.
type Pattern struct {
	Host      string // lower case, without port; "" for any host of the site
	Method    string // upper case
	Template  string
	Source    Source
	Operation *description.Operation
}

// Described lists the patterns of a description. Its hosts narrow it only as far as the site serves them by name: a
// description that speaks of the public host also describes what arrives for an address or a test host.
func Described(d *description.Description, siteHosts []string) []Pattern {
	var hosts []string
	for _, h := range d.Hosts {
		for _, s := range siteHosts {
			if h == s {
				hosts = append(hosts, h)
			}
		}
	}
	if len(hosts) == 0 || len(hosts) < len(d.Hosts) {
		hosts = []string{""}
	}
	out := make([]Pattern, 0, len(hosts)*len(d.Operations))
	for _, h := range hosts {
		for i := range d.Operations {
			op := &d.Operations[i]
			out = append(out, Pattern{Host: h, Method: op.Method, Template: op.Template, Source: Uploaded, Operation: op})
		}
	}
	return out
}

// maxSegments bounds templates and the paths that can match one: Params has that many bits.
const maxSegments = 64

// ErrTemplate is wrapped by every error of a template that cannot be matched with.
var ErrTemplate = errors.New("not a path template")

// part is one segment of a parsed template.
type part struct {
	literal        string // when param is false
	prefix, suffix string // around the parameter: /files/{name}.json
	param          bool
}

func (p *part) mixed() bool { return p.param && p.prefix+p.suffix != "" }

// parse reads a template in OpenAPI's form. Empty segments are left out, as they are from paths. A segment may hold text
// around its parameters; between the first '{' and the last '}' anything is one parameter. Names of parameters do not matter.
func parse(template string) (parts []part, params uint64, err error) {
	if !strings.HasPrefix(template, "/") {
		return nil, 0, fmt.Errorf("%w: %q does not begin with a slash", ErrTemplate, template)
	}
	for _, seg := range strings.Split(template[1:], "/") {
		if seg == "" {
			continue
		}
		if len(parts) == maxSegments {
			return nil, 0, fmt.Errorf("%w: %q has more than %d segments", ErrTemplate, template, maxSegments)
		}
		open, shut := strings.IndexByte(seg, '{'), strings.LastIndexByte(seg, '}')
		switch {
		case open < 0 && shut < 0:
			parts = append(parts, part{literal: seg})
		case open < 0 || shut < open:
			return nil, 0, fmt.Errorf("%w: %q has a brace without its partner in %q", ErrTemplate, template, seg)
		default:
			params |= 1 << len(parts)
			parts = append(parts, part{param: true, prefix: seg[:open], suffix: seg[shut+1:]})
		}
	}
	return parts, params, nil
}
