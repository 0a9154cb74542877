package accounts

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"acmesync/sandbox/crm/journal"
)

// Registry holds all accounts. Each has its journal in Folder, in a file named after its id.
type Registry struct {
	Folder   string
	Now      func() time.Time
	Notifier Notifier
	Defaults Settings // of accounts made from now on

	mu    sync.RWMutex
	byID  map[string]*Account
	byKey map[string]*Account
}

// Open replays every journal in the folder.
func (r *Registry) Open() error {
	r.byID, r.byKey = map[string]*Account{}, map[string]*Account{}
	paths, err := filepath.Glob(filepath.Join(r.Folder, "*.jsonl"))
	if err != nil {
		return fmt.Errorf("list journals: %w", err)
	}
	for _, path := range paths {
		if _, err := r.open(path); err != nil {
			return err
		}
	}
	return nil
}

func (r *Registry) open(path string) (*Account, error) {
	a := newAccount(r.Now, r.Notifier)
	log, err := journal.Open(path, a.replay)
	if err != nil {
		return nil, err
	}
	a.journal = log
	a.users.open()
	a.contacts.open()
	a.appointments.open()
	a.touchpoints.open()
	a.chance = rand.New(rand.NewPCG(uint64(a.info.Seed), 7))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byID[a.info.ID] = a
	r.byKey[a.settings.APIKey] = a
	return a, nil
}

// Get finds an account by id.
func (r *Registry) Get(id string) (*Account, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	a, found := r.byID[id]
	return a, found
}

// ByKey finds the account an API key belongs to.
func (r *Registry) ByKey(key string) (*Account, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	a, found := r.byKey[key]
	return a, found
}

// All lists the accounts by id.
func (r *Registry) All() []*Account {
	r.mu.RLock()
	defer r.mu.RUnlock()
	all := make([]*Account, 0, len(r.byID))
	for _, a := range r.byID {
		all = append(all, a)
	}
	slices.SortFunc(all, func(x, y *Account) int { return strings.Compare(x.info.ID, y.info.ID) })
	return all
}

// RotateKey gives the account a new API key; the old one is refused at once.
func (r *Registry) RotateKey(a *Account) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := a.Settings()
	old := next.APIKey
	next.APIKey = newKey()
	if err := a.set(Line{Kind: LineSettings, Settings: &next}, func() { a.settings = next }); err != nil {
		return "", err
	}
	delete(r.byKey, old)
	r.byKey[next.APIKey] = a
	return next.APIKey, nil
}

func newKey() string { return "acme_" + token(24) }

// Close closes all journals.
func (r *Registry) Close() error {
	var errs []error
	for _, a := range r.All() {
		errs = append(errs, a.Close())
	}
	return errors.Join(errs...)
}

func (r *Registry) path(id string) string { return filepath.Join(r.Folder, id+".jsonl") }

func (r *Registry) exists(id string) bool {
	_, err := os.Stat(r.path(id))
	return err == nil
}
