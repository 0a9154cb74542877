package config_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"acmesync/config"

	"github.com/sethvargo/go-envconfig"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

const goodKey = "Jm2VtXw8qLr5ZsYc1NfBhT4K"

func environment(change map[string]string) envconfig.Lookuper {
	env := map[string]string{
		"DATABASE_URL":      "postgres://acmesync_app:hunter2-canary@db.example:5432/acmesync",
		"ACMESYNC_KEYSET":   base64.StdEncoding.EncodeToString([]byte(`{"primaryKeyId":1,"key":[{}]}`)),
		"ACMESYNC_API_KEYS": "backend:" + goodKey,
		"PUBLIC_URL":        "https://sync.example.com/",
	}
	for name, value := range change {
		env[name] = value
	}
	return envconfig.MapLookuper(env)
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	api, err := config.LoadAPI(t.Context(), environment(map[string]string{"LOG_LEVEL": "", "METRICS_ADDR": " "}))
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:8080", api.HTTPAddr)
	require.Equal(t, "127.0.0.1:9090", api.MetricsAddr)
	require.Equal(t, "https://sync.example.com", api.PublicURL)
	require.Equal(t, config.Log{Level: "info", Format: "json"}, api.Log)
	require.False(t, api.AllowPrivateHosts)
	require.Equal(t, goodKey, api.APIKeys[0].Key.Reveal())

	worker, err := config.LoadWorker(t.Context(), environment(map[string]string{
		"ALERT_URLS": "smtp://u:p@mail.example/?to=a@b.example,c@d.example, slack://hook:token@channel"}))
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:9091", worker.MetricsAddr)
	require.Equal(t, time.Minute, worker.DriftEvery)
	require.Len(t, worker.AlertURLs, 2)
	require.Equal(t, "smtp://u:p@mail.example/?to=a@b.example,c@d.example", worker.AlertURLs[0].Reveal())
}

func TestDriftSeconds(t *testing.T) {
	t.Parallel()
	for _, wrong := range []string{"0", "-1", "86401", "1m", "x"} {
		_, err := config.LoadWorker(t.Context(), environment(map[string]string{"ACMESYNC_DRIFT_SECONDS": wrong}))
		require.ErrorContains(t, err, "ACMESYNC_DRIFT_SECONDS", wrong)
	}
}

func TestPrivateHostsNeedNoPublicURL(t *testing.T) {
	t.Parallel()
	api, err := config.LoadAPI(t.Context(), environment(map[string]string{
		"PUBLIC_URL": "", "ACMESYNC_ALLOW_PRIVATE_HOSTS": "1", "HTTP_ADDR": "127.0.0.1:8181"}))
	require.NoError(t, err)
	require.Equal(t, "http://127.0.0.1:8181", api.PublicURL)
}

func TestAllFaultsAreReportedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := config.LoadAPI(t.Context(), envconfig.MapLookuper(map[string]string{
		"HTTP_ADDR": "8080", "METRICS_ADDR": "127.0.0.1:99999", "LOG_LEVEL": "loud", "LOG_FORMAT": "xml",
		"ACMESYNC_KEYSET": "AAAA", "ACMESYNC_ALLOW_PRIVATE_HOSTS": "perhaps", "ACMESYNC_RUNBOOK_URL": "file:///etc/passwd",
		"ACMESYNC_API_KEYS": "a:short",
	}))
	var faults config.Faults
	require.ErrorAs(t, err, &faults)
	var named []string
	for _, f := range faults {
		named = append(named, f.Variable)
		require.NotEmpty(t, f.Problem)
		require.NotEmpty(t, f.Remedy)
	}
	require.ElementsMatch(t, []string{"DATABASE_URL", "ACMESYNC_KEYSET", "LOG_LEVEL", "LOG_FORMAT", "ACMESYNC_ALLOW_PRIVATE_HOSTS",
		"ACMESYNC_RUNBOOK_URL", "HTTP_ADDR", "METRICS_ADDR", "ACMESYNC_API_KEYS", "PUBLIC_URL"}, named)
}

func TestBadValues(t *testing.T) {
	t.Parallel()
	for name, change := range map[string][2]string{
		"another database":         {"DATABASE_URL", "mysql://u:hunter2-canary@db/x"},
		"no database named":        {"DATABASE_URL", "postgres://u:hunter2-canary@db"},
		"a keyset without a key":   {"ACMESYNC_KEYSET", base64.StdEncoding.EncodeToString([]byte(`{"key":[]}`))},
		"a keyset of zeros":        {"ACMESYNC_KEYSET", base64.StdEncoding.EncodeToString(make([]byte, 64))},
		"a key without a name":     {"ACMESYNC_API_KEYS", goodKey},
		"an example key":           {"ACMESYNC_API_KEYS", "a:example-key-0123456789abcdef"},
		"a key of one letter":      {"ACMESYNC_API_KEYS", "a:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
		"a key with a space":       {"ACMESYNC_API_KEYS", "a:" + goodKey + " x"},
		"two keys of one name":     {"ACMESYNC_API_KEYS", "a:" + goodKey + ",a:" + goodKey + "2"},
		"one key of two names":     {"ACMESYNC_API_KEYS", "a:" + goodKey + ",b:" + goodKey},
		"a trailing comma":         {"ACMESYNC_API_KEYS", "a:" + goodKey + ","},
		"a public URL without TLS": {"PUBLIC_URL", "http://sync.example.com"},
		"a public URL with a user": {"PUBLIC_URL", "https://u:hunter2-canary@sync.example.com"},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			_, err := config.LoadAPI(t.Context(), environment(map[string]string{change[0]: change[1]}))
			var faults config.Faults
			require.ErrorAs(t, err, &faults)
			require.Len(t, faults, 1)
			require.Equal(t, change[0], faults[0].Variable)
			require.NotContains(t, err.Error(), "canary")
			require.NotContains(t, err.Error(), goodKey)
		})
	}
}

func TestSecretsAreNeverShown(t *testing.T) {
	t.Parallel()
	api, err := config.LoadAPI(t.Context(), environment(nil))
	require.NoError(t, err)
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+verb+verb, api, api.Database, &api.Database)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "api", api, "database", api.Database)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "api", api, "database", api.Database)
	core := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(&out), zap.DebugLevel)
	zap.New(core).Info("x", zap.Any("api", api), zap.Any("database", api.Database), zap.Stringer("s", api.Database))
	encoded, err := json.Marshal(api)
	require.NoError(t, err)
	out.Write(encoded)
	require.NotContains(t, out.String(), "canary")
	require.NotContains(t, out.String(), goodKey)
	require.Contains(t, out.String(), "[redacted]")
}
