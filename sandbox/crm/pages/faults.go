package pages

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"acmesync/acme"
	"acmesync/sandbox/crm/accounts"
	"acmesync/sandbox/crm/manifest"
)

type faultsPage struct {
	accounts.Faults
	BadIDLines string
	Settings   accounts.Settings
	Totals     accounts.Totals
	Codes      []manifest.Code
}

// RatePercent and DropPercent are shares as people type them.
func (f faultsPage) RatePercent() int { return percent(f.Rate5xx) }

// DropPercent is the share of dropped deliveries.
func (f faultsPage) DropPercent() int { return percent(f.Webhook.DropRate) }

// DriftRename and the three after it are the drift of records as people type it.
func (f faultsPage) DriftRename() string { return unpaired(f.Drift.Rename) }

// DriftRetype lists fields.
func (f faultsPage) DriftRetype() string { return strings.Join(f.Drift.Retype, " ") }

// DriftWords lists fields and words.
func (f faultsPage) DriftWords() string { return unpaired(f.Drift.Words) }

// DriftAdd lists fields.
func (f faultsPage) DriftAdd() string { return strings.Join(f.Drift.Add, " ") }

func percent(share float64) int { return int(share*100 + 0.5) }

func (p *Pages) faults(v *visit) error {
	f := v.account.Faults()
	return p.show(v, http.StatusOK, "faults.html", "faults", faultsPage{
		Faults: f, BadIDLines: strings.Join(f.BadIDs, " "), Settings: v.account.Settings(), Totals: v.account.Totals(),
		Codes: []manifest.Code{
			manifest.StartMissing, manifest.EndMissing, manifest.EndBeforeStart, manifest.TimeZoneUnknown,
			manifest.TimeInvalid, manifest.OwnerMissing, manifest.AppRejected,
		},
	})
}

// saveFaults sets all switches of the page; the narrowing to some resources stays as it was set elsewhere.
func (p *Pages) saveFaults(v *visit) error {
	on := func(name string) bool { return v.r.FormValue(name) != "" }
	number := func(name string) int {
		n, err := strconv.Atoi(strings.TrimSpace(v.r.FormValue(name)))
		if err != nil {
			return 0
		}
		return max(n, 0)
	}
	share := func(name string) float64 { return float64(min(number(name), 100)) / 100 }
	f := accounts.Faults{
		Only: v.account.Faults().Only,
		Down: on("down"), LatencyMS: number("latency_ms"), Rate5xx: share("rate_5xx_percent"), HTML502: on("html_502"),
		TokenRevoked: on("token_revoked"), TruncatedPage: on("truncated_page"), CursorExpired: on("cursor_expired"),
		BadPage: number("bad_page"), BadIDs: strings.Fields(v.r.FormValue("bad_ids")),
		AnswerLostAfterCommit: on("answer_lost_after_commit"), StaleListSeconds: number("stale_list_seconds"),
		Webhook: accounts.WebhookFaults{
			DropRate: share("webhook_drop_percent"), Duplicate: min(number("webhook_duplicate"), 10), Reorder: on("webhook_reorder"),
		},
	}
	f.Drift = accounts.DriftFaults{
		Rename: pairs(v.r.FormValue("drift_rename")), Retype: strings.Fields(v.r.FormValue("drift_retype")),
		Words: pairs(v.r.FormValue("drift_words")), Add: strings.Fields(v.r.FormValue("drift_add")),
	}
	if on("storm_429") {
		f.Storm429 = &accounts.Storm{RetryAfter: strings.TrimSpace(v.r.FormValue("retry_after"))}
	}
	if err := v.account.SetFaults(f); err != nil {
		return err
	}
	return v.goTo("/faults")
}

// pairs reads "one=other two=another"; what is no pair is left out.
func pairs(text string) map[string]string {
	var all map[string]string
	for _, word := range strings.Fields(text) {
		name, value, ok := strings.Cut(word, "=")
		if !ok || name == "" || value == "" {
			continue
		}
		if all == nil {
			all = map[string]string{}
		}
		all[name] = value
	}
	return all
}

func unpaired(all map[string]string) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		words = append(words, name+"="+all[name])
	}
	return strings.Join(words, " ")
}

func (p *Pages) importRecords(v *visit) error {
	n, err := strconv.Atoi(v.r.FormValue("n"))
	if err != nil || n < 1 || n > 10_000 {
		return &accounts.Refusal{Code: "invalid", Message: "Import 1 to 10,000 records.", Details: []accounts.FieldError{{Field: "n", Code: "out_of_range"}}}
	}
	if err := v.account.Import(acme.Resource(v.r.FormValue("kind")), n, manifest.Code(v.r.FormValue("code"))); err != nil {
		return err
	}
	return v.goTo("/faults")
}
