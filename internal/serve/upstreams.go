package serve

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"merlon/internal/edge/proxy/upstream"
)

// doing shows, when asked, how the servers behind the sites and the certificates of the listeners are doing.
type doing struct {
	p *Process

	up, inUse, idle, shortages, expires *prometheus.Desc
}

func newDoing(p *Process) *doing {
	server := []string{"site", "server"}
	return &doing{
		p:         p,
		up:        prometheus.NewDesc("merlon_upstream_up", "1 for a server that gets ordinary requests, 0 for one that checks or failures have taken out.", server, nil),
		inUse:     prometheus.NewDesc("merlon_upstream_requests", "Requests under way at a server.", server, nil),
		idle:      prometheus.NewDesc("merlon_upstream_idle_connections", "Connections to a server that wait for the next request.", server, nil),
		shortages: prometheus.NewDesc("merlon_upstream_shortages_total", "Connections to a site's servers that could not be opened for want of descriptors, ports or memory of this machine.", []string{"site"}, nil),
		expires:   prometheus.NewDesc("merlon_tls_certificate_expiry_timestamp_seconds", "When the first of a listener's certificates runs out.", []string{"listener"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (d *doing) Describe(ch chan<- *prometheus.Desc) {
	for _, one := range []*prometheus.Desc{d.up, d.inUse, d.idle, d.shortages, d.expires} {
		ch <- one
	}
}

// Collect implements prometheus.Collector.
func (d *doing) Collect(ch chan<- prometheus.Metric) {
	v := d.p.visible.Load()
	if v == nil {
		return
	}
	for name, g := range v.groups {
		send(ch, d.shortages, prometheus.CounterValue, float64(g.Shortages()), name)
		for _, s := range distinct(g.Servers()) {
			up := 0.0
			if s.Healthy {
				up = 1
			}
			send(ch, d.up, prometheus.GaugeValue, up, name, s.Address)
			send(ch, d.inUse, prometheus.GaugeValue, float64(s.InUse), name, s.Address)
			send(ch, d.idle, prometheus.GaugeValue, float64(s.Idle), name, s.Address)
		}
	}
	told := make(map[string]bool)
	for _, l := range v.listeners {
		if l.tls == nil || told[l.cfg.Address] {
			continue
		}
		told[l.cfg.Address] = true
		if at := l.tls.Expires(); !at.IsZero() {
			send(ch, d.expires, prometheus.GaugeValue, float64(at.UnixNano())/float64(time.Second), l.cfg.Address)
		}
	}
}

// distinct adds up servers that are reached at one address, as two names of one machine are.
func distinct(all []upstream.ServerStatus) (out []upstream.ServerStatus) {
	at := make(map[string]int)
	for _, s := range all {
		i, ok := at[s.Address]
		if !ok {
			at[s.Address] = len(out)
			out = append(out, s)
			continue
		}
		out[i].Healthy = out[i].Healthy || s.Healthy
		out[i].InUse += s.InUse
		out[i].Idle += s.Idle
	}
	return out
}
