package control

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"acmesync"
	"acmesync/mapping"
	"acmesync/workflows"
)

// Configuration is a tenant's configuration as it is, or as a change would make it.
type Configuration struct {
	Version int64           `json:"version"` // the one in force
	Config  acmesync.Config `json:"config"`
	// Applied and Plan are of an answer to a change: whether it is in force now, and what it does.
	Applied *bool `json:"applied,omitempty"`
	Plan    *Plan `json:"plan,omitempty"`
}

// ConfigEdit is a change somebody asks for: a whole document, or a JSON merge patch (RFC 7396).
type ConfigEdit struct {
	Document []byte
	Patch    []byte
	Over     int64 // the version it is made for; 0: whichever is in force
	DryRun   bool  // tell what it would do, and do nothing
	Actor    string
	Note     string // a sentence, kept with the version
}

const maxNote = 500

// Config reads a tenant's configuration.
func (c *Control) Config(ctx context.Context, id acmesync.TenantID) (Configuration, error) {
	t, err := c.DB.Tenant(ctx, id)
	if err != nil {
		return Configuration{}, err
	}
	return Configuration{Version: t.Rules, Config: t.Config}, nil
}

// ConfigVersions lists a tenant's configurations before the given version (0: from the newest on), newest first.
func (c *Control) ConfigVersions(ctx context.Context, id acmesync.TenantID, before int64, limit int) ([]acmesync.ConfigVersion, error) {
	if _, err := c.DB.Tenant(ctx, id); err != nil {
		return nil, err
	}
	return c.DB.Configs(ctx, id, before, limit)
}

// EditConfig changes a tenant's configuration and answers what that does. All that is wrong with it is an *Invalid; a tenant
// that was configured by somebody else meanwhile is a Conflict. A change that changes nothing leaves no trace.
func (c *Control) EditConfig(ctx context.Context, id acmesync.TenantID, e ConfigEdit) (Configuration, error) {
	t, err := c.DB.Tenant(ctx, id)
	if err != nil {
		return Configuration{}, err
	}
	if e.Over != 0 && e.Over != t.Rules {
		return Configuration{}, &acmesync.Conflict{Code: "version_changed",
			Message: fmt.Sprintf("The configuration is at version %d by now: read it again.", t.Rules)}
	}
	after, err := c.readEdit(ctx, t, e)
	if err != nil {
		return Configuration{}, err
	}
	changed, err := mapping.Changed(t.Config, after)
	if err != nil {
		return Configuration{}, err
	}
	plan, retry, err := c.plan(ctx, t, after, changed)
	if err != nil {
		return Configuration{}, err
	}
	applied := false
	answer := Configuration{Version: t.Rules, Config: after, Applied: &applied, Plan: &plan}
	if e.DryRun || len(changed) == 0 {
		return answer, nil
	}
	if answer.Version, err = c.DB.Configure(ctx, id, acmesync.ConfigChange{
		Config: after, Over: t.Rules, Walk: plan.ReadAgain, Retry: retry, Actor: e.Actor, Note: e.Note, Detail: "changes " + strings.Join(changed, " "),
	}); err != nil {
		return Configuration{}, err
	}
	applied = true
	if t.State.Lives() || t.State == acmesync.Held {
		c.tellOfConfig(id, e.Actor, retry)
	}
	return answer, nil
}

// tellOfConfig has the workflow look at the row again, and the reviews at what is being retried.
func (c *Control) tellOfConfig(id acmesync.TenantID, actor string, retried []string) {
	c.nudge(id, workflows.ApplyConfigUpdate, workflows.CommandInput{Actor: actor})
	if len(retried) == 0 {
		return
	}
	c.Later.Do("have reviews retried", string(id), nudgeTimeout, func(ctx context.Context) error {
		_, err := c.DB.Mark(ctx, []acmesync.TenantID{id}, acmesync.Fetch, acmesync.Deliver)
		return err
	})
}

// readEdit makes the new configuration of what was asked for, or answers all that is wrong with it.
func (c *Control) readEdit(ctx context.Context, t acmesync.Tenant, e ConfigEdit) (acmesync.Config, error) {
	if utf8.RuneCountInString(e.Note) > maxNote || !utf8.ValidString(e.Note) || strings.ContainsRune(e.Note, 0) {
		invalid := &Invalid{Code: "invalid_value"}
		invalid.add("query:note", "must have at most 500 characters")
		return acmesync.Config{}, invalid
	}
	document := e.Document
	if e.Patch != nil {
		var err error
		if document, err = patched(t.Config, e.Patch); err != nil {
			return acmesync.Config{}, err
		}
	}
	connection, err := c.DB.Connection(ctx, t.ID)
	if err != nil {
		return acmesync.Config{}, err
	}
	return compileConfig(document, connection)
}

// compileConfig reads a document, holds it to the schema and makes rules of it. What is wrong is an *Invalid.
func compileConfig(document []byte, connection acmesync.Connection) (acmesync.Config, error) {
	config, problems, err := mapping.ReadConfig(document)
	if err != nil {
		return config, err
	}
	if len(problems) == 0 {
		_, problems = mapping.Compile(config, mapping.Settings{Region: connection.Region, TimeZone: connection.TimeZone})
	}
	if len(problems) > 0 {
		return config, invalidConfig(problems)
	}
	return config, nil
}

// invalidConfig tells callers of problems that only the document's own author can mend.
func invalidConfig(problems []mapping.Problem) error {
	invalid := &Invalid{Code: "invalid_config"}
	for _, p := range problems {
		invalid.Problems = append(invalid.Problems, Problem(p))
	}
	return invalid
}

// patched applies a JSON merge patch: what is left out stays, null takes out.
func patched(c acmesync.Config, patch []byte) ([]byte, error) {
	before, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	var target, change any
	if err := json.Unmarshal(before, &target); err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if err := json.Unmarshal(patch, &change); err != nil {
		_, problems, err := mapping.ReadConfig(patch)
		if err != nil {
			return nil, err
		}
		return nil, invalidConfig(problems)
	}
	after, err := json.Marshal(merged(target, change))
	if err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	return after, nil
}

func merged(target, change any) any {
	fields, object := change.(map[string]any)
	if !object {
		return change
	}
	result, object := target.(map[string]any)
	if !object {
		result = map[string]any{}
	}
	for name, value := range fields {
		if value == nil {
			delete(result, name)
		} else {
			result[name] = merged(result[name], value)
		}
	}
	return result
}
