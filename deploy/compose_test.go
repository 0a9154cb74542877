// Package deploy_test loads what the project is deployed with and checks what can be checked without starting it.
package deploy_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

const composeFile = "../docker-compose.yml"

// environment gives every variable of .env.example that compose needs a value.
func environment(t *testing.T) []string {
	t.Helper()
	var env []string
	for name := range example(t) {
		env = append(env, name+"=example")
	}
	return env
}

// example reads the variables that .env.example sets, those in comments left out.
func example(t *testing.T) map[string]string {
	t.Helper()
	raw, err := os.ReadFile("../.env.example")
	require.NoError(t, err)
	set := map[string]string{}
	for line := range strings.Lines(string(raw)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(name, "#") {
			set[name] = value
		}
	}
	return set
}

func load(t *testing.T, env []string) (*types.Project, error) {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{composeFile}, cli.WithEnv(env))
	require.NoError(t, err)
	return options.LoadProject(context.Background())
}

func project(t *testing.T) *types.Project {
	t.Helper()
	p, err := load(t, environment(t))
	require.NoError(t, err)
	return p
}

func TestCompose(t *testing.T) {
	t.Parallel()

	t.Run("every part of the product and what it needs is there", func(t *testing.T) {
		t.Parallel()
		require.ElementsMatch(t, project(t).ServiceNames(), []string{
			"postgres", "temporal-schema", "temporal", "temporal-ui", "migrate", "setup", "api", "worker", "acme", "app",
		})
	})

	t.Run("a service with a port has a health check and answers on this machine only", func(t *testing.T) {
		t.Parallel()
		for name, service := range project(t).Services {
			for _, port := range service.Ports {
				require.Equal(t, "127.0.0.1", port.HostIP, "%s publishes %d", name, port.Target)
				require.NotNil(t, service.HealthCheck, "%s has a port", name)
				require.NotEmpty(t, service.HealthCheck.Test, "%s has a port", name)
			}
		}
	})

	t.Run("what is waited for can become what is waited for", func(t *testing.T) {
		t.Parallel()
		services := project(t).Services
		for name, service := range services {
			for on, dependency := range service.DependsOn {
				switch dependency.Condition {
				case types.ServiceConditionHealthy:
					require.NotNil(t, services[on].HealthCheck, "%s waits for %s", name, on)
				case types.ServiceConditionCompletedSuccessfully:
					require.True(t, strings.HasPrefix(services[on].Restart, "on-failure"), "%s waits for %s to end", name, on)
				default:
					require.Failf(t, "a wait that waits for nothing", "%s on %s: %s", name, on, dependency.Condition)
				}
			}
		}
	})

	t.Run("mounted files exist and data is in named volumes", func(t *testing.T) {
		t.Parallel()
		p := project(t)
		named := map[string]bool{}
		for name, service := range p.Services {
			for _, volume := range service.Volumes {
				if volume.Type == types.VolumeTypeBind {
					require.FileExists(t, volume.Source, "mounted by %s", name)
					require.True(t, volume.ReadOnly, "%s mounts %s", name, volume.Source)
					continue
				}
				named[volume.Source] = true
			}
		}
		require.Len(t, named, len(p.Volumes))
		for name := range p.Volumes {
			require.True(t, named[name], "nobody uses the volume %s", name)
		}
	})

	t.Run("every program that is started is in the image", func(t *testing.T) {
		t.Parallel()
		dockerfile, err := os.ReadFile("../Dockerfile")
		require.NoError(t, err)
		for name, service := range project(t).Services {
			if service.Image != "acmesync" {
				continue
			}
			programs := []string{service.Command[0]}
			if service.HealthCheck != nil {
				programs = append(programs, service.HealthCheck.Test[1])
			}
			for _, program := range programs {
				require.Equal(t, "/usr/local/bin", filepath.Dir(program), name)
				require.Contains(t, string(dockerfile), "/out/"+filepath.Base(program), name)
			}
		}
	})

	t.Run("images are pinned to a version", func(t *testing.T) {
		t.Parallel()
		for name, service := range project(t).Services {
			if service.Build == nil {
				require.Regexp(t, `:\d+\.\d+`, service.Image, name)
			}
		}
	})
}

func TestSecrets(t *testing.T) {
	t.Parallel()

	t.Run("the example sets no value", func(t *testing.T) {
		t.Parallel()
		require.NotEmpty(t, example(t))
		for name, value := range example(t) {
			require.Empty(t, value, name)
		}
	})

	t.Run("compose refuses to start while any of them is missing", func(t *testing.T) {
		t.Parallel()
		for name := range example(t) {
			var rest []string
			for _, entry := range environment(t) {
				if !strings.HasPrefix(entry, name+"=") {
					rest = append(rest, entry)
				}
			}
			_, err := load(t, rest)
			require.ErrorContains(t, err, name)
		}
	})
}
