package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/org/multiarch-action/internal/build"
	"github.com/org/multiarch-action/internal/plan"
)

// errBadStyle ends a check that found something, which it has printed.
var errBadStyle = errors.New("the check of the Dockerfile found something")

// ask asks about the Dockerfile instead of building it, and prints the answer.
func (r *run) ask(ctx context.Context) error {
	if err := r.host.SaveState("run", r.id); err != nil {
		return err
	}
	r.claimHome()
	answer, err := r.answer(ctx)
	if err = errors.Join(err, r.close(ctx)); err != nil {
		return err
	}
	return r.printAnswer(answer)
}

func (r *run) answer(ctx context.Context) (build.Answer, error) {
	if err := r.dialNodes(ctx); err != nil {
		return build.Answer{}, err
	}
	err := r.startBuilder(ctx, func(context.Context) error { return nil })
	if r.own != nil {
		r.nodes = append([]*node{r.own}, r.nodes...)
	}
	if err == nil {
		err = r.settleHosts(ctx)
	}
	if err != nil {
		return build.Answer{}, err
	}
	defer context.AfterFunc(ctx, func() { _ = r.closeNodes(ctx) })()
	display, closeDisplay, err := r.display(ctx)
	if err != nil {
		return build.Answer{}, err
	}
	asking, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	part := r.planFor(r.nodes[0])
	answer, err := build.Ask(asking, r.nodes[0].client, build.Request{Plan: &part, Status: display.Status, Archive: r.stdin.archive()})
	return answer, errors.Join(err, closeDisplay())
}

// askTimeout bounds how long a Dockerfile and its frontend may take to be fetched.
const askTimeout = 10 * time.Minute

func (r *run) printAnswer(answer build.Answer) error {
	text := strings.TrimSpace(answer.Text)
	switch call := r.plan.Call; {
	case call.Format == "json":
		text = answer.JSON
	case call.Method == plan.CallCheck && text == "":
		text = "Check complete, no warnings found."
	}
	if r.plan.Call.Method == plan.CallCheck && r.plan.Call.Format != "json" {
		text = r.counted(text, len(answer.Findings))
	}
	if _, err := fmt.Fprintln(r.results(), text); err != nil {
		return fmt.Errorf("standard output: writing: %w", err)
	}
	if err := r.answerFile(answer); err != nil {
		return err
	}
	for _, f := range answer.Findings {
		r.host.Warning(r.shownFile(f.File), f.Line, warningText(f.Text, f.URL)) // elsewhere the answer is what people read
	}
	if answer.Bad && !r.plan.Call.IgnoreStatus {
		return errBadStyle
	}
	return nil
}

// counted is the text of a check as docker buildx build ends it, with the Dockerfile as it is found from here.
func (r *run) counted(text string, findings int) string {
	name := filepath.Base(r.plan.Dockerfile)
	text = strings.ReplaceAll(text, "\n"+name+":", "\n"+r.shownFile(name)+":")
	switch findings {
	case 0:
		return text
	case 1:
		return text + "\n\nCheck complete, 1 warning has been found!"
	}
	return fmt.Sprintf("%s\n\nCheck complete, %d warnings have been found!", text, findings)
}

// answerFile writes an answer where docker buildx build writes it: into the metadata file.
func (r *run) answerFile(answer build.Answer) error {
	if r.plan.MetadataFile == "" || answer.JSON == "" {
		return nil
	}
	return writeFile(r.plan.MetadataFile, os.O_TRUNC, func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(map[string]json.RawMessage{"result.json": json.RawMessage(answer.JSON)})
	})
}
