package db

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"

	"acmesync"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Vault seals bodies and credentials. Each tenant has a data key of its own, wrapped by the
// installation's keyset; what is sealed is bound to tenant, table, column and row, so that a
// ciphertext moved elsewhere does not open.
type Vault struct {
	wrapping tink.AEAD
	keys     keyStore

	mu      sync.RWMutex
	tenants map[acmesync.TenantID]*tenantKeys
}

// keyStore keeps wrapped keys; DB is one.
type keyStore interface {
	wrappedKeys(ctx context.Context, tenant acmesync.TenantID) (map[string][]byte, error)
}

type tenantKeys struct {
	data  map[string]tink.AEAD // by key id
	index *prf.Set
}

const (
	dataKeyID  = "d1"
	indexKeyID = "index"
)

// NewKeyset makes the text that ACMESYNC_KEYSET holds: a Tink keyset, base64 of its JSON.
func NewKeyset() (string, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return "", fmt.Errorf("make a key: %w", err)
	}
	var buf bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&buf)); err != nil {
		return "", fmt.Errorf("write the keyset: %w", err)
	}
	return base64.StdEncoding.EncodeToString(buf.Bytes()), nil
}

// NewVault opens the installation's keyset. The error never quotes it.
func NewVault(encoded string) (*Vault, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil || len(raw) == 0 {
		return nil, errors.New("ACMESYNC_KEYSET is not base64: make one with `starter keyset new`")
	}
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(raw)))
	if err != nil {
		return nil, errors.New("ACMESYNC_KEYSET is not a Tink keyset: make one with `starter keyset new`")
	}
	wrapping, err := aead.New(handle)
	if err != nil {
		return nil, errors.New("ACMESYNC_KEYSET holds no AEAD key: make one with `starter keyset new`")
	}
	return &Vault{wrapping: wrapping, tenants: map[acmesync.TenantID]*tenantKeys{}}, nil
}

// newTenantKeys makes a tenant's wrapped keys, by key id.
func (v *Vault) newTenantKeys(tenant acmesync.TenantID) (map[string][]byte, error) {
	wrapped := map[string][]byte{}
	for id, template := range map[string]func() (*keyset.Handle, error){
		dataKeyID:  func() (*keyset.Handle, error) { return keyset.NewHandle(aead.AES256GCMKeyTemplate()) },
		indexKeyID: func() (*keyset.Handle, error) { return keyset.NewHandle(prf.HMACSHA256PRFKeyTemplate()) },
	} {
		handle, err := template()
		if err != nil {
			return nil, fmt.Errorf("make a tenant key: %w", err)
		}
		var buf bytes.Buffer
		if err := handle.WriteWithAssociatedData(keyset.NewBinaryWriter(&buf), v.wrapping, wrapContext(tenant, id)); err != nil {
			return nil, fmt.Errorf("wrap a tenant key: %w", err)
		}
		wrapped[id] = buf.Bytes()
	}
	return wrapped, nil
}

func wrapContext(tenant acmesync.TenantID, keyID string) []byte {
	return []byte("acmesync/tenant_keys/" + string(tenant) + "/" + keyID)
}

// place is where a sealed value stands: the associated data of its ciphertext.
type place struct {
	table, column, row string
}

func (p place) context(tenant acmesync.TenantID) []byte {
	var b []byte
	for _, part := range []string{string(tenant), p.table, p.column, p.row} {
		b = append(b, byte(len(part)>>8), byte(len(part)))
		b = append(b, part...)
	}
	return b
}

// seal encrypts a value and names the key it took.
func (v *Vault) seal(ctx context.Context, tenant acmesync.TenantID, at place, plain []byte) (sealed []byte, keyID string, err error) {
	keys, err := v.of(ctx, tenant, dataKeyID)
	if err != nil {
		return nil, "", err
	}
	sealed, err = keys.data[dataKeyID].Encrypt(plain, at.context(tenant))
	if err != nil {
		return nil, "", fmt.Errorf("seal %s.%s: %w", at.table, at.column, err)
	}
	return sealed, dataKeyID, nil
}

// open decrypts a value that seal made for the same place.
func (v *Vault) open(ctx context.Context, tenant acmesync.TenantID, at place, keyID string, sealed []byte) ([]byte, error) {
	keys, err := v.of(ctx, tenant, keyID)
	if err != nil {
		return nil, err
	}
	plain, err := keys.data[keyID].Decrypt(sealed, at.context(tenant))
	if err != nil {
		return nil, fmt.Errorf("open %s.%s with key %s of tenant %s: %w", at.table, at.column, keyID, tenant, errUnopenable)
	}
	return plain, nil
}

// blindIndex is a keyed hash: equal values are found without being readable.
func (v *Vault) blindIndex(ctx context.Context, tenant acmesync.TenantID, value string) ([]byte, error) {
	keys, err := v.of(ctx, tenant, dataKeyID)
	if err != nil {
		return nil, err
	}
	out, err := keys.index.ComputePrimaryPRF([]byte(value), 16)
	if err != nil {
		return nil, fmt.Errorf("index a value: %w", err)
	}
	return out, nil
}

// errUnopenable: trying again cannot help, and it is about this one value.
var errUnopenable = errors.New("it was sealed for another place, or changed")

var errKeyGone = errors.New("is gone")

// of answers a tenant's keys, reading them again when the wanted one is not among those cached.
func (v *Vault) of(ctx context.Context, tenant acmesync.TenantID, keyID string) (*tenantKeys, error) {
	v.mu.RLock()
	keys := v.tenants[tenant]
	v.mu.RUnlock()
	if keys != nil && keys.data[keyID] != nil {
		return keys, nil
	}
	wrapped, err := v.keys.wrappedKeys(ctx, tenant)
	if err != nil {
		return nil, err
	}
	keys, err = v.unwrap(tenant, wrapped)
	if err != nil {
		return nil, err
	}
	if keys.data[keyID] == nil {
		return nil, fmt.Errorf("key %s of tenant %s %w: what it sealed cannot be read any more", keyID, tenant, errKeyGone)
	}
	v.mu.Lock()
	v.tenants[tenant] = keys
	v.mu.Unlock()
	return keys, nil
}

func (v *Vault) unwrap(tenant acmesync.TenantID, wrapped map[string][]byte) (*tenantKeys, error) {
	keys := &tenantKeys{data: map[string]tink.AEAD{}}
	for id, w := range wrapped {
		handle, err := keyset.ReadWithAssociatedData(keyset.NewBinaryReader(bytes.NewReader(w)), v.wrapping, wrapContext(tenant, id))
		if err != nil {
			return nil, fmt.Errorf("unwrap key %s of tenant %s: ACMESYNC_KEYSET is not the one that wrapped it", id, tenant)
		}
		if id == indexKeyID {
			keys.index, err = prf.NewPRFSet(handle)
		} else {
			keys.data[id], err = aead.New(handle)
		}
		if err != nil {
			return nil, fmt.Errorf("use key %s of tenant %s: %w", id, tenant, err)
		}
	}
	return keys, nil
}
