package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"runtime"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/org/multiarch-action/internal/plan"
)

// buildkitImage is the name under which every tool looks for BuildKit.
const buildkitImage = "moby/buildkit:buildx-stable-1"

// buildkitTools are the programs of the image that is made here.
var buildkitTools = []string{"buildkitd", "buildctl", "runc"}

// bringBuildkit makes sure that the engine has the BuildKit image: pulled where a hub answers, else made here.
func (l *lab) bringBuildkit(ctx context.Context) error {
	from, err := l.memos.hub(ctx)
	if err != nil {
		return err
	}
	api, err := l.memos.engine(ctx)
	if err != nil {
		return err
	}
	recipe, err := l.buildkitRecipe()
	if err != nil {
		return fmt.Errorf("buildkit image: %w", err)
	}
	made, found, err := findImage(ctx, api, buildkitImage)
	switch {
	case err != nil:
		return fmt.Errorf("buildkit image: %w", err)
	case found && (made == "" || made == recipe):
		return l.log.step(ctx, "buildkit image", func(context.Context) (string, error) {
			return buildkitImage + " is in the engine already" + map[bool]string{true: ", made by the lab"}[made != ""], nil
		})
	case from.host != "":
		return l.log.step(ctx, "buildkit image", func(ctx context.Context) (string, error) {
			return plan.BuildkitImage + " pulled as " + buildkitImage, pullImage(ctx, api, from)
		})
	}
	return l.makeBuildkit(ctx, api, recipe)
}

// buildkitRecipe names everything that decides what the image made here holds.
func (l *lab) buildkitRecipe() (string, error) {
	var keys []string
	for _, name := range buildkitTools {
		key, _, err := l.toolKey(findTool(name))
		if err != nil {
			return "", err
		}
		keys = append(keys, key)
	}
	return cacheKey("buildkit-image", "1", keys...), nil
}

// findImage says whether the engine has an image, and by which recipe if the lab made it.
func findImage(ctx context.Context, api *client.Client, ref string) (recipe string, found bool, err error) {
	image, err := api.ImageInspect(ctx, ref)
	if errdefs.IsNotFound(err) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("looking for %s: %w", ref, err)
	}
	if image.Config == nil {
		return "", true, nil
	}
	return image.Config.Labels[labLabel], true, nil
}

func pullImage(ctx context.Context, api *client.Client, from hub) error {
	name := from.engineName(plan.BuildkitImage)
	pull, err := api.ImagePull(ctx, name, client.ImagePullOptions{})
	if err != nil {
		return fmt.Errorf("pulling %s: %w", name, err)
	}
	if err := pull.Wait(ctx); err != nil {
		return fmt.Errorf("pulling %s: %w", name, err)
	}
	if _, err := api.ImageTag(ctx, client.ImageTagOptions{Source: name, Target: buildkitImage}); err != nil {
		return fmt.Errorf("naming %s: %w", buildkitImage, err)
	}
	return nil
}

// makeBuildkit builds what upstream's image holds and imports it under upstream's name.
func (l *lab) makeBuildkit(ctx context.Context, api *client.Client, recipe string) error {
	paths := make([]string, len(buildkitTools))
	var packages debs
	group, building := errgroup.WithContext(ctx)
	for i, name := range buildkitTools {
		group.Go(func() (err error) {
			paths[i], err = l.tool(building, name)
			return err
		})
	}
	group.Go(func() (err error) {
		packages, err = l.memos.debs(building)
		return err
	})
	if err := group.Wait(); err != nil {
		return fmt.Errorf("buildkit image: %w", err)
	}
	return l.log.step(ctx, "buildkit image", func(ctx context.Context) (string, error) {
		host, err := hostArch()
		if err != nil {
			return "", err
		}
		entries := buildkitTree(paths, filepath.Join(packages.root("busybox-static", host.debian), "bin", "busybox"))
		return buildkitImage + " made from the module proxy", importImage(ctx, api, recipe, entries)
	})
}

// buildkitTree is the image: the programs, a shell for whoever looks inside, and who may be trusted.
func buildkitTree(programs []string, busybox string) []entry {
	entries := append(baseTree(), programEntry("bin/busybox", busybox))
	for _, applet := range []string{"cat", "ls", "mkdir", "mount", "nsenter", "ps", "rm", "sh", "umount"} {
		entries = append(entries, linkEntry("bin/"+applet, "busybox"))
	}
	entries = append(entries, dirEntry("usr", 0o755), dirEntry("usr/bin", 0o755))
	for _, path := range programs {
		entries = append(entries, programEntry("usr/bin/"+filepath.Base(path), path))
	}
	return append(entries, certificateEntries()...)
}

// importImage streams the tree into the engine. The settings are upstream's.
func importImage(ctx context.Context, api *client.Client, recipe string, entries []entry) error {
	read, write := io.Pipe()
	go func() { write.CloseWithError(writeTree(write, entries)) }() // its error comes out of read
	result, err := api.ImageImport(ctx, client.ImageImportSource{Source: read, SourceName: "-"}, buildkitImage, client.ImageImportOptions{
		Platform: v1.Platform{OS: "linux", Architecture: runtime.GOARCH},
		Changes: []string{
			`ENTRYPOINT ["buildkitd"]`,
			"ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			"ENV BUILDKIT_SETUP_CGROUPV2_ROOT=1",
			"VOLUME /var/lib/buildkit",
			"LABEL " + labLabel + "=" + recipe,
		},
	})
	if err == nil {
		_, err = io.Copy(io.Discard, result)
		_ = result.Close() // read to its end
	}
	_ = read.Close() // lets the writer go if the engine didn't read it all
	if err != nil {
		return fmt.Errorf("importing %s: %w", buildkitImage, err)
	}
	return nil
}
