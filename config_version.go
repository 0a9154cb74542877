package acmesync

import (
	"encoding/json"
	"time"
)

// ConfigVersion is one configuration that a tenant has or has had. It never changes.
type ConfigVersion struct {
	Version   int64           `json:"version" db:"version"` // from 1
	Document  json.RawMessage `json:"config,omitempty" db:"document"`
	Actor     string          `json:"actor" db:"actor"`
	Note      string          `json:"note,omitempty" db:"note"`
	CreatedAt time.Time       `json:"created_at" db:"created_at"`
}

// ConfigChange is a new configuration and what it entails.
type ConfigChange struct {
	Config Config
	Over   int64    // the version it was made for
	Walk   []Stream // whose records may come to something else: read again from their beginning
	Retry  []string // fingerprints of reviews whose records may be right now
	Actor  string
	Note   string
	Detail string // for the audit log: what was changed
}
