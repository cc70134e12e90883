package serve

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"merlon/internal/config"
	"merlon/internal/control/admin"
)

// settings is what runs, for people to look at. Names of files and servers are in it, what stands in them is not.
func (p *Process) settings() admin.Settings {
	v := p.visible.Load()
	cfg := v.cfg
	out := admin.Settings{File: p.o.Source.File}
	add := func(title string, items ...admin.Setting) {
		out.Groups = append(out.Groups, admin.SettingGroup{Title: title, Items: items})
	}
	add("Clients",
		admin.Setting{Name: "Served at", Value: strings.Join(v.urls, "\n"), Key: "listen"},
		admin.Setting{Name: "Connections at most", Value: strconv.Itoa(p.connections), Key: "limits.connections"},
		admin.Setting{Name: "Body inspected up to", Value: fmt.Sprint(cfg.Limits.BodyBytes), Key: "limits.body_bytes"})
	sites := make([]admin.Setting, 0, len(cfg.Sites))
	for i := range cfg.Sites {
		sites = append(sites, siteSetting(&cfg.Sites[i]))
	}
	add("Sites", sites...)
	add("Dashboard and API",
		admin.Setting{Name: "Address", Value: cfg.Admin.Address, Key: "admin.address"},
		admin.Setting{Name: "Further names", Value: strings.Join(cfg.Admin.Hosts, "\n"), Key: "admin.hosts"},
		admin.Setting{Name: "Metrics", Value: choice(cfg.Admin.OpenMetrics, "open to everybody", "behind a token"), Key: "admin.open_metrics"})
	add("Side doors",
		admin.Setting{Name: "Answers for other proxies", Value: shut(cfg.Decide.Address), Key: "decide.address"},
		admin.Setting{Name: "Copies of requests", Value: shut(cfg.Mirror.Address), Key: "mirror.address"},
		admin.Setting{Name: "OpenTelemetry", Value: shut(cfg.OTLP.Address), Key: "otlp.address"})
	add("Keeping",
		admin.Setting{Name: "Data", Value: cfg.Storage.String(), Key: "storage"},
		admin.Setting{Name: "Journal", Value: fmt.Sprint(cfg.Retention.JournalBytes), Key: "retention.journal_bytes"},
		admin.Setting{Name: "Sample of whole actors", Value: age(cfg.Retention.JournalAge), Key: "retention.journal_age"},
		admin.Setting{Name: "Events", Value: strconv.Itoa(cfg.Retention.EventRows), Key: "retention.event_rows"})
	add("This process",
		admin.Setting{Name: "Version", Value: strings.TrimSpace(p.o.Build.Version + " " + p.o.Build.Commit)},
		admin.Setting{Name: "Built with", Value: p.o.Build.GoVersion},
		admin.Setting{Name: "Node", Value: cfg.Node, Key: "node"},
		admin.Setting{Name: "Logs", Value: cfg.Logs.Level, Key: "logs.level"},
		admin.Setting{Name: "Files are read again", Value: choice(cfg.Reload.Watch, "when they change, and by SIGHUP", "by SIGHUP"), Key: "reload.watch"})
	return out
}

// siteSetting is a site in a few lines. URLs of servers hold no credentials: the configuration refuses those.
func siteSetting(s *config.Site) admin.Setting {
	lines := []string{strings.Join(s.Hosts, ", ")}
	for i := range s.Upstreams {
		lines = append(lines, "→ "+s.Upstreams[i].URL)
	}
	if len(s.Specs) > 0 {
		lines = append(lines, "described by "+strings.Join(s.Specs, ", "))
	}
	if s.Policy != "" {
		lines = append(lines, "policy "+s.Policy)
	}
	if lines[0] == "" {
		lines = lines[1:]
	}
	return admin.Setting{Name: s.Name, Value: strings.Join(lines, "\n"), Key: "sites"}
}

func choice(yes bool, a, b string) string {
	if yes {
		return a
	}
	return b
}

func shut(address string) string {
	if address == "" {
		return "closed"
	}
	return address
}

// age is a length of time in days where it is some.
func age(d time.Duration) string {
	if days := d / (24 * time.Hour); days > 0 && d%(24*time.Hour) == 0 {
		return strconv.Itoa(int(days)) + " days"
	}
	return d.String()
}
