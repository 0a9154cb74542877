package db

import (
	"context"
	"fmt"

	"acmesync"

	"github.com/klauspost/compress/zstd"
)

// Small bodies gain nothing from compression but its header.
const compressFrom = 512

// MaxBody bounds what opening a body may grow to: one page of Acme's at its own bound.
const MaxBody = 20 << 20

const (
	storedPlain byte = 0
	storedZstd  byte = 1
)

var (
	bodyWriter, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(2))
	bodyReader, _ = zstd.NewReader(nil, zstd.WithDecoderMaxMemory(MaxBody), zstd.WithDecoderConcurrency(2))
)

// sealBody compresses, then seals. The first byte inside says how the rest is stored.
func (db *DB) sealBody(ctx context.Context, tenant acmesync.TenantID, at place, body []byte) (sealed []byte, keyID string, err error) {
	packed := make([]byte, 1, len(body)/2+64)
	if len(body) < compressFrom {
		packed = append(packed, body...)
	} else {
		packed[0] = storedZstd
		packed = bodyWriter.EncodeAll(body, packed)
	}
	return db.vault.seal(ctx, tenant, at, packed)
}

func (db *DB) openBody(ctx context.Context, tenant acmesync.TenantID, at place, keyID string, sealed []byte) ([]byte, error) {
	packed, err := db.vault.open(ctx, tenant, at, keyID, sealed)
	if err != nil {
		return nil, err
	}
	if len(packed) == 0 {
		return nil, nil
	}
	switch packed[0] {
	case storedPlain:
		return packed[1:], nil
	case storedZstd:
		body, err := bodyReader.DecodeAll(packed[1:], nil)
		if err != nil {
			return nil, fmt.Errorf("unpack %s.%s: %w: %w", at.table, at.column, errUnopenable, err)
		}
		return body, nil
	}
	return nil, fmt.Errorf("unpack %s.%s: stored in a way (%d) this program does not know: %w", at.table, at.column, packed[0], errUnopenable)
}

func envelopeBody(id string) place { return place{table: "envelopes", column: "body", row: id} }
