package ingest

// all lists the formats, in the order in which they are tried. A new one is a file in this folder and a line here.
func all() []*format {
	return []*format{
		formatPcap(),
		formatHAR(),
		formatEntry(),
		formatCaddy(),
		formatEnvoy(),
		formatNginxJSON(),
		formatALB(),
		formatVhost(),
		formatCombined(),
		formatCommon(),
	}
}
