package engine

import (
	"fmt"
	"maps"

	"merlon/internal/enforce/policy"
	"merlon/internal/model/dataclass"
)

// Swap compiles in and, when nothing in it is a fault, judges new transactions by it. Those under way keep what they began
// with. It returns every mistake; with a fault among them nothing has changed.
//
// What was learned does not go: sites keep the keys they have where in.Keys has none, what stands beside the snapshot
// holds for the sites of in, and in.Knowledge must be what was published last, as the node that distils knows it. An
// older one is a fault, since it would take endpoints away.
func (e *Engine) Swap(in Input) []policy.Mistake {
	e.swap.Lock()
	defer e.swap.Unlock()
	old := e.snapshot.Load()
	keys := make(map[string]dataclass.Key, len(in.Keys))
	for _, one := range old.order {
		keys[one.name] = one.key
	}
	maps.Copy(keys, in.Keys)
	in.Keys = keys
	next, mistakes := e.Compile(in)
	if next == nil {
		return mistakes
	}
	for _, one := range next.order {
		if before := old.named(one.name); before != nil && before.knowledge > one.knowledge {
			mistakes = append(mistakes, policy.Mistake{
				Source:  "site " + one.name,
				Message: fmt.Sprintf("comes with version %d of what is known, but %d is published", one.knowledge, before.knowledge), Hint: "try again",
			})
		}
	}
	if len(policy.Faults(mistakes)) > 0 {
		return mistakes
	}
	// Lists first: no transaction finds a new site without them. Sites that go keep theirs for those under way.
	lists := maps.Clone(*e.standing.Load())
	for _, one := range next.order {
		lists[one.name], _ = policy.CompileStanding(e.stood.Entries, one.name) // what is wrong in it was told when it was made
	}
	e.standing.Store(&lists)
	e.snapshot.Store(next)
	return mistakes
}
