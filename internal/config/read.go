package config

// Read reads the file at path, if one is named, lays the command line over it and looks into everything that both name:
// what [Load], [Config.Apply] and listeners and upstreams at their start would refuse, in one round. Every mistake is told
// once, those of the command line first, then in the order of the file; one that only follows from another is not told.
// Notices are worth telling and stop nothing.
func Read(path string, flags Flags, f Files) (c Config, notices, mistakes []Mistake) {
	c, d := load(path, f.Read)
	c, laid, wrong := c.lay(flags)
	d.mistakes = append(wrong, d.mistakes...)
	k := checker{file: path, at: d.at, laid: laid}
	if path == "" {
		k.file = commandLine
	}
	k.all(c)
	d.merge(k.mistakes)
	if len(c.Sites) == 0 {
		m := unserved(k.file)
		m.Key = "sites"
		d.merge([]Mistake{m})
	}
	if !f.Blind {
		notices, wrong = c.files(k, f)
		d.merge(wrong)
	}
	d.sort()
	told := decoder{mistakes: notices}
	told.sort()
	return c, told.mistakes, d.mistakes
}
