package broker

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"acmesync"
)

const (
	rememberFor    = 3 * time.Second
	rememberAtMost = 10_000
)

// accounts remembers for a few seconds who has connected an account, and that nobody has.
type accounts struct {
	mu    sync.Mutex
	known map[string]owners
}

type owners struct {
	hooks  []acmesync.AccountHook
	readAt time.Time
}

func (a *accounts) owners(ctx context.Context, inbox Inbox, account string) ([]acmesync.AccountHook, error) {
	a.mu.Lock()
	found, ok := a.known[account]
	a.mu.Unlock()
	if ok && time.Since(found.readAt) < rememberFor {
		return found.hooks, nil
	}
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	hooks, err := inbox.AccountHooks(ctx, account)
	if err != nil {
		return nil, fmt.Errorf("find whose a message is: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil || len(a.known) >= rememberAtMost {
		a.known = map[string]owners{}
	}
	a.known[account] = owners{hooks, time.Now()}
	return hooks, nil
}

func (a *accounts) forget(account string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.known, account)
}

const maxKey = 512

// accountOf reads the account out of a key "account:object". What cannot be the id of anything is no key.
func accountOf(key string) (account string, ok bool) {
	account, object, ok := strings.Cut(key, ":")
	if !ok || account == "" || object == "" || len(key) > maxKey || strings.ContainsFunc(key, unprintable) {
		return "", false
	}
	return account, true
}

// unprintable also finds what is no UTF-8, which reads as the replacement character.
func unprintable(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }
