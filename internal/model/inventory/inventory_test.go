package inventory

import (
	"testing"

	"merlon/internal/model/identity"
)

func TestEndpointsAreFoundByEveryIdTheyHad(t *testing.T) {
	v := Inventory{
		Sites: []Site{{Name: "a", Endpoints: []Endpoint{{ID: 1}, {ID: 4}}}, {Name: "b", Endpoints: []Endpoint{{ID: 2}}}},
		Aliases: map[identity.EndpointID]identity.EndpointID{
			9: 7, 7: 2, // a chain
			5: 6, 6: 5, // damage: a circle
		},
	}
	for id, want := range map[identity.EndpointID]identity.EndpointID{1: 1, 2: 2, 4: 4, 7: 2, 9: 2} {
		if e, ok := v.Endpoint(id); !ok || e.ID != want {
			t.Errorf("id %d leads to %v, want %d", id, e, want)
		}
	}
	for _, id := range []identity.EndpointID{0, 3, 5, 6} {
		if e, ok := v.Endpoint(id); ok {
			t.Errorf("id %d leads to %d, and there is none", id, e.ID)
		}
	}
}

func TestSafeMethodsRead(t *testing.T) {
	for method, want := range map[string]Access{"GET": Read, "HEAD": Read, "OPTIONS": Read, "TRACE": Read, "POST": Write, "DELETE": Write, "PROPFIND": Write, "get": Write, "": Write} {
		if got := AccessOf(method); got != want {
			t.Errorf("%s: %s", method, got)
		}
	}
}
