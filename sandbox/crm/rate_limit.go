package crm

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"acmesync/sandbox/crm/accounts"
)

// parseRateLimit reads "100/10s"; "off" is no limit.
func parseRateLimit(text string) (accounts.RateLimit, error) {
	if text == "off" {
		return accounts.RateLimit{PerSeconds: 10}, nil
	}
	requests, window, _ := strings.Cut(text, "/")
	n, err := strconv.Atoi(requests)
	length, windowErr := time.ParseDuration(window)
	if err != nil || windowErr != nil || n < 1 || length < time.Second || length%time.Second != 0 {
		return accounts.RateLimit{}, fmt.Errorf("rate limit %q is not like 100/10s", text)
	}
	return accounts.RateLimit{Requests: n, PerSeconds: int(length / time.Second)}, nil
}
