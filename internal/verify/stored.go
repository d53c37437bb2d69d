package verify

import "github.com/org/multiarch-action/internal/plan"

// Checks about how an image is stored. They are found where documents and layers are read, which this package does not do.
const (
	CheckChildDigest    = "index/child-digest"
	CheckChildSize      = "index/child-size"
	CheckDocument       = "index/document"
	CheckOversize       = "index/oversize"
	CheckIndexMissing   = checkIndexMissing
	CheckChildMissing   = checkIndexChildMissing
	CheckLayerMissing   = "layer/missing"
	CheckLayerSize      = "layer/size"
	CheckLayerDigest    = "layer/digest"
	CheckLayerDiffID    = "layer/diffid"
	CheckLayerContent   = "layer/content"
	CheckLayerHardLink  = "layer/hard-link"
	CheckLayerLimits    = "layer/limits"
	CheckLayerPath      = "layer/unsafe-path"
	CheckLayerDuplicate = "layer/duplicate-path"
	CheckLayerMediaType = "layer/media-type"
	CheckLayerTrailing  = "layer/trailing-bytes"
	CheckLayerForeign   = "layer/not-distributed"
	CheckLayerZstd      = "layer/zstd-docker"
	CheckConfigForeign  = checkConfigForeign
	CheckAgainst        = "cross/against"
)

// storedChecks are the rows of these checks.
var storedChecks = []Check{
	{ID: CheckChildDigest, Severity: plan.SeverityError, Meaning: "A manifest or config has another digest than the one it is named by.", Reads: "all manifests and configs", Cost: CostRequest},
	{ID: CheckChildSize, Severity: plan.SeverityError, Meaning: "A manifest or config has another size than the one it is named with.", Reads: "all manifests and configs", Cost: CostRequest},
	{ID: CheckDocument, Severity: plan.SeverityError, Meaning: "A manifest or config cannot be read, or can be taken for different things.", Reads: "all manifests and configs", Cost: CostRequest},
	{ID: CheckOversize, Severity: plan.SeverityError, Meaning: "An index, manifest or config is larger, or names more, than anything real.", Reads: "the index, manifests and configs", Cost: CostRequest},
	{ID: CheckLayerMissing, Severity: plan.SeverityError, Meaning: "A layer is not where the image is.", Reads: "whether each layer can be had", Cost: CostRequest},
	{ID: CheckLayerSize, Severity: plan.SeverityError, Meaning: "A layer has more or fewer bytes than the manifest says.", Reads: "each layer, to its end", Cost: CostWalk},
	{ID: CheckLayerDigest, Severity: plan.SeverityError, Meaning: "A layer's bytes are not those that the manifest names.", Reads: "each layer, to its end", Cost: CostWalk},
	{ID: CheckLayerDiffID, Severity: plan.SeverityError, Meaning: "A layer's tar file is not the one that the config names.", Reads: "each layer, to its end", Cost: CostWalk},
	{ID: CheckLayerContent, Severity: plan.SeverityError, Meaning: "A layer cannot be unpacked.", Reads: "each layer, to its end", Cost: CostWalk},
	{ID: CheckLayerHardLink, Severity: plan.SeverityError, Meaning: "A layer has a hard link to a file that is not there.", Reads: "each layer, to its end", Cost: CostWalk},
	{ID: CheckLayerLimits, Severity: plan.SeverityError, Meaning: "A layer is over a limit that no real image reaches, as decompression bombs are.", Reads: "each layer, to its end", Cost: CostWalk},
	{ID: CheckLayerPath, Severity: plan.SeverityError, Meaning: "A path in a layer leads out of the image or through a loop of links.", Reads: "each layer, to its end", Cost: CostWalk},
	{ID: CheckLayerDuplicate, Severity: plan.SeverityWarning, Meaning: "A layer has one path twice, and tools differ in which of the two they take.", Reads: "each layer, to its end", Cost: CostWalk},
	{ID: CheckLayerMediaType, Severity: plan.SeverityWarning, Meaning: "A layer is compressed in another way than its media type says.", Reads: "the first bytes of each layer", Cost: CostWalk},
	{ID: CheckLayerTrailing, Severity: plan.SeverityWarning, Meaning: "Something follows the end of a layer's compressed data.", Reads: "each layer, to its end", Cost: CostWalk},
	{ID: CheckLayerForeign, Severity: plan.SeverityNote, Meaning: "A layer may not be distributed, so it was not read, and what needs its files was not checked.", Reads: "the manifest", Cost: CostRequest},
	{ID: CheckLayerZstd, Severity: plan.SeverityWarning, Meaning: "A layer is compressed with zstd in a manifest of Docker's type, which engines that know the type need not unpack.", Reads: "the manifest", Cost: CostRequest},
	{ID: CheckAgainst, Severity: plan.SeverityWarning, Meaning: "A platform is gone, changed its size by a factor of two, or has errors that the earlier image did not have.", Reads: "both images", Cost: CostWalk},
}

// Rated gives a finding the severity of its check.
func Rated(f plan.Finding) plan.Finding {
	f.Severity = severityOf(f.Check)
	return f
}
