package paths

import "testing"

func TestWithoutCalls(t *testing.T) {
	for _, c := range []struct {
		name, parent, child string
		depth               int
		call                bool
	}{
		{"service", "", "clinic.v1.ClinicService", 0, true},
		{"method", "clinic.v1.ClinicService", "GetPatient", 1, true},
		{"method of a short package", "helloworld.Greeter", "SayHello", 1, true},
		{"file", "", "robots.txt", 0, false},
		{"version", "", "v1.2", 0, false},
		{"word", "", "patients", 0, false},
		{"name below a word", "patients", "GetPatient", 1, false},
		{"id below a service", "clinic.v1.ClinicService", "4711", 1, false},
		{"too deep", "clinic.v1.ClinicService", "GetPatient", 2, false},
		{"host name", "", "www.example.com", 0, false},
		{"dots alone", "", "..", 0, false},
		{"erased", "", "\x01abc.D", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			left := withoutCalls(newNode(c.parent), []*node{newNode("first"), newNode(c.child), newNode("last")}, c.depth)
			want := 3
			if c.call {
				want = 2
			}
			// Below a service the others are method names too.
			if c.call && c.depth == 1 {
				want = 0
			}
			if c.parent == "clinic.v1.ClinicService" && c.depth == 1 && !c.call {
				want = 1
			}
			if len(left) != want {
				t.Errorf("%d left, want %d", len(left), want)
			}
		})
	}
}
