package calendar

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"regexp"
	"sync"
	"sync/atomic"
	"time"
	_ "time/tzdata" // zones are checked, also where the system has none

	"acmesync/app"
	"acmesync/sandbox/business"
)

// Config is how a sandbox is started.
type Config struct {
	Addr    string // host:port to listen on
	DataDir string // made if missing; one sandbox at a time
	Seed    int64  // decides the workspaces' tokens and the drawing of random faults
	Log     *slog.Logger
}

// Sandbox is the app with its data open.
type Sandbox struct {
	seed    int64
	log     *slog.Logger
	journal *journal
	zones   zones
	asked   atomic.Int64 // request ids

	sending   sync.WaitGroup // webhooks under way
	ending    context.Context
	endHooks  context.CancelFunc
	hookCalls *http.Client

	dice struct {
		sync.Mutex
		*rand.Rand
	}

	mu      sync.RWMutex
	byID    map[string]*workspace
	byToken map[string]*workspace
	sorted  []*workspace // as they were made
}

// Open replays the data folder and adds the workspaces of the three businesses where they are missing.
func Open(cfg Config) (*Sandbox, error) {
	s := &Sandbox{
		seed: cfg.Seed, log: cfg.Log,
		byID: map[string]*workspace{}, byToken: map[string]*workspace{},
	}
	s.ending, s.endHooks = context.WithCancel(context.Background())
	s.hookCalls = newHookCalls()
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.dice.Rand = rand.New(rand.NewPCG(uint64(cfg.Seed), 1)) //nolint:gosec // repeatable faults, not secrets
	j, err := openJournal(cfg.DataDir, s.replay)
	if err != nil {
		return nil, err
	}
	s.journal = j
	for _, b := range business.All() {
		if s.byID[b.ID] != nil {
			continue
		}
		var users []app.User
		for _, p := range b.People {
			if p.InApp {
				users = append(users, app.User{
					ID: userID(len(users) + 1), Name: p.Name, Email: p.Email, TimeZone: p.TimeZone, Active: true,
				})
			}
		}
		if _, err := s.create(b.ID, b.Name, b.TimeZone, users); err != nil {
			return nil, errors.Join(fmt.Errorf("seed workspace %s: %w", b.ID, err), j.close())
		}
	}
	return s, nil
}

// Close makes everything durable and frees the data folder. Nothing may be served after it.
func (s *Sandbox) Close() error {
	s.endHooks()
	s.sending.Wait()
	s.hookCalls.CloseIdleConnections()
	return s.journal.close()
}

var (
	errExists      = errors.New("a workspace with this id exists")
	validID        = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	errInvalidID   = errors.New("id is not lower-case letters, digits and hyphens")
	errNoTimeZone  = errors.New("time zone is not an IANA name")
	errInvalidUser = errors.New("a user's id is missing or not the only one of its kind")
)

// create makes a workspace and returns once it is on disk.
func (s *Sandbox) create(id, name, zone string, users []app.User) (*workspace, error) {
	w, err := s.newWorkspace(id, name, zone, s.tokenOf(id), users)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(line{
		Op: "workspace", At: time.Now().UTC(), Workspace: id, Name: name, TimeZone: zone, Token: w.token, Users: users,
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	err = s.add(w)
	var ticket uint64
	if err == nil {
		ticket = s.journal.append(append(raw, '\n'))
	}
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return w, s.journal.wait(ticket)
}

func (s *Sandbox) newWorkspace(id, name, zone, token string, users []app.User) (*workspace, error) {
	if !validID.MatchString(id) {
		return nil, errInvalidID
	}
	loc, err := s.zones.load(zone)
	if err != nil {
		return nil, errNoTimeZone
	}
	w := &workspace{
		id: id, name: name, token: token, zone: loc, users: users,
		userByID: make(map[string]*person, len(users)),
		entries:  map[string]*entry{}, cells: map[cellKey]*cell{}, gone: map[int]*gone{},
	}
	w.faults.Store(&Faults{})
	for i, u := range users {
		if _, err := s.zones.load(u.TimeZone); err != nil {
			return nil, errNoTimeZone
		}
		if u.ID == "" || w.userByID[u.ID] != nil {
			return nil, errInvalidUser
		}
		w.userByID[u.ID] = &person{User: u, colour: i%8 + 1}
	}
	return w, nil
}

func (s *Sandbox) add(w *workspace) error {
	if s.byID[w.id] != nil {
		return errExists
	}
	s.byID[w.id], s.byToken[w.token] = w, w
	s.sorted = append(s.sorted, w)
	return nil
}

func (s *Sandbox) workspace(id string) *workspace {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byID[id]
}

func (s *Sandbox) workspaceOfToken(token string) *workspace {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byToken[token]
}

func (s *Sandbox) workspaces() []*workspace {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return append([]*workspace(nil), s.sorted...)
}

// tokenOf is the same for the same seed and id, so that scripts may start over.
func (s *Sandbox) tokenOf(id string) string {
	mac := hmac.New(sha256.New, fmt.Appendf(nil, "calendar sandbox %d", s.seed))
	mac.Write([]byte(id))
	return "app_" + hex.EncodeToString(mac.Sum(nil)[:20])
}

func userID(n int) string { return fmt.Sprintf("u_%d", n) }
