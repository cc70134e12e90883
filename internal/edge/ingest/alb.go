package ingest

import "merlon/internal/edge/ingest/logformat"

// formatALB is the access log of an AWS Application Load Balancer.
func formatALB() *format {
	return textLines("alb", "access log of an AWS Application Load Balancer", logformat.ALB())
}
