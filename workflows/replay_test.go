package workflows_test

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"acmesync/workflows"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"
)

// histories holds a folder per commit that histories were recorded at. Those of a version that may still have running
// workflows are never deleted: what today's code decides must be what they say.
const histories = "testdata/histories"

// TestReplay runs today's workflows along the histories of real runs of older ones. A failure here means that a deployment
// would stop the running workflows of all tenants: see workflow.GetVersion.
func TestReplay(t *testing.T) {
	t.Parallel()
	var files []string
	require.NoError(t, filepath.WalkDir(histories, func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".json") {
			files = append(files, path)
		}
		return err
	}))
	require.NotEmpty(t, files, "there is no history to replay: make histories")
	for _, file := range files {
		t.Run(strings.TrimPrefix(file, histories+"/")+" replays", func(t *testing.T) {
			t.Parallel()
			for range 10 { // the order of a map is another each time
				replayer := worker.NewWorkflowReplayer()
				workflows.Register(replayer)
				require.NoError(t, replayer.ReplayWorkflowHistoryFromJSONFile(quiet(), file))
			}
		})
	}
}
