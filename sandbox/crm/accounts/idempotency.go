package accounts

import "time"

// keepAnswers is how long sending a request again is harmless.
const keepAnswers = 24 * time.Hour

type answer struct {
	fingerprint string
	written     Written
	at          time.Time
}

// remember keeps a write's outcome for a repeated request. Old answers go when new ones come.
func (a *Account) remember(at time.Time, by *Idempotency, written Written) {
	if by == nil {
		return
	}
	if len(a.answers) > 10_000 {
		for key, old := range a.answers {
			if at.Sub(old.at) > keepAnswers {
				delete(a.answers, key)
			}
		}
	}
	written.Replayed = true
	a.answers[by.Key] = answer{fingerprint: by.Fingerprint, written: written, at: at}
}

// answered finds the outcome of the same request sent before.
func (a *Account) answered(now time.Time, by Request) (Written, bool, error) {
	before, found := a.answers[by.IdempotencyKey]
	if by.IdempotencyKey == "" || !found || a.faults.ForgetKeys || now.Sub(before.at) > keepAnswers {
		return Written{}, false, nil
	}
	if before.fingerprint != by.Fingerprint {
		return Written{}, false, &Refusal{Code: "idempotency_mismatch", Message: "The key was used for another request."}
	}
	return before.written, true, nil
}
