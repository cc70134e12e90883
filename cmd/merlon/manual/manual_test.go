package manual

import "testing"

func TestRoff(t *testing.T) {
	if got := roff("a-b\\c\n.SH x\n'y"); got != "a\\-b\\ec\n\\&.SH x\n\\&'y" {
		t.Errorf("%q", got)
	}
}
