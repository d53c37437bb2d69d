package verify

import "github.com/org/multiarch-action/internal/plan"

// Checks about how an image is stored. They are found where documents and layers are read, which this package does not do.
const (
	CheckChildDigest    = "index/child-digest"
	CheckChildSize      = "index/child-size"
	CheckDocument       = "index/document"
	CheckIndexLimits    = "index/limits"
	CheckIndexMissing   = checkIndexMissing
	CheckChildMissing   = checkIndexChildMissing
	CheckDiffIDsCount   = checkConfigDiffIDs
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
	CheckAgainst        = "cross/against"
)

// storedChecks are the rows of these checks.
var storedChecks = []Check{
	{CheckChildDigest, plan.SeverityError, "A manifest or config has another digest than the one it is named by.", "manifests and configs", CostRequest},
	{CheckChildSize, plan.SeverityError, "A manifest or config has another size than the one it is named with.", "manifests and configs", CostRequest},
	{CheckDocument, plan.SeverityError, "A manifest or config cannot be read, or can be taken for different things.", "index, manifests and configs", CostRequest},
	{CheckIndexLimits, plan.SeverityError, "An index, manifest or config is larger, or names more, than anything real.", "index, manifests and configs", CostRequest},
	{CheckLayerMissing, plan.SeverityError, "A layer is not where the image is.", "the layers", CostLayers},
	{CheckLayerSize, plan.SeverityError, "A layer has more or fewer bytes than the manifest says.", "all bytes of the layers", CostLayers},
	{CheckLayerDigest, plan.SeverityError, "A layer's bytes are not those that the manifest names.", "all bytes of the layers", CostLayers},
	{CheckLayerDiffID, plan.SeverityError, "A layer's tar file is not the one that the config names.", "all bytes of the layers", CostLayers},
	{CheckLayerContent, plan.SeverityError, "A layer cannot be unpacked.", "all bytes of the layers", CostLayers},
	{CheckLayerHardLink, plan.SeverityError, "A layer has a hard link to a file that is not there.", "all bytes of the layers", CostLayers},
	{CheckLayerLimits, plan.SeverityError, "A layer is over a limit that no real image reaches, as decompression bombs are.", "all bytes of the layers", CostLayers},
	{CheckLayerPath, plan.SeverityError, "A path in a layer leads out of the image or through a loop of links.", "all bytes of the layers", CostLayers},
	{CheckLayerDuplicate, plan.SeverityWarning, "A layer has one path twice, and tools differ in which of the two they take.", "all bytes of the layers", CostLayers},
	{CheckLayerMediaType, plan.SeverityWarning, "A layer is compressed in another way than its media type says.", "all bytes of the layers", CostLayers},
	{CheckLayerTrailing, plan.SeverityWarning, "Something follows the end of a layer's compressed data.", "all bytes of the layers", CostLayers},
	{CheckLayerForeign, plan.SeverityNote, "A layer may not be distributed, so it was not read, and what needs its files was not checked.", "all bytes of the layers", CostLayers},
	{CheckAgainst, plan.SeverityWarning, "A platform is gone, changed its size by a factor of two, or has errors that the earlier image did not have.", "both images", CostLayers},
}

// Rated gives a finding the severity of its check.
func Rated(f plan.Finding) plan.Finding {
	f.Severity = severityOf(f.Check)
	return f
}
