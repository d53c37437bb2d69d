package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	buildkit "github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/frontend/subrequests/lint"
	"golang.org/x/sync/errgroup"

	"github.com/org/multiarch-action/internal/plan"
)

// Answer is what a frontend says about a Dockerfile.
type Answer struct {
	Text string
	JSON string
	Bad  bool // a check found something
	// Findings are what a check found.
	Findings []StyleFinding
}

// StyleFinding is what a check of a Dockerfile found.
type StyleFinding struct {
	File string // as the build knows it; empty: it is about no place
	Line int
	Text string
	URL  string // what says more
}

// styleFindings puts results of BuildKit's linter into our words.
func styleFindings(results lint.LintResults) []StyleFinding {
	var out []StyleFinding
	for _, w := range results.Warnings {
		f := StyleFinding{Text: w.RuleName + ": " + w.Detail, URL: w.URL}
		if at := w.Location; at != nil && len(at.Ranges) > 0 && at.SourceIndex >= 0 && int(at.SourceIndex) < len(results.Sources) {
			f.File, f.Line = results.Sources[at.SourceIndex].Filename, int(at.Ranges[0].Start.Line)
		}
		out = append(out, f)
	}
	return out
}

// requests are the frontend's names for questions (frontend/subrequests of BuildKit).
var requests = map[plan.CallMethod]string{
	plan.CallCheck: "frontend.lint", plan.CallOutline: "frontend.outline", plan.CallTargets: "frontend.targets",
}

// Ask asks the frontend of a plan's Dockerfile what the plan's call says, and builds nothing.
func Ask(ctx context.Context, builder *buildkit.Client, request Request) (Answer, error) {
	j, err := newJob(request)
	if err != nil {
		return Answer{}, err
	}
	attachables, err := j.sources.attachables(j.Keychain)
	if err != nil {
		return Answer{}, err
	}
	opt := buildkit.SolveOpt{
		LocalMounts: j.sources.mounts, OCIStores: j.sources.layouts, Session: attachables, FrontendAttrs: map[string]string{}, Internal: true,
	}
	var answer Answer
	status := make(chan *buildkit.SolveStatus)
	var g errgroup.Group
	g.Go(func() error {
		for message := range status {
			j.log.add(message)
			message.Warnings = nil // of a check they are the answer, else they are of no concern
			j.status(message)
		}
		return nil
	})
	g.Go(func() error {
		_, err := builder.Build(ctx, opt, "multiarch-action", func(ctx context.Context, c gateway.Client) (*gateway.Result, error) {
			var err error
			answer, err = j.ask(ctx, c)
			return gateway.NewResult(), err
		}, status)
		return err
	})
	if err := g.Wait(); err != nil {
		failure := j.failure(err)
		failure.complete(j.log)
		return Answer{}, fmt.Errorf("dockerfile: asking for its %s: %w", request.Plan.Call.Method, failure)
	}
	return answer, nil
}

func (j *job) ask(ctx context.Context, c gateway.Client) (Answer, error) {
	opt := j.frontendOpt(j.Plan.Platforms...)
	opt["requestid"] = requests[j.Plan.Call.Method]
	needs := "moby.buildkit.frontend.subrequests"
	if others := opt["frontend.caps"]; others != "" {
		needs = strings.Join([]string{others, needs}, ",")
	}
	opt["frontend.caps"] = needs
	result, err := c.Solve(ctx, gateway.SolveRequest{Frontend: "dockerfile.v0", FrontendOpt: opt})
	if err != nil {
		return Answer{}, err
	}
	answer := Answer{Text: string(result.Metadata["result.txt"]), JSON: string(result.Metadata["result.json"])}
	if answer.Text == "" && answer.JSON == "" {
		return answer, errors.New("the frontend has no answer")
	}
	var checked lint.LintResults
	if err := json.Unmarshal([]byte(answer.JSON), &checked); err == nil && j.Plan.Call.Method == plan.CallCheck {
		if checked.Error != nil {
			return answer, errors.New(checked.Error.Message) // where else a question ends with an error, a check says it in its answer
		}
		answer.Findings = styleFindings(checked)
	}
	status := string(result.Metadata["result.statuscode"])
	answer.Bad = status != "" && status != "0"
	return answer, nil
}
