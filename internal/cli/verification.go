package cli

import (
	"context"
	"io/fs"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	fstypes "github.com/tonistiigi/fsutil/types"

	"github.com/org/multiarch-action/internal/build"
	"github.com/org/multiarch-action/internal/plan"
	"github.com/org/multiarch-action/internal/verify"
)

// verification checks images at a level and by a policy, and keeps what it learns of each platform until all can be compared.
type verification struct {
	level   plan.Level
	policy  plan.Policy
	version string           // of this program
	slow    func(why string) // is told once why many files are read in the slow way

	mu       sync.Mutex
	programs map[string]verify.Programs // by platform
	saidSlow sync.Once
}

// image checks a platform's files where the builder has them. It may be called for several platforms at once.
func (v *verification) image(ctx context.Context, p plan.Platform, config ocispec.Image, files *build.Files) ([]plan.Finding, error) {
	findings, programs, err := v.inspect(ctx, p, config, files)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.programs == nil {
		v.programs = map[string]verify.Programs{}
	}
	v.programs[p.String()] = programs
	return v.policy.Apply(findings), nil
}

// index checks an index, what it names, and the platforms beside each other.
func (v *verification) index(want []plan.Platform, index v1.IndexManifest, images []plan.Pushed) []plan.Finding {
	published := verify.Published{Index: index, Configs: map[v1.Hash]ocispec.Image{}, Layers: map[v1.Hash]int{}}
	var facts []verify.Facts
	for _, image := range images {
		hash := image.Descriptor.Digest
		published.Configs[hash], published.Layers[hash] = image.Config, image.Layers
		facts = append(facts, verify.Facts{
			Platform: image.Platform, Config: image.Config, Manifest: hash, Size: image.Size, Programs: v.programs[image.Platform.String()],
		})
	}
	findings := verify.Index(want, published)
	if v.level != plan.VerifyOff {
		findings = append(findings, verify.Across(facts)...)
	}
	return v.policy.Apply(findings)
}

// snapshot is the builder's view of an image's files in the terms of verify.
type snapshot struct{ files *build.Files }

// Stat describes a file, without following a link.
func (s snapshot) Stat(ctx context.Context, path string) (verify.File, error) {
	stat, err := s.files.Lstat(ctx, path)
	if err != nil {
		return verify.File{}, err
	}
	return fileOf(stat), nil
}

// ReadAt reads part of a file.
func (s snapshot) ReadAt(ctx context.Context, path string, offset, length int64) ([]byte, error) {
	return s.files.ReadAt(ctx, path, offset, length)
}

// Walk lists every file.
func (s snapshot) Walk(ctx context.Context, root string, skip func(path string, kind fs.FileMode) bool, visit func(string, verify.File) error) error {
	return s.files.Walk(ctx, root, skip, func(name string, stat *fstypes.Stat) error { return visit(name, fileOf(stat)) })
}

func fileOf(stat *fstypes.Stat) verify.File {
	return verify.File{
		Mode: fs.FileMode(stat.Mode), Size: stat.Size, Link: stat.Linkname, UID: int(stat.Uid), GID: int(stat.Gid),
	}
}

// checkIDs names all checks, for rules about them.
func checkIDs() []string {
	var ids []string
	for _, c := range verify.Checks() {
		ids = append(ids, c.ID)
	}
	for _, c := range preflightChecks() {
		ids = append(ids, c[0])
	}
	return ids
}
