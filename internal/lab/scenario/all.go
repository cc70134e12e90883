package scenario

// All lists every scenario; each needs nothing from outside.
func All() []Scenario {
	return []Scenario{
		AcmeWeek(),
		LoneScanner(),
		LoneScannerSucceeds(),
		CatchAllHost(),
		EightNodes(),
		EightNodesUndescribed(),
		OneNetworkPoisoning(),
		LateAndFutureLines(),
		KnowledgeArrives(),
		KnowledgeArrivesDescribed(),
		AccessLog(),
		AddressIsBlocked(),
	}
}
