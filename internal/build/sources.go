package build

import (
	"fmt"
	"io"
	"path/filepath"
	"strconv"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	cliconfig "github.com/docker/cli/cli/config"
	"github.com/moby/buildkit/session"
	"github.com/moby/buildkit/session/auth/authprovider"
	"github.com/moby/buildkit/session/secrets/secretsprovider"
	"github.com/moby/buildkit/session/sshforward/sshprovider"
	"github.com/moby/buildkit/session/upload/uploadprovider"
	"github.com/moby/buildkit/util/staticfs"
	"github.com/tonistiigi/fsutil"
	fstypes "github.com/tonistiigi/fsutil/types"

	"github.com/org/multiarch-action/internal/plan"
)

// The names by which the frontend asks for folders of ours.
const (
	mainContext     = "context"
	mainDockerfile  = "dockerfile"
	stdinDockerfile = "dockerfile-stdin"
)

// namedMount is the name of the folder or layout of a named context.
func namedMount(i int) string { return "named-" + strconv.Itoa(i) }

// sources are the files that a builder may ask this machine for.
type sources struct {
	plan    *plan.Plan
	mounts  map[string]fsutil.FS
	layouts map[string]content.Store
	folders map[string]string // names of the mounts that hold Dockerfiles, by folder
	archive string            // address of the context that came by standard input
	upload  *uploadprovider.Uploader
}

// openSources opens the folders of a plan. The archive is the context from standard input, where the plan has one.
func openSources(p *plan.Plan, archive func() io.ReadCloser) (*sources, error) {
	s := &sources{plan: p, mounts: map[string]fsutil.FS{}, layouts: map[string]content.Store{}, folders: map[string]string{}}
	switch p.ContextKind {
	case plan.ContextFolder:
		if err := s.open(mainContext, "context", p.Context); err != nil {
			return nil, err
		}
	case plan.ContextNone:
		s.mounts[mainContext] = staticfs.NewFS()
	case plan.ContextArchive:
		s.upload = uploadprovider.New()
		s.archive = s.upload.Add(archive())
	}
	if err := s.openDockerfiles(); err != nil {
		return nil, err
	}
	for i, c := range p.Contexts {
		switch c.Kind {
		case plan.ContextFolder:
			if err := s.open(namedMount(i), "context "+c.Name, c.Value); err != nil {
				return nil, err
			}
		case plan.ContextLayout:
			store, err := local.NewStore(c.Value)
			if err != nil {
				return nil, fmt.Errorf("context %s: opening the OCI layout %q: %w", c.Name, c.Value, err)
			}
			s.layouts[namedMount(i)] = store
		}
	}
	return s, nil
}

// openDockerfiles opens the folders of the plan's Dockerfile and of those of single platforms.
func (s *sources) openDockerfiles() error {
	if s.plan.DockerfileText != nil {
		files := staticfs.NewFS()
		files.Add("Dockerfile", &fstypes.Stat{Mode: 0o644}, s.plan.DockerfileText)
		s.mounts[stdinDockerfile] = files
	}
	plans := []*plan.Plan{s.plan}
	for _, platform := range s.plan.Platforms {
		plans = append(plans, s.plan.For(platform))
	}
	for _, p := range plans {
		folder := filepath.Dir(p.Dockerfile)
		if _, known := s.folders[folder]; known || !filepath.IsAbs(p.Dockerfile) {
			continue
		}
		name := mainDockerfile
		if len(s.folders) > 0 {
			name += "-" + strconv.Itoa(len(s.folders))
		}
		s.folders[folder] = name
		if err := s.open(name, "folder of the Dockerfile", folder); err != nil {
			return err
		}
	}
	return nil
}

func (s *sources) open(name, what, folder string) error {
	files, err := fsutil.NewFS(folder)
	if err != nil {
		return fmt.Errorf("%s %q: opening: %w", what, folder, err)
	}
	s.mounts[name] = files
	return nil
}

// dockerfileMount is the mount that holds the Dockerfile, empty if the context does, and its name there.
func (s *sources) dockerfileMount(p *plan.Plan) (mount, name string) {
	switch {
	case p.Dockerfile == plan.Stdin:
		return stdinDockerfile, "Dockerfile"
	case !filepath.IsAbs(p.Dockerfile):
		return "", filepath.ToSlash(p.Dockerfile)
	}
	return s.folders[filepath.Dir(p.Dockerfile)], filepath.Base(p.Dockerfile)
}

// context is the address of a context that is not a folder of ours.
func (s *sources) context(p *plan.Plan) string {
	switch p.ContextKind {
	case plan.ContextGit, plan.ContextHTTP:
		return p.Context
	case plan.ContextArchive:
		return s.archive
	}
	return ""
}

// attachables are what the builder may ask for while it builds: credentials of registries, secrets, SSH agents, and an archive.
func (s *sources) attachables() ([]session.Attachable, error) {
	out := []session.Attachable{registryLogin()}
	if s.upload != nil {
		out = append(out, s.upload)
	}
	if secrets := s.plan.Secrets; len(secrets) > 0 {
		values := map[string][]byte{}
		for _, secret := range secrets {
			values[secret.ID] = secret.Value
		}
		out = append(out, secretsprovider.FromMap(values))
	}
	if agents := s.plan.SSH; len(agents) > 0 {
		configs := make([]sshprovider.AgentConfig, len(agents))
		for i, agent := range agents {
			configs[i] = sshprovider.AgentConfig{ID: agent.ID, Paths: agent.Paths}
		}
		provider, err := sshprovider.NewSSHAgentProvider(configs)
		if err != nil {
			return nil, fmt.Errorf("ssh: %w", err)
		}
		out = append(out, provider)
	}
	return out, nil
}

// registryLogin gives the user's docker credentials to the builder.
func registryLogin() session.Attachable {
	return authprovider.NewDockerAuthProvider(authprovider.DockerAuthProviderConfig{
		AuthConfigProvider: authprovider.LoadAuthConfig(cliconfig.LoadDefaultConfigFile(io.Discard)),
	})
}
