package config

// Flags are what the command line says; empty fields say nothing.
type Flags struct {
	// Upstream is --upstream: the server behind the only site, which need not be in a file.
	Upstream string
	// Listen is --listen: it replaces every listener of the file.
	Listen string
	// Admin is --admin: it replaces admin.address.
	Admin string
	// Specs are --spec: they replace the specs of the only site.
	Specs []string
	// Policy is --policy: it replaces the policy of the only site.
	Policy string
	// Data is --data: the data directory, relative to the working directory.
	Data string
}

// commandLine stands in a Mistake where a file's name would.
const commandLine = "command line"

// Apply returns c with the command line laid over it, or every mistake that this makes.
// Afterwards there is at least one site with an upstream: what is needed to serve.
func (c Config) Apply(f Flags) (Config, []Mistake) {
	c, _, mistakes := c.lay(f)
	if len(c.Sites) == 0 {
		mistakes = append(mistakes, unserved(commandLine))
	}
	return c, append(mistakes, c.check(commandLine, nil)...)
}

// unserved is the mistake of having no site.
func unserved(file string) Mistake {
	return Mistake{File: file, Message: "nothing to protect", Hint: "give --upstream http://host:port, or a file with sites by -c"}
}

// lay lays the command line over c. laid are the keys that it has replaced, each with its flag.
func (c Config) lay(f Flags) (_ Config, laid map[string]string, mistakes []Mistake) {
	laid = make(map[string]string)
	if f.Listen != "" {
		c.Listen = []Listener{{Address: f.Listen}}
		laid["listen"] = "--listen"
	}
	if f.Admin != "" {
		c.Admin.Address = f.Admin
		laid["admin.address"] = "--admin"
	}
	if f.Data != "" {
		if c.Archive == c.Storage {
			c.Archive.Path = f.Data
		}
		c.Storage.Path = f.Data
		laid["storage"] = "--data"
	}
	c.Sites = append([]Site(nil), c.Sites...)
	if len(c.Sites) == 0 && f.Upstream != "" {
		c.Sites = []Site{{Name: defaultSite}}
	}
	for _, g := range []struct {
		name, key string
		set       bool
		lay       func(*Site)
	}{
		{"--upstream", "upstreams", f.Upstream != "", func(s *Site) { s.Upstreams = []Upstream{{URL: f.Upstream}} }},
		{"--spec", "specs", len(f.Specs) > 0, func(s *Site) { s.Specs = f.Specs }},
		{"--policy", "policy", f.Policy != "", func(s *Site) { s.Policy = f.Policy }},
	} {
		switch {
		case !g.set:
		case len(c.Sites) == 1:
			g.lay(&c.Sites[0])
			laid["sites[0]."+g.key] = g.name
		case len(c.Sites) > 1:
			mistakes = append(mistakes, Mistake{
				File: commandLine, Key: g.name,
				Message: "there are several sites, and the flag does not say which", Hint: "write it into the file",
			})
		}
	}
	for i := range c.Sites {
		c.Sites[i].fill()
	}
	return c, laid, mistakes
}
