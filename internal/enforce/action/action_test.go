package action

import (
	"encoding/json"
	"net/http"
	"testing"

	"merlon/internal/model/event"
)

func TestProblemIsJSONAndNamesTheEvent(t *testing.T) {
	id := event.NewNamer(3, 41).Name(1_700_000_000_000_000_000)
	for _, status := range []int{400, 403, 404, 408, 413, 417, 429, 431, 500, 501, 502, 503, 504, 505, 499} {
		var got struct {
			Type, Title, Instance string
			Status                int
		}
		if err := json.Unmarshal(AppendProblem(nil, status, id), &got); err != nil {
			t.Fatalf("%d: %v", status, err)
		}
		if got.Status != status || got.Type != "about:blank" || got.Instance != id.String() {
			t.Errorf("%d: got %+v", status, got)
		}
		if got.Title == "" {
			t.Errorf("%d: no title", status)
		}
	}
}

func TestTitlesAgreeWithTheRegistry(t *testing.T) {
	// net/http still has the names RFC 9110 replaced.
	renamed := map[int]bool{413: true, 414: true}
	for status := 400; status < 600; status++ {
		want := http.StatusText(status)
		if got := Title(status); got != "Request Refused" && got != want && !renamed[status] {
			if !(status == 414 && got == "URI Too Long") {
				t.Errorf("%d: %q, registry says %q", status, got, want)
			}
		}
	}
}

func TestKindsReadBackAndOrderBySeverity(t *testing.T) {
	for k := Allow; k <= Block; k++ {
		got, ok := ParseKind(k.String())
		if !ok || got != k {
			t.Errorf("%v: read back as %v, %v", k, got, ok)
		}
	}
	if _, ok := ParseKind("deceive"); ok {
		t.Error("an action that cannot be carried out is accepted")
	}
	if !(Reply{Kind: Tag}).Forwarded() || (Reply{Kind: Block}).Forwarded() {
		t.Error("tag forwards, block does not")
	}
}
