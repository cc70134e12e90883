package ingest

import (
	"merlon/internal/edge/ingest/jsonlog"
	"merlon/internal/edge/ingest/logformat"
	"merlon/internal/edge/ingest/record"
	"merlon/internal/model/exchange"
)

// formatEnvoy is Envoy's access log: JSON with the names of its commands, Envoy's own text format, or Istio's.
func formatEnvoy() *format {
	var texts []*logformat.Format
	for _, text := range []string{logformat.EnvoyDefault, logformat.IstioDefault} {
		f, err := logformat.Compile(text, logformat.Envoy)
		if err != nil {
			panic(err) // a constant that the tests compile
		}
		texts = append(texts, f)
	}
	m := jsonlog.Envoy()
	return lineFormat("envoy", "access log of Envoy and Istio, as JSON or text", jsonlog.MaxLine, func(hops int) decoder {
		return &envoyLines{text: newTextDecoder(hops, texts...), json: jsonDecoder{jsonlog.NewDecoder(m, hops)}}
	})
}

// envoyLines tells JSON from text line by line.
type envoyLines struct {
	text *textDecoder
	json jsonDecoder
}

func (d *envoyLines) decode(text []byte, x *exchange.Exchange) record.Cause {
	if text[0] == '{' {
		return d.json.decode(text, x)
	}
	if len(text) > maxLogLine {
		return record.CauseTooLong
	}
	return d.text.decode(text, x)
}
