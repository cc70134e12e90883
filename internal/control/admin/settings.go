package admin

import (
	"context"

	"merlon/internal/model/account"
)

// Settings is the running configuration as people may see it: no secret is in it, and nothing here changes it.
type Settings struct {
	// File is the configuration file; "" where flags alone said it all.
	File   string
	Groups []SettingGroup
}

// SettingGroup is settings that belong together.
type SettingGroup struct {
	Title string
	Items []Setting
}

// Setting is one of them. Key is what it is called in the file, "" for what is no setting.
type Setting struct{ Name, Value, Key string }

// Settings is what Merlon runs with.
func (a *Admin) Settings(_ context.Context, c Caller) (Settings, error) {
	if err := c.Need(account.SeeSettings); err != nil || a.o.Settings == nil {
		return Settings{}, err
	}
	return a.o.Settings(), nil
}
