package db

import (
	"context"
	"encoding/json"
	"fmt"

	"acmesync"

	"github.com/jmoiron/sqlx"
)

// TouchpointFilter says which counts are asked for; what is empty does not matter.
type TouchpointFilter struct {
	User      string // the app's
	From, To  string // "2006-01-02", both inclusive
	Channel   string
	Direction string
	After     TouchpointCell // of the page before
	Limit     int
}

// TouchpointCell names a count.
type TouchpointCell struct {
	UserID    string `json:"user_id"`
	Day       string `json:"day"` // in the user's zone
	Channel   string `json:"channel"`
	Direction string `json:"direction"`
}

// TouchpointCount is how many touch-points a user had on a day, by channel and direction.
type TouchpointCount struct {
	TouchpointCell
	Count int  `json:"count"`
	Sent  bool `json:"sent"` // the app's dashboard shows this number
}

// TouchpointTotal is the sum over all users and days that were asked for.
type TouchpointTotal struct {
	Channel   string `json:"channel"`
	Direction string `json:"direction"`
	Count     int    `json:"count"`
	Unsent    int    `json:"unsent"` // of these counts, how many the app does not show yet
}

// TouchpointPage is a page of counts, in order of their names, with the totals of all pages.
type TouchpointPage struct {
	Counts []TouchpointCount `json:"counts"`
	Totals []TouchpointTotal `json:"totals"`
}

// Touchpoints reads counts that are not zero and their totals, in one snapshot.
func (db *DB) Touchpoints(ctx context.Context, tenant acmesync.TenantID, f TouchpointFilter) (TouchpointPage, error) {
	page := TouchpointPage{}
	err := db.in(ctx, tenant, func(tx *sqlx.Tx) error {
		var text []byte
		err := tx.GetContext(ctx, &text, `
			WITH wanted AS (
				SELECT user_id, day::text AS day, channel, direction, n AS count, changed <= sent AS sent FROM cells
				WHERE tenant = $1 AND connection = $2 AND (n <> 0 OR changed > sent) AND ($3 = '' OR user_id = $3)
					AND ($4 = '' OR day >= nullif($4, '')::date) AND ($5 = '' OR day <= nullif($5, '')::date)
					AND ($6 = '' OR channel = $6) AND ($7 = '' OR direction = $7)
			), page AS (
				SELECT * FROM wanted WHERE (user_id, day, channel, direction) > ($8, $9, $10, $11)
				ORDER BY user_id, day, channel, direction LIMIT $12
			), totals AS (
				SELECT channel, direction, sum(count) AS count, count(*) FILTER (WHERE NOT sent) AS unsent FROM wanted GROUP BY 1, 2 ORDER BY 1, 2
			)
			SELECT json_build_object('counts', coalesce((SELECT json_agg(page) FROM page), '[]'), 'totals', coalesce((SELECT json_agg(totals) FROM totals), '[]'))`,
			tenant, acmesync.MainConnection, f.User, f.From, f.To, f.Channel, f.Direction,
			f.After.UserID, f.After.Day, f.After.Channel, f.After.Direction, f.Limit)
		if err != nil {
			return err
		}
		return json.Unmarshal(text, &page)
	})
	if err != nil {
		return TouchpointPage{}, fmt.Errorf("read the touch-points of %s: %w", tenant, err)
	}
	return page, nil
}
