package serve

import (
	"context"
	"fmt"

	"merlon/internal/control/admin/rules"
	"merlon/internal/core"
	"merlon/internal/model/bundle"
	"merlon/internal/store/local"
)

// additions are the entries of policy that people made in the console and switched on, in their order.
func additions(ctx context.Context, s *local.Store) ([]bundle.Addition, error) {
	all, err := s.DB.PolicyRules(ctx)
	if err != nil {
		return nil, fmt.Errorf("entries of policy: %w", err)
	}
	return rules.Enabled(all), nil
}

// policyDoor lets the humans' side change policy without knowing the core.
func policyDoor(k *core.Core) rules.Door {
	return rules.Door{Sites: k.Sites, Try: k.Try, Amend: k.Amend, InForce: k.Policy, LeftOut: k.LeftOut}
}
