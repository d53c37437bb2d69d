package build

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	buildkit "github.com/moby/buildkit/client"

	"github.com/org/multiarch-action/internal/plan"
)

func TestSecretsAreTakenOutOfWhatStepsPrint(t *testing.T) {
	t.Parallel()
	r := newRedactor(&plan.Plan{
		Secrets: []plan.Secret{{Value: []byte("hunter22")}, {Value: []byte("yes\n")}, {Value: []byte("first line\nsecond line of hunter22\n")}},
		Logins:  []plan.Login{{Password: "open sesame"}},
	})
	message := &buildkit.SolveStatus{
		Vertexes: []*buildkit.Vertex{{Name: "RUN echo hunter22", Error: "hunter22: not found"}},
		Logs:     []*buildkit.VertexLog{{Data: []byte("yes: hunter22, second line of hunter22, open sesame!")}},
	}
	r.message(message)
	got := []string{message.Vertexes[0].Name, message.Vertexes[0].Error, string(message.Logs[0].Data)}
	if diff := cmp.Diff([]string{"RUN echo ***", "***: not found", "yes: ***, ***, ***!"}, got); diff != "" {
		t.Errorf("what is printed (-want +got):\n%s", diff)
	}
}
