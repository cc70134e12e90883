package dataclass

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// evaluation opens a file of the evaluation data.
func evaluation(t *testing.T, name string) *bufio.Reader {
	t.Helper()
	root := os.Getenv("MERLON_EVAL_DATA")
	if root == "" {
		t.Skip("MERLON_EVAL_DATA is not set: the evaluation data is not here")
	}
	f, err := os.Open(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return bufio.NewReaderSize(z, 1<<20)
}

// TestPersonalData measures the recognisers on labelled texts: every labelled entity is a value, and so is every word
// between them. The floors are a little below what was measured when they were written; the generator's phone numbers
// include extensions and national forms that are digits alone, which stay unclaimed on purpose.
func TestPersonalData(t *testing.T) {
	var texts []struct {
		FullText string `json:"full_text"`
		Spans    []struct {
			Type  string `json:"entity_type"`
			Value string `json:"entity_value"`
			From  int    `json:"start_position"`
			To    int    `json:"end_position"`
		} `json:"spans"`
	}
	if err := json.NewDecoder(evaluation(t, "pii-presidio/synth.json.gz")).Decode(&texts); err != nil {
		t.Fatal(err)
	}
	kinds := []struct {
		entity            string
		classes           Set
		recall, precision float64
	}{
		{"CREDIT_CARD", PAN.Set(), 0.9, 0.95},
		{"EMAIL_ADDRESS", Email.Set(), 0.95, 0.95},
		{"IBAN_CODE", IBAN.Set(), 0.95, 0.95},
		{"US_SSN", SSN.Set(), 0.95, 0.95},
		{"PHONE_NUMBER", Phone.Set(), 0.45, 0.95},
		{"IP_ADDRESS", IPv4.Set() | IPv6.Set(), 0.95, 0.95},
		{"DOMAIN_NAME", Hostname.Set() | URI.Set(), 0.9, 0.8},
	}
	for _, k := range kinds {
		hit, total, wrong := 0, 0, 0
		missed, mistaken := map[string]bool{}, map[string]bool{}
		judge := func(value, entity string) {
			set, _ := Recognise([]byte(value))
			switch is := set&k.classes != 0; {
			case entity == k.entity:
				total++
				if is {
					hit++
				} else {
					missed[value] = true
				}
			case is:
				wrong++
				mistaken[entity+":"+value] = true
			}
		}
		for _, text := range texts {
			runes := []rune(text.FullText)
			covered := make([]bool, len(runes))
			for _, s := range text.Spans {
				judge(s.Value, s.Type)
				for i := s.From; i < s.To && i < len(covered); i++ {
					covered[i] = true
				}
			}
			for i := range runes {
				if covered[i] {
					runes[i] = ' '
				}
			}
			for _, w := range strings.Fields(string(runes)) {
				judge(strings.Trim(w, ".,;:!?()\"'"), "")
			}
		}
		recall, precision := float64(hit)/float64(max(total, 1)), float64(hit)/float64(max(hit+wrong, 1))
		t.Logf("%-14s recall %.3f of %d, precision %.3f; missed %q, wrong %q", k.entity, recall, total, precision, head(missed), head(mistaken))
		if total > 0 && (recall < k.recall || precision < k.precision) {
			t.Errorf("%s: recall %.3f (floor %.2f), precision %.3f (floor %.2f)", k.entity, recall, k.recall, precision, k.precision)
		}
	}
}

func head(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for v := range m {
		out = append(out, v)
	}
	slices.Sort(out)
	return out[:min(len(out), 8)]
}

// TestSegmentsOfRealTraffic compares Segment with the true templates of recorded calls, by distinct (template position,
// value). A literal that is typed would split an endpoint at once, so that share has to be near zero; a parameter that is
// a word is left to templating by numbers.
func TestSegmentsOfRealTraffic(t *testing.T) {
	for _, name := range []string{"api-traffic-datadog-v1/datadog_v1.jsonl.gz", "api-traffic-github-hub4j/github_hub4j.jsonl.gz", "api-traffic-github-octokitrb/github_octokitrb.jsonl.gz"} {
		in := evaluation(t, name)
		params, typedParams, literals, typedLiterals := 0, 0, 0, 0
		seen, words, wrong := map[string]bool{}, map[string]bool{}, map[string]bool{}
		for {
			line, err := in.ReadBytes('\n')
			if len(line) == 0 && err != nil {
				break
			}
			var call struct{ Path, Template string }
			if json.Unmarshal(line, &call) != nil {
				continue
			}
			path, template := strings.Split(call.Path, "/"), strings.Split(call.Template, "/")
			if len(path) != len(template) {
				continue
			}
			for i, want := range template {
				value, err := url.PathUnescape(path[i])
				key := fmt.Sprint(template[:i+1], value)
				if err != nil || value == "" || seen[key] {
					continue
				}
				seen[key] = true
				typed := Segment([]byte(value)).Typed()
				if strings.HasPrefix(want, "{") {
					params++
					if typed {
						typedParams++
					} else {
						words[value] = true
					}
				} else if want == value {
					literals++
					if typed {
						typedLiterals++
						wrong[value] = true
					}
				}
			}
		}
		t.Logf("%s: %d of %d parameter values typed (words: %q), %d of %d literals typed (%.12q)", name, typedParams, params, head(words), typedLiterals, literals, head(wrong))
		if literals == 0 || float64(typedLiterals) > 0.01*float64(literals) {
			t.Errorf("%s: %d of %d literals are taken for values: %q", name, typedLiterals, literals, head(wrong))
		}
	}
}
