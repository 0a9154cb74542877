package stack

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"acmesync/dev/process"
)

// secrets are what the local stack seals its data with and lets its own backend in by. They are made at the
// first start and kept, readable by the developer alone.
type secrets struct {
	keyset, apiKey string
	// given are the keys of the developer's environment, instead of ours.
	given string
}

// apiKeyName is who our key belongs to, as the audit log shows it.
const apiKeyName = "dev"

func (s secrets) apiKeys() string {
	if s.given != "" {
		return s.given + "," + apiKeyName + ":" + s.apiKey
	}
	return apiKeyName + ":" + s.apiKey
}

func (s *Stack) loadSecrets(ctx context.Context) (err error) {
	s.secrets.given = s.Env.Get("ACMESYNC_API_KEYS")
	if s.secrets.apiKey, err = s.secret("api-key", func() ([]byte, error) { return []byte(rand.Text()), nil }); err != nil {
		return err
	}
	if s.secrets.keyset = s.Env.Get("ACMESYNC_KEYSET"); s.secrets.keyset != "" {
		return nil
	}
	s.secrets.keyset, err = s.secret("keyset", func() ([]byte, error) {
		return s.Supervisor.Output(ctx, process.Program{
			Name: "starter", Path: s.binary("starter"), Args: []string{"keyset", "new"}, Env: s.Env.without("ACMESYNC_", "DATABASE_"),
		})
	})
	return err
}

// secret reads a secret of the stack, or makes and keeps it the first time.
func (s *Stack) secret(name string, create func() ([]byte, error)) (string, error) {
	file := filepath.Join(s.Data, "secrets", name)
	raw, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		if raw, err = create(); err == nil {
			raw = bytes.TrimSpace(raw)
			err = keep(file, raw)
		}
	}
	if err != nil {
		return "", fmt.Errorf("provide the %s: %w", name, err)
	}
	if len(raw) == 0 {
		return "", fmt.Errorf("provide the %s: %s is empty", name, file)
	}
	return string(raw), nil
}

// keep writes the file whole or not at all.
func keep(file string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", content, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
