package client

import (
	"context"
	"iter"
	"maps"
	"net/url"
	"strconv"
)

// pageSize is how much an iterator fetches at a time: the longest page there is.
const pageSize = 500

// page is a part of a list.
type page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor"`
}

// all walks a list, a page at a time; the first error ends it.
func all[T any](ctx context.Context, c *Client, path string, query url.Values) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		q := url.Values{}
		maps.Copy(q, query)
		if q.Get("limit") == "" {
			q.Set("limit", strconv.Itoa(pageSize))
		}
		for {
			p, err := get[page[T]](ctx, c, path, q)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, v := range p.Items {
				if !yield(v, nil) {
					return
				}
			}
			if p.NextCursor == "" || p.NextCursor == q.Get("cursor") {
				return
			}
			q.Set("cursor", p.NextCursor)
		}
	}
}
