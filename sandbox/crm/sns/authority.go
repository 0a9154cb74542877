package sns

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// AuthorityFile is the name of the file in the folder that whoever is to believe this SNS has to trust.
const AuthorityFile = "ca.pem"

const keyFile = "ca.key"

// Open makes an authority in a folder, or takes the one that is there, and a certificate for this process.
func Open(folder, url string, now func() time.Time) (*SNS, error) {
	root, rootKey, err := authority(folder)
	if err != nil {
		return nil, fmt.Errorf("open the authority of SNS: %w", err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make a key for SNS: %w", err)
	}
	der, err := certify(&x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "sns.amazonaws.com"}, DNSNames: []string{"sns.amazonaws.com"},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, root, key, rootKey)
	if err != nil {
		return nil, err
	}
	return &SNS{
		URL: url, Now: now, Version: "2", key: key, certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		client: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}, nil
}

func authority(folder string) (*x509.Certificate, *rsa.PrivateKey, error) {
	raw, err := os.ReadFile(filepath.Join(folder, AuthorityFile))
	rawKey, keyErr := os.ReadFile(filepath.Join(folder, keyFile))
	if errors.Is(err, os.ErrNotExist) || errors.Is(keyErr, os.ErrNotExist) {
		return newAuthority(folder)
	}
	if err := errors.Join(err, keyErr); err != nil {
		return nil, nil, err
	}
	block, _ := pem.Decode(raw)
	keyBlock, _ := pem.Decode(rawKey)
	if block == nil || keyBlock == nil {
		return nil, nil, errors.New("its files hold no PEM")
	}
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, nil, err
	}
	key, err := x509.ParsePKCS1PrivateKey(keyBlock.Bytes)
	return root, key, err
}

func newAuthority(folder string) (*x509.Certificate, *rsa.PrivateKey, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Authority of a sandbox"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := certify(template, template, key, key)
	if err != nil {
		return nil, nil, err
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, nil, err
	}
	secret := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return root, key, errors.Join(
		os.WriteFile(filepath.Join(folder, keyFile), secret, 0o600),
		os.WriteFile(filepath.Join(folder, AuthorityFile), public, 0o600),
	)
}

// certify signs for ten years: sandboxes are kept lying.
func certify(template, by *x509.Certificate, key, signer *rsa.PrivateKey) ([]byte, error) {
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().AddDate(10, 0, 0)
	return x509.CreateCertificate(rand.Reader, template, by, &key.PublicKey, signer)
}
