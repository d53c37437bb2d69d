package publish

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/org/multiarch-action/internal/registry"
)

// Attestation is what an attestation manifest of BuildKit holds
// (https://github.com/moby/buildkit/blob/v0.33.1/docs/attestations/attestation-storage.md).
type Attestation struct {
	Predicates []string // types of the statements, for example https://slsa.dev/provenance/v1
	Provenance Provenance
}

// Provenance says how an image was built; zero: nothing says it.
type Provenance struct {
	Type      string // of the predicate
	Predicate json.RawMessage
}

// maxStatement bounds what is read of a statement: those of BuildKit with mode=max have some MB at most.
const maxStatement = 64 << 20

// Attestation reads an attestation that was pushed; of statements' content provenance only.
func (r Registry) Attestation(ctx context.Context, repo name.Repository, d v1.Descriptor) (Attestation, error) {
	document, err := r.Fetch(registry.JustWritten(ctx), repo, d.Digest)
	if err != nil {
		return Attestation{}, err
	}
	return readAttestation(document.Raw, func(layer v1.Descriptor) (raw []byte, err error) {
		err = r.do(registry.JustWritten(ctx), repo, func(_ context.Context, options []remote.Option) error {
			raw, err = readBlob(repo.Digest(layer.Digest.String()), options)
			return err
		})
		return raw, err
	})
}

func readBlob(ref name.Digest, options []remote.Option) ([]byte, error) {
	layer, err := remote.Layer(ref, options...)
	if err != nil {
		return nil, err
	}
	blob, err := layer.Compressed() // as it is stored; it is checked against its digest
	if err != nil {
		return nil, err
	}
	defer func() { _ = blob.Close() }() // only read
	return io.ReadAll(io.LimitReader(blob, maxStatement))
}

// Attestation reads an attestation, as Registry.Attestation does.
func (l Layout) Attestation(d v1.Descriptor) (Attestation, error) {
	raw, err := l.bytes(d.Digest)
	if err != nil {
		return Attestation{}, err
	}
	return readAttestation(raw, func(layer v1.Descriptor) ([]byte, error) { return l.bytes(layer.Digest) })
}

// readAttestation reads the types of statements from the annotations of an attestation's layers, where BuildKit writes them.
func readAttestation(raw []byte, read func(v1.Descriptor) ([]byte, error)) (Attestation, error) {
	var manifest v1.Manifest
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return Attestation{}, fmt.Errorf("attestation: reading: %w", err)
	}
	var out Attestation
	for _, layer := range manifest.Layers {
		predicate := layer.Annotations["in-toto.io/predicate-type"]
		out.Predicates = append(out.Predicates, predicate)
		if !strings.HasPrefix(predicate, "https://slsa.dev/provenance/") {
			continue
		}
		raw, err := read(layer)
		if err == nil {
			err = json.Unmarshal(raw, &out.Provenance)
		}
		if err != nil {
			return Attestation{}, fmt.Errorf("attestation: provenance %s: reading: %w", layer.Digest, err)
		}
		out.Provenance.Type = predicate
	}
	return out, nil
}
