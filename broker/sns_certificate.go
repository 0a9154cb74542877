package broker

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

// Trust is what a certificate of SNS has to lead back to. Zero: the system's roots.
type Trust struct {
	Roots         *x509.CertPool // nil: the system's
	Intermediates []*x509.Certificate
}

// TrustFile adds the certificates of a PEM file: those signed by themselves are roots, beside the system's; the others fill
// gaps in chains.
func TrustFile(path string) (Trust, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return Trust{}, fmt.Errorf("read SNS_CA_FILE: %w", err)
	}
	all, err := parsePEM(raw)
	if err != nil {
		return Trust{}, fmt.Errorf("read SNS_CA_FILE: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	t := Trust{Roots: roots}
	for _, one := range all {
		if one.CheckSignatureFrom(one) == nil {
			t.Roots.AddCert(one)
		} else {
			t.Intermediates = append(t.Intermediates, one)
		}
	}
	return t, nil
}

const (
	maxCertificate   = 64 << 10
	certificateFresh = time.Hour
	refusalFresh     = time.Minute
	certificatesMost = 100
)

// certificates remembers keys by address, and addresses that had none.
type certificates struct {
	fetching singleflight.Group

	mu    sync.Mutex
	known map[string]certificate
}

type certificate struct {
	key   *rsa.PublicKey
	err   error // an SNSRefusal
	until time.Time
}

// key fetches a certificate and proves it; all who need the same one at the same time share a call.
func (s *SNS) key(ctx context.Context, address string) (*rsa.PublicKey, error) {
	c := &s.certificates
	c.mu.Lock()
	found, ok := c.known[address]
	c.mu.Unlock()
	if ok && s.now().Before(found.until) {
		return found.key, found.err
	}
	answers := c.fetching.DoChan(address, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
		defer cancel()
		return s.fetch(ctx, address)
	})
	select {
	case answer := <-answers:
		if answer.Err != nil {
			return nil, answer.Err
		}
		key, _ := answer.Val.(*rsa.PublicKey)
		return key, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// fetch remembers what it finds, unless the host just did not answer.
func (s *SNS) fetch(ctx context.Context, address string) (*rsa.PublicKey, error) {
	response, err := s.get(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("fetch a certificate of SNS: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxCertificate+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("fetch a certificate of SNS: %w", err)
	case response.StatusCode >= 500 || response.StatusCode == http.StatusTooManyRequests:
		return nil, fmt.Errorf("fetch a certificate of SNS: it answers %d", response.StatusCode)
	case response.StatusCode != http.StatusOK || len(raw) > maxCertificate:
		return nil, s.remember(address, certificate{err: refuse("certificate", "There is no certificate at SigningCertURL."), until: s.now().Add(refusalFresh)})
	}
	var onTheWay []*x509.Certificate
	if response.TLS != nil {
		onTheWay = response.TLS.PeerCertificates
	}
	leaf, err := s.prove(raw, address, onTheWay)
	if err != nil {
		return nil, s.remember(address, certificate{err: err, until: s.now().Add(refusalFresh)})
	}
	key, err := rsaKey(leaf)
	if err != nil {
		return nil, s.remember(address, certificate{err: err, until: s.now().Add(refusalFresh)})
	}
	until := s.now().Add(certificateFresh)
	if leaf.NotAfter.Before(until) {
		until = leaf.NotAfter
	}
	return key, s.remember(address, certificate{key: key, until: until})
}

func (s *SNS) remember(address string, c certificate) error {
	s.certificates.mu.Lock()
	defer s.certificates.mu.Unlock()
	if s.certificates.known == nil || len(s.certificates.known) >= certificatesMost {
		s.certificates.known = map[string]certificate{}
	}
	s.certificates.known[address] = c
	return c.err
}

// prove wants a certificate of SNS's name that is valid now and leads to a root that is trusted. The file may lack what lies in
// between; the host that served it has usually been certified by the same authority.
func (s *SNS) prove(raw []byte, address string, onTheWay []*x509.Certificate) (*x509.Certificate, error) {
	all, err := parsePEM(raw)
	if err != nil {
		return nil, refuse("certificate", "What SigningCertURL leads to is no certificate: %s.", err)
	}
	leaf, between := all[0], x509.NewCertPool()
	for _, list := range [][]*x509.Certificate{all[1:], onTheWay, s.Trust.Intermediates} {
		for _, one := range list {
			between.AddCert(one)
		}
	}
	if _, err := leaf.Verify(x509.VerifyOptions{
		Roots: s.Trust.Roots, Intermediates: between, CurrentTime: s.now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}); err != nil {
		return nil, refuse("certificate", "The certificate at SigningCertURL is not trusted: %s.", err)
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"sns.amazonaws.com", "sns.amazonaws.com.cn", u.Hostname()} {
		if leaf.VerifyHostname(name) == nil {
			return leaf, nil
		}
	}
	return nil, refuse("certificate", "The certificate at SigningCertURL is not one of SNS's.")
}

func parsePEM(raw []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for {
		block, rest := pem.Decode(raw)
		if block == nil {
			break
		}
		raw = rest
		if block.Type != "CERTIFICATE" {
			continue
		}
		one, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, errors.New("a certificate cannot be read")
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		return nil, errors.New("there is no certificate in PEM")
	}
	return all, nil
}
