package finding

import (
	"encoding/json"
	"testing"
)

func TestWordsReadBack(t *testing.T) {
	for s := Low; s <= Critical; s++ {
		b, err := json.Marshal(Posture{Severity: s})
		if err != nil {
			t.Fatal(err)
		}
		var back Posture
		if err := json.Unmarshal(b, &back); err != nil || back.Severity != s {
			t.Errorf("%s reads back as %v, %v", b, back.Severity, err)
		}
	}
	var s Severity
	if err := json.Unmarshal([]byte(`"awful"`), &s); err == nil {
		t.Error("an unknown severity is taken")
	}
	for st := Stage(0); st < NumStages; st++ {
		if back, ok := ParseStage(st.String()); !ok || back != st {
			t.Errorf("%v reads back as %v", st, back)
		}
	}
}
