package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"

	"merlon/internal/control/api/query"
)

// gzipFrom is the length from which an answer is worth compressing: below it fits into one packet anyway.
const gzipFrom = 1400

// write answers a value as JSON.
func write(w http.ResponseWriter, r *ask, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	send(w, r, status, "application/json", append(b, '\n'))
	return nil
}

// send answers a body that is there in one piece. What was asked for by GET or HEAD gets a strong entity tag, is left out
// where the asker has it already (RFC 9110 section 13.1.2), and is compressed where that saves something. Answers to
// changes are never compressed: secrets stand in some.
func send(w http.ResponseWriter, r *ask, status int, media string, body []byte) {
	sendTagged(w, r, status, media, body, "")
}

// sendTagged is send with a part of the entity tag that If-Match goes by.
func sendTagged(w http.ResponseWriter, r *ask, status int, media string, body []byte, edition string) {
	h := w.Header()
	h.Set("Content-Type", media)
	if status == http.StatusOK && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		sum := sha256.Sum256(body)
		tag := edition + hex.EncodeToString(sum[:12])
		squeeze := len(body) >= gzipFrom && takesGzip(r.Header.Values("Accept-Encoding"))
		if squeeze {
			tag += "-gz" // another representation has another strong tag (RFC 9110 section 8.8.3.3)
		}
		h.Set("ETag", `"`+tag+`"`)
		h.Add("Vary", "Accept-Encoding")
		if holds(r.Header.Values("If-None-Match"), tag) {
			h.Del("Content-Type")
			h.Del("Content-Disposition")
			w.WriteHeader(http.StatusNotModified)
			return
		}
		if squeeze {
			h.Set("Content-Encoding", "gzip")
			body = squeezed(body)
		}
	} else if edition != "" {
		h.Set("ETag", `"`+edition+`"`)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has gone
}

func squeezed(body []byte) []byte {
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed) // the level is one it knows
	_, _ = z.Write(body)                            // a buffer takes everything
	_ = z.Close()
	return b.Bytes()
}

// takesGzip reads Accept-Encoding (RFC 9110 section 12.5.3): gzip with a weight over 0.
func takesGzip(values []string) bool {
	for part := range strings.SplitSeq(strings.Join(values, ","), ",") {
		coding, weight, _ := strings.Cut(strings.TrimSpace(part), ";")
		if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			continue
		}
		weight = strings.ToLower(strings.ReplaceAll(weight, " ", ""))
		q, err := strconv.ParseFloat(strings.TrimPrefix(weight, "q="), 64)
		return weight == "" || err == nil && q > 0
	}
	return false
}

// holds tells whether a list of entity tags has this one, compared weakly; "*" has all.
func holds(values []string, tag string) bool {
	for part := range strings.SplitSeq(strings.Join(values, ","), ",") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if part == "*" || part == `"`+tag+`"` {
			return true
		}
	}
	return false
}

// headOnly answers HEAD: the head of what GET would answer.
type headOnly struct{ http.ResponseWriter }

func (headOnly) Write(b []byte) (int, error) { return len(b), nil }

// Unwrap is for http.ResponseController.
func (h headOnly) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// done answers what succeeded and has nothing to say.
func done(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// page is a part of a list. NextCursor is empty on the last.
type page[T any] struct {
	Items      []T    `json:"items"`
	NextCursor string `json:"next_cursor,omitempty"`
}

// pageOf cuts a page out of a list that is short enough to be read whole: it begins behind the entry whose key is the
// cursor. Where that has gone meanwhile nobody knows where to go on, and the cursor is a mistake.
func pageOf[In, Out any](q *query.Query, all []In, key func(*In) string, out func(*In) Out) (page[Out], error) {
	cursor, limit := q.Text("cursor"), q.Limit()
	p := page[Out]{Items: []Out{}}
	if q.Err != nil {
		return p, q.Err
	}
	from := 0
	if cursor != "" {
		from = -1
		for i := range all {
			if key(&all[i]) == cursor {
				from = i + 1
			}
		}
		if from < 0 {
			q.Wrong("cursor", "what it stood at has gone: begin again without it")
			return p, q.Err
		}
	}
	for i := from; i < len(all); i++ {
		if len(p.Items) == limit {
			p.NextCursor = key(&all[i-1])
			break
		}
		p.Items = append(p.Items, out(&all[i]))
	}
	return p, nil
}

func same[T any](v *T) T { return *v }
