package verify

import (
	"slices"

	"github.com/org/multiarch-action/internal/plan"
)

// Check is one kind of finding.
type Check struct {
	ID       string        // as in Finding.Check
	Severity plan.Severity // the highest that it is reported with
	Meaning  string        // one sentence: what is wrong when it is reported
}

const (
	checkConfigPlatform    = "config/platform"
	checkConfigMissingArch = "config/missing-arch"
	checkProgramNone       = "program/none"
	checkProgramUnchecked  = "program/unchecked"
	checkProgramMissing    = "program/missing"
	checkProgramNotRegular = "program/not-regular"
	checkProgramNotExec    = "program/not-executable"
	checkProgramArch       = "program/arch"
	checkProgramArchCompat = "program/arch-compat"
	checkProgramOSABI      = "program/osabi"
	checkProgramFormat     = "program/format"
	checkProgramNoFormat   = "program/no-format"
	checkProgramTruncated  = "program/truncated"
	checkInterpMissing     = "program/interp-missing"
	checkInterpArch        = "program/interp-arch"
	checkScriptInterp      = "program/script-interp"
	checkScriptDepth       = "program/script-depth"
	checkProgramUnfollowed = "program/unfollowed"
	checkIndexEmpty        = "index/empty"
	checkIndexMediaType    = "index/media-type"
	checkIndexChildUnknown = "index/child-unknown-type"
	checkIndexChildMissing = "index/child-missing"
	checkIndexMissing      = "index/platform-missing"
	checkIndexExtra        = "index/platform-extra"
	checkIndexDuplicate    = "index/platform-duplicate"
	checkIndexAbsent       = "index/platform-absent"
	checkAttestDangling    = "index/attestation-dangling"
	checkAttestPlatform    = "index/attestation-platform"
)

// checks is the table behind Checks, in the order in which documentation lists it.
var checks = []Check{
	{checkConfigPlatform, plan.SeverityError, "The image's config names another operating system, architecture or variant than the platform it is published for."},
	{checkConfigMissingArch, plan.SeverityError, "The image's config names no operating system or no architecture, though both are required."},
	{checkProgramNone, plan.SeverityNote, "The image has neither an entrypoint nor a command, so there is no program to check."},
	{checkProgramUnchecked, plan.SeverityNote, "Programs are checked in Linux images only."},
	{checkProgramMissing, plan.SeverityError, "A program that the image starts is not in the image."},
	{checkProgramNotRegular, plan.SeverityError, "What the image starts is a directory, a device, or a link that leads nowhere."},
	{checkProgramNotExec, plan.SeverityError, "A program that the image starts may be executed by nobody."},
	{checkProgramArch, plan.SeverityError, "A program that the image starts was made for another machine than the platform's."},
	{checkProgramArchCompat, plan.SeverityWarning, "A program that the image starts is 32-bit and runs on the 64-bit platform only where the kernel allows it."},
	{checkProgramOSABI, plan.SeverityError, "An ELF file that the image starts is for another operating system, or is not a program."},
	{checkProgramFormat, plan.SeverityError, "What the image starts is in a format that Linux cannot execute, such as a Windows or macOS program, or has a damaged header."},
	{checkProgramNoFormat, plan.SeverityError, "What the image starts is neither an ELF program nor a script that begins with #!."},
	{checkProgramTruncated, plan.SeverityError, "A program that the image starts was cut: its headers name bytes behind its end."},
	{checkInterpMissing, plan.SeverityError, "The loader that a dynamically linked program asks for is not in the image."},
	{checkInterpArch, plan.SeverityError, "The loader that a dynamically linked program asks for was made for another machine than the program."},
	{checkScriptInterp, plan.SeverityError, "The program named in a script's #! line is missing, not executable, or made for another machine."},
	{checkScriptDepth, plan.SeverityError, "Scripts whose #! lines name scripts are nested deeper than the kernel allows."},
	{checkProgramUnfollowed, plan.SeverityNote, "Which program is started next cannot be told without running the image, so it was not checked."},
	{checkIndexEmpty, plan.SeverityError, "The index holds no image."},
	{checkIndexMediaType, plan.SeverityError, "The registry's answer is not an image index."},
	{checkIndexChildUnknown, plan.SeverityError, "The index holds an entry that is not an image manifest."},
	{checkIndexChildMissing, plan.SeverityError, "The index names an image whose config could not be had from the registry."},
	{checkIndexMissing, plan.SeverityError, "A requested platform is not in the index."},
	{checkIndexExtra, plan.SeverityError, "The index holds a platform that was not requested."},
	{checkIndexDuplicate, plan.SeverityError, "The index holds one platform more than once, and clients take only one of them."},
	{checkIndexAbsent, plan.SeverityError, "An image in the index names no platform, so clients have to guess."},
	{checkAttestDangling, plan.SeverityError, "An attestation in the index is about a manifest that is not in the index."},
	{checkAttestPlatform, plan.SeverityError, "An attestation in the index names a real platform, so a client could pull it as an image."},
}

// Checks returns the table of all checks, in the order in which documentation lists them.
func Checks() []Check { return slices.Concat(checks, storedChecks) }

// severityOf returns a check's severity from the table.
func severityOf(id string) plan.Severity {
	for _, c := range Checks() {
		if c.ID == id {
			return c.Severity
		}
	}
	return plan.SeverityError // a check that was left out of the table must not become harmless; a test looks for it
}
