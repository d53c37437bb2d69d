package plan

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/org/multiarch-action/internal/metadata"
)

// Metadata is what an image is called and said to be: its JSON form is that of the output json of docker/metadata-action, with the
// version and what was left out.
type Metadata struct {
	Version     string            `json:"version"`
	Tags        []string          `json:"tags"`      // in the rules' order, image by image; as written, where they are no rules
	TagNames    []string          `json:"tag-names"` // without an image
	Labels      map[string]string `json:"labels"`
	Annotations []string          `json:"annotations"` // LEVEL:KEY=VALUE
	Notes       []string          `json:"-"`

	// LabelLines are the labels as KEY=VALUE, in their order. Separators are what outputs of several values are joined with.
	LabelLines                   []string `json:"-"`
	TagSeparator, LabelSeparator string   `json:"-"`
}

// IsZero reports whether there were no rules.
func (m Metadata) IsZero() bool { return m.Labels == nil }

// The inputs that the rules come from.
const (
	tagFlag    = "--tag"
	imageFlag  = "--image"
	flavorFlag = "--flavor"
)

// metadata finds out whether the tags are references or rules, and makes references out of rules: from then on r.in.Tags holds
// references only.
func (r *reader) metadata(epoch *int64) Metadata {
	r.onlyGiven()
	out := Metadata{TagSeparator: defaultTo(r.in.SepTags, "\n"), LabelSeparator: defaultTo(r.in.SepLabels, "\n")}
	if !r.byRules() {
		references, err := KindList.Split(strings.Join(r.in.Tags, "\n"))
		if err != nil {
			r.problem(tagFlag, strings.Join(r.in.Tags, "\n"), err.Error(), "")
		}
		r.in.Tags, out.Tags = references, references
		return out
	}
	in, ok := r.ruleInputs(epoch)
	if !ok {
		r.in.Tags = nil
		return out
	}
	result, problems := metadata.New(in)
	for _, p := range problems {
		r.problem(map[string]string{"tags": tagFlag, "images": imageFlag, "flavor": flavorFlag, "labels": "--label", "annotations": annotationFlag}[p.Input], p.Value, p.Rule, p.Hint)
	}
	out.Version, out.Tags, out.TagNames, out.Notes = result.Version, result.Tags, result.TagNames, result.Notes
	out.Labels = map[string]string{}
	for _, label := range result.Labels {
		out.Labels[label.Key] = label.Value
		out.LabelLines = append(out.LabelLines, label.Key+"="+label.Value)
	}
	r.in.Labels = out.LabelLines
	plain, targeted := annotationInputs(r.in.Annotations)
	r.said, r.in.Annotations = result.Annotations, targeted
	if r.undescribed {
		r.said = slices.DeleteFunc(r.said, func(pair metadata.Pair) bool {
			return !slices.ContainsFunc(plain, func(entry string) bool { return strings.HasPrefix(entry, pair.Key+"=") })
		})
	}
	for level := range strings.SplitSeq(defaultTo(r.world.Getenv(annotationLevels), "manifest"), ",") {
		for _, a := range r.said {
			out.Annotations = append(out.Annotations, level+":"+a.Key+"="+a.Value)
		}
	}
	r.in.Tags = nil
	for _, image := range result.Images {
		if _, wrong := parseTag(image + ":latest"); wrong != nil {
			r.problem(imageFlag, image, wrong.Rule, "for example --image ghcr.io/owner/app")
			continue
		}
		for _, tag := range result.TagNames {
			r.in.Tags = append(r.in.Tags, image+":"+tag)
		}
	}
	r.withoutTags(result, len(problems) > 0)
	return out
}

// byRules tells rules from references. Rules they are where an image is named that they are for, or where one entry can be nothing else.
// An entry that could be either is a problem.
func (r *reader) byRules() bool {
	r.rules = len(r.in.Images) > 0 || slices.ContainsFunc(r.in.Tags, metadata.IsRule)
	if !r.rules {
		return false
	}
	for _, entry := range r.in.Tags {
		if _, tag := splitTag(entry); metadata.IsRule(entry) || tag == "" {
			continue
		}
		if _, ok := strictTag(entry); ok {
			r.problem(tagFlag, entry, "it is a reference, and the others are rules for --image", "write all as references and leave out --image, or type=raw,value="+entry+" if it is a tag")
		}
	}
	return true
}

// ruleInputs collects what the rules need to know of the world. ok is false after a problem.
func (r *reader) ruleInputs(epoch *int64) (in metadata.Inputs, ok bool) {
	var event Event
	if r.world.Event != nil {
		var err error
		if event, err = r.world.Event(); err != nil {
			r.problem("", "", err.Error(), "rules for tags need the event")
			return in, false
		}
	}
	event.SHA = r.commit(event)
	plain, _ := annotationInputs(r.in.Annotations)
	in = metadata.Inputs{Images: r.in.Images, Tags: r.in.Tags, Flavor: r.in.Flavor, Labels: r.in.Labels, Annotations: plain, Event: event, Now: r.world.Now, Created: r.world.Now}
	if !event.CommitTime.IsZero() {
		in.Created = event.CommitTime
	}
	if epoch != nil {
		in.Now = time.Unix(*epoch, 0)
		in.Created = in.Now
	}
	if text := r.world.Getenv("DOCKER_METADATA_SHORT_SHA_LENGTH"); text != "" {
		length, err := strconv.Atoi(text)
		if err != nil || length < 1 {
			r.problem("DOCKER_METADATA_SHORT_SHA_LENGTH", text, "it is not a number of digits", "for example 12")
			return in, false
		}
		in.ShortSHA = length
	}
	return in, true
}

// commit is the one that an event is about: of a pull request its merge with the base, or, if that is asked for, its last one.
func (r *reader) commit(event Event) string {
	head, _ := strconv.ParseBool(r.world.Getenv("DOCKER_METADATA_PR_HEAD_SHA")) // what is no boolean is not true, as for docker/metadata-action
	if head && strings.Contains(event.Name, "pull_request") {
		return defaultTo(event.HeadSHA, event.SHA)
	}
	return event.SHA
}

// withoutTags says why there is nothing to push or load under, where rules are to say it.
func (r *reader) withoutTags(result metadata.Result, failed bool) {
	push, _ := strconv.ParseBool(r.in.Push)
	load, _ := strconv.ParseBool(r.in.Load)
	switch {
	case failed || !push && !load && r.in.Staged == "" && !r.release:
	case len(result.Images) == 0:
		r.problem(imageFlag, "", "rules make tags, and no image is named to put them on", "add --image, for example --image ghcr.io/owner/app")
	case len(result.TagNames) == 0:
		r.problem(tagFlag, "", "no rule gives a tag for this event", "add one that does, for example type=sha, or push only for events that have tags")
	}
}

// annotationInputs tells custom annotations that are KEY=VALUE, and may hold expressions, from those that name their documents.
func annotationInputs(entries []string) (plain, targeted []string) {
	for _, entry := range entries {
		if key, _, _ := strings.Cut(entry, "="); strings.Contains(key, ":") {
			targeted = append(targeted, entry)
		} else {
			plain = append(plain, entry)
		}
	}
	return plain, targeted
}
