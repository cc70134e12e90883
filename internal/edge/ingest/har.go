package ingest

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"

	"merlon/internal/edge/ingest/entry"
	"merlon/internal/edge/ingest/jsonscan"
	"merlon/internal/edge/ingest/record"
	"merlon/internal/model/exchange"
)

// formatHAR is a whole HAR 1.2 document. It is read entry by entry: memory is bounded by one entry, whatever the size of
// the document.
func formatHAR() *format {
	return &format{
		Name: "har", About: "HAR 1.2 documents, as browsers and proxies save them",
		Source: exchange.SourceHAR, document: true, sniff: sniffHAR, time: entry.Time,
		open: func(s *source, how settings) (records, decoder) {
			d := newEntryDecoder(how.bodyLimit)
			return newHAREntries(s, d.d), d
		},
	}
}

// sniffHAR tells an object that begins with log, as far as head shows it.
func sniffHAR(head []byte) bool {
	var s jsonscan.Scanner
	s.Reset(head)
	if s.Peek() != '{' {
		return false
	}
	s.Open('{')
	for n := 0; s.More(&n, '}'); {
		switch string(s.Key()) {
		case "log":
			return s.Peek() == '{'
		case "request", "response":
			return false
		}
		s.Skip()
	}
	return false
}

// harEntries yields the elements of log.entries of one or more documents.
type harEntries struct {
	d       *jsontext.Decoder
	r       *budget
	decoder *entry.Decoder
	at      harPlace
	number  int // of the entry
	whole   int // documents read to their ends
}

// harPlace is how far the way through a document is gone.
type harPlace int

const (
	outside harPlace = iota
	inLog
	inEntries
	behindEntries
)

// budget ends a reader that gives more bytes than one step may take.
type budget struct {
	r    io.Reader
	left int
}

func (b *budget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, record.CauseDocument
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func newHAREntries(s *source, d *entry.Decoder) *harEntries {
	r := &budget{r: s}
	return &harEntries{r: r, decoder: d, d: jsontext.NewDecoder(r, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))}
}

// next returns the next entry and its number. Whatever is wrong with the document's JSON ends it, because nobody can say
// where the next entry begins; so does an entry of more than maxEntry bytes.
func (h *harEntries) next() ([]byte, int, error) {
	for {
		h.r.left = maxEntry
		switch h.at {
		case inEntries:
			if h.d.PeekKind() != ']' {
				h.number++
				v, err := h.d.ReadValue()
				return v, h.number, documentCause(err)
			}
			h.at = behindEntries
		case behindEntries:
			// The rest is read, so that a document that was cut short does not pass for whole.
			if _, err := h.d.ReadToken(); err != nil {
				return nil, h.number + 1, documentCause(err)
			}
			if h.d.StackDepth() == 0 {
				h.at = outside
				h.whole++
			}
		default:
			err := h.walk()
			if errors.Is(err, io.EOF) && h.d.StackDepth() == 0 && h.whole > 0 {
				return nil, h.number, io.EOF
			}
			if err != nil {
				return nil, h.number + 1, documentCause(err)
			}
		}
	}
}

// walk goes one step on the way to log.entries.
func (h *harEntries) walk() error {
	if h.d.StackDepth() == int(h.at) {
		if t, err := h.d.ReadToken(); err != nil {
			return err
		} else if t.Kind() != '{' {
			return record.CauseDocument
		}
	}
	name, err := h.d.ReadToken()
	if err != nil {
		return err
	}
	if name.Kind() != '"' {
		return record.CauseDocument // the object ended without what was looked for
	}
	switch word := name.String(); {
	case h.at == outside && word == "log":
		h.at = inLog
	case h.at == inLog && word == "entries":
		if t, err := h.d.ReadToken(); err != nil {
			return err
		} else if t.Kind() != '[' {
			return record.CauseDocument
		}
		h.at = inEntries
	case h.at == inLog && word == "creator":
		v, err := h.d.ReadValue()
		if err != nil {
			return err
		}
		// Chrome saves HAR without Cookie and Authorization unless told otherwise, and does not say so.
		h.decoder.MayHide = bytes.Contains(v, []byte(`"WebInspector"`))
	default:
		return h.d.SkipValue()
	}
	return nil
}

// documentCause tells a document that is damaged from a source that cannot be read.
func documentCause(err error) error {
	var cause Cause
	var syntax *jsontext.SyntacticError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &cause) && cause == record.CauseTruncated:
		return record.CauseTruncated
	case errors.As(err, &cause), errors.As(err, &syntax), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return record.CauseDocument
	}
	return err
}
