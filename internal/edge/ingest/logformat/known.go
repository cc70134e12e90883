package logformat

import "merlon/internal/edge/ingest/record"

// VhostCombined is Apache httpd's vhost_combined as Debian and the project's own documentation have it.
const VhostCombined = `%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i"`

// ALB is the access log of an AWS Application Load Balancer
// (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html). Fields are added
// behind the last one from time to time.
func ALB() *Format {
	value := func(literal string, what record.What, s shape) piece {
		return piece{literal: []byte(literal), meaning: record.Meaning{What: what}, value: s}
	}
	agent := record.HeaderMeaning("User-Agent")
	f := &Format{open: true, pieces: []piece{
		value("", record.Nothing, until), value(" ", record.Time, until), value(" ", record.Nothing, until), value(" ", record.Client, until),
		value(" ", record.Nothing, until), value(" ", record.Nothing, until), value(" ", record.LatencySeconds, until), value(" ", record.Nothing, until),
		value(" ", record.Status, until), value(" ", record.Nothing, until), value(" ", record.RequestReceived, until), value(" ", record.ResponseSent, until),
		value(` "`, record.URL, quoted),
		{literal: []byte(`" "`), meaning: agent, value: quoted},
		value(`" `, record.Nothing, until), value(" ", record.Nothing, until),
		value(" ", record.Nothing, until), value(` "`, record.Nothing, quoted), value(`" "`, record.ServerName, quoted), value(`" "`, record.Nothing, quoted),
		value(`" `, record.Nothing, until),
	}}
	return f
}
