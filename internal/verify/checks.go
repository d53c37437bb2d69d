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
	Reads    string        // what has to be read to decide it
	Cost     Cost
}

// Cost says how much work a check is, from what is in hand already to a look at every file.
type Cost string

// The costs, least first.
const (
	CostNone    Cost = "nothing"       // it reads what is in hand
	CostRequest Cost = "small request" // manifests and configs, some kilobytes each
	CostHeaders Cost = "headers"       // some small reads of each program that the image starts, and of its libraries
	CostWalk    Cost = "every file"    // the list of all files, and the first bytes of each
	CostRun     Cost = "a run"         // a container on the builder
)

const (
	checkConfigPlatform    = "config/platform"
	checkConfigVariant     = "config/variant"
	checkConfigVersion     = "config/os-version"
	checkConfigForeign     = "config/foreign-type"
	checkConfigSecret      = "config/secret"
	checkConfigMissingArch = "config/missing-arch"
	checkConfigRootfs      = "config/rootfs-type"
	checkConfigDiffIDs     = "config/diffids-count"
	checkConfigHistory     = "config/history-count"
	checkConfigCreated     = "config/created"
	checkConfigEnv         = "config/env"
	checkConfigWorkdir     = "config/workdir"
	checkConfigUser        = "config/user"
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
	checkInterpLibc        = "program/interp-libc"
	checkLibMissing        = "program/lib-missing"
	checkLibArch           = "program/lib-arch"
	checkLibRuntime        = "program/lib-runtime"
	checkSymbolVersion     = "program/symbol-version"
	checkARMArch           = "program/arm-arch"
	checkARMFloat          = "program/arm-float"
	checkMIPSABI           = "program/mips-abi"
	checkPPCABI            = "program/ppc-abi"
	checkRISCVABI          = "program/riscv-abi"
	checkLoongABI          = "program/loong-abi"
	checkPageSize          = "program/page-size"
	checkX86Level          = "program/x86-level"
	checkX86Library        = "program/x86-library"
	checkGoVariant         = "program/go-variant"
	checkGoNewer           = "program/go-newer"
	checkGoBuild           = "program/buildinfo"
	checkNotExecUser       = "program/not-executable-user"
	checkScriptInterp      = "program/script-interp"
	checkScriptDepth       = "program/script-depth"
	checkProgramUnfollowed = "program/unfollowed"
	checkFilesArch         = "files/arch"
	checkFilesForeign      = "files/foreign"
	checkFilesBeside       = "files/other-platform"
	checkFilesFormat       = "files/format"
	checkCrossConfig       = "cross/config"
	checkCrossCopy         = "cross/copy"
	checkCrossBase         = "cross/base"
	checkCrossNative       = "cross/native-equal"
	checkCrossSize         = "cross/size"
	checkIndexEmpty        = "index/empty"
	checkIndexMediaType    = "index/media-type"
	checkIndexNested       = "index/nested"
	checkIndexOrder        = "index/variant-order"
	checkIndexChildUnknown = "index/child-unknown-type"
	checkIndexChildMissing = "index/child-missing"
	checkIndexMissing      = "index/platform-missing"
	checkIndexExtra        = "index/platform-extra"
	checkIndexDuplicate    = "index/platform-duplicate"
	checkIndexAbsent       = "index/platform-absent"
	checkIndexValue        = "index/platform-unknown-value"
	checkIndexLimits       = "index/limits"
	checkAttestDangling    = "index/attestation-dangling"
	checkAttestPlatform    = "index/attestation-platform"
)

// checks is the table behind Checks, in the order in which documentation lists it.
var checks = []Check{
	{checkConfigPlatform, plan.SeverityError, "The image's config names another operating system or architecture than the platform it is published for.", "the config", CostNone},
	{checkConfigVariant, plan.SeverityError, "The image's config names another variant than the platform it is published for; for 32-bit ARM that is an error.", "the config", CostNone},
	{checkConfigVersion, plan.SeverityError, "The image's config names another version of Windows than the platform it is published for.", "the config", CostNone},
	{checkConfigForeign, plan.SeverityNote, "An entry of the index is no container image by its config, so nothing in it was checked.", "the manifest", CostRequest},
	{checkConfigSecret, plan.SeverityWarning, "A variable of ENV or the history holds what looks like a credential.", "the config", CostNone},
	{checkConfigMissingArch, plan.SeverityError, "The image's config names no operating system or no architecture, though both are required.", "the config", CostNone},
	{checkConfigRootfs, plan.SeverityError, "The config's rootfs has another type than layers.", "the config", CostNone},
	{checkConfigDiffIDs, plan.SeverityError, "The config has not one diff id for each layer of the manifest.", "the manifest and the config", CostRequest},
	{checkConfigHistory, plan.SeverityWarning, "The config's history does not tell of as many layers as the manifest has.", "the manifest and the config", CostRequest},
	{checkConfigCreated, plan.SeverityNote, "The config was made more than a day in the future.", "the config", CostNone},
	{checkConfigEnv, plan.SeverityWarning, "A variable of ENV has no name or no value at all, or PATH is empty.", "the config", CostNone},
	{checkConfigWorkdir, plan.SeverityError, "WORKDIR is a file, or a folder that the image's user may not enter; a missing one is fine.", "the config, modes and owners of folders", CostHeaders},
	{checkConfigUser, plan.SeverityError, "USER names a user or group that the image's files do not know.", "the config, /etc/passwd and /etc/group", CostHeaders},
	{checkProgramNone, plan.SeverityNote, "The image has neither an entrypoint nor a command, so there is no program to check.", "the config", CostNone},
	{checkProgramUnchecked, plan.SeverityNote, "Programs are checked in Linux images only.", "the config", CostNone},
	{checkProgramMissing, plan.SeverityError, "A program that the image starts is not in the image.", "config, links and mode bits", CostHeaders},
	{checkProgramNotRegular, plan.SeverityError, "What the image starts is a directory, a device, or a link that leads nowhere.", "config, links and mode bits", CostHeaders},
	{checkProgramNotExec, plan.SeverityError, "A program that the image starts may be executed by nobody.", "config, links and mode bits", CostHeaders},
	{checkProgramArch, plan.SeverityError, "A program that the image starts was made for another machine than the platform's.", "the first bytes of the file", CostHeaders},
	{checkProgramArchCompat, plan.SeverityWarning, "A program that the image starts is 32-bit and runs on the 64-bit platform only where the kernel allows it.", "the first bytes of the file", CostHeaders},
	{checkProgramOSABI, plan.SeverityError, "An ELF file that the image starts is for another operating system, or is not a program.", "the first bytes of the file", CostHeaders},
	{checkProgramFormat, plan.SeverityError, "What the image starts is in a format that Linux cannot execute, such as a Windows or macOS program, or has a damaged header.", "the first bytes of the file", CostHeaders},
	{checkProgramNoFormat, plan.SeverityError, "What the image starts is neither an ELF program nor a script that begins with #!.", "the first bytes of the file", CostHeaders},
	{checkProgramTruncated, plan.SeverityError, "A program that the image starts was cut: its headers name bytes behind its end.", "the ELF and program headers", CostHeaders},
	{checkInterpMissing, plan.SeverityError, "The loader that a dynamically linked program asks for is not in the image.", "the program's PT_INTERP, and the header of the loader", CostHeaders},
	{checkInterpArch, plan.SeverityError, "The loader that a dynamically linked program asks for was made for another machine than the program.", "the program's PT_INTERP, and the header of the loader", CostHeaders},
	{checkInterpLibc, plan.SeverityWarning, "The loader that a program for glibc asks for leads to that of musl.", "the links behind PT_INTERP", CostHeaders},
	{checkLibMissing, plan.SeverityError, "A library that a program needs, itself or through another, is in no folder where its loader looks.", "the dynamic sections of program and libraries, the folders in the loader, /etc/ld.so.cache or musl's path file", CostHeaders},
	{checkLibArch, plan.SeverityError, "The only library of a name that a program needs is for another machine, another float ABI, or no library.", "the headers of the libraries", CostHeaders},
	{checkLibRuntime, plan.SeverityNote, "A library of a GPU driver is not in the image, and has to be mounted when it runs.", "the dynamic sections of program and libraries", CostHeaders},
	{checkSymbolVersion, plan.SeverityError, "A library is older than the program that needs it: it lacks versions of symbols, such as GLIBC_2.34.", "the version tables of program and libraries", CostHeaders},
	{checkARMArch, plan.SeverityError, "A 32-bit ARM program, or its C library, was built for a newer architecture than the platform's variant; a warning for other libraries, and for a static program that begins with code for older ones.", "the section .ARM.attributes, and the code with which a static program begins", CostHeaders},
	{checkARMFloat, plan.SeverityError, "A 32-bit ARM program passes floating-point numbers in another way than its loader, or than the variant can.", "e_flags of the ELF headers", CostHeaders},
	{checkMIPSABI, plan.SeverityError, "A MIPS program has another calling convention than Linux starts, or mixes release 6 with older ones.", "e_flags of the ELF headers", CostHeaders},
	{checkPPCABI, plan.SeverityError, "A 64-bit PowerPC program has another calling convention (ELFv1, ELFv2) than its loader, or than ppc64le.", "e_flags of the ELF headers", CostHeaders},
	{checkRISCVABI, plan.SeverityError, "A RISC-V program passes floating-point numbers in another way than its loader, or is for RV64E.", "e_flags of the ELF headers", CostHeaders},
	{checkLoongABI, plan.SeverityError, "A LoongArch program has the old-world ABI, or another one than its loader.", "e_flags of the ELF headers", CostHeaders},
	{checkPageSize, plan.SeverityNote, "A program or library cannot be mapped by kernels with the large pages that some machines of the platform have.", "the program headers", CostHeaders},
	{checkX86Level, plan.SeverityError, "A program is marked to need a higher x86-64 level than the platform's variant.", "the GNU property note", CostHeaders},
	{checkX86Library, plan.SeverityNote, "A library is marked to need a higher x86-64 level than the platform's variant, as all of some distributions are.", "the GNU property notes of the libraries", CostHeaders},
	{checkGoVariant, plan.SeverityError, "A Go program was built for a newer processor than the platform's variant (GOARM, GOAMD64, GOARM64).", "Go's build information", CostHeaders},
	{checkGoNewer, plan.SeverityWarning, "A Go program was built for a newer processor than the first of an architecture that has no variants (GOPPC64, GORISCV64).", "Go's build information", CostHeaders},
	{checkGoBuild, plan.SeverityError, "A Go program was built for another operating system than Linux.", "Go's build information", CostHeaders},
	{checkNotExecUser, plan.SeverityError, "The image's user may not execute a program that the image starts, or not enter a folder on the way to it.", "mode and owner of file and folders, /etc/passwd and /etc/group", CostHeaders},
	{checkScriptInterp, plan.SeverityError, "The program named in a script's #! line is missing, not executable, or made for another machine.", "the first 256 bytes of the script", CostHeaders},
	{checkScriptDepth, plan.SeverityError, "Scripts whose #! lines name scripts are nested deeper than the kernel allows.", "the first 256 bytes of the script", CostHeaders},
	{checkProgramUnfollowed, plan.SeverityNote, "Which program is started next cannot be told without running the image, so it was not checked.", "config, and shell scripts that the image starts", CostHeaders},
	{checkFilesArch, plan.SeverityError, "A program or library in a folder where these are looked for by name was made for another machine.", "the first bytes of all executable files and libraries", CostWalk},
	{checkFilesForeign, plan.SeverityWarning, "A program or library elsewhere was made for another machine, and nothing says that this is meant.", "the first bytes of all executable files and libraries", CostWalk},
	{checkFilesBeside, plan.SeverityNote, "A program or library for another machine lies beside a folder for the platform.", "the first bytes of all executable files and libraries", CostWalk},
	{checkFilesFormat, plan.SeverityNote, "A Windows, macOS or WebAssembly program is in a Linux image.", "the first bytes of all executable files and libraries", CostWalk},
	{checkCrossConfig, plan.SeverityWarning, "Entrypoint, command, user, working directory, ports, volumes, variables or labels differ between the platforms.", "the configs", CostRequest},
	{checkCrossCopy, plan.SeverityError, "Two architectures have the same layers, and programs in them.", "the configs", CostRequest},
	{checkCrossBase, plan.SeverityError, "Two architectures begin with the same layer, and a program of it is for the other one.", "the configs, and the headers of what the images start", CostHeaders},
	{checkCrossNative, plan.SeverityError, "A program or library is the same file on two architectures, of which only one can run it; a warning if nothing is known to look for it.", "both ends of what the images start; at the level full, of all executable files and libraries", CostHeaders},
	{checkCrossSize, plan.SeverityNote, "A platform's layers are three times as large or as small as the middle one's.", "the manifests", CostRequest},
	{"run/test", plan.SeverityError, "The smoke test did not pass in a platform's image.", "the exit status and the output of a command in the image", CostRun},
	{"run/entrypoint", plan.SeverityError, "The image, started as it is, neither ends well, nor gets healthy, nor goes on running.", "the exit status of the image, or of its HEALTHCHECK", CostRun},
	{checkIndexEmpty, plan.SeverityError, "The index holds no image.", "the index", CostNone},
	{checkIndexMediaType, plan.SeverityError, "The registry's answer is not an image index.", "the index", CostNone},
	{checkIndexNested, plan.SeverityWarning, "The index holds another index, into which many clients do not look.", "the index", CostNone},
	{checkIndexOrder, plan.SeverityWarning, "A newer variant of an architecture stands before an older one, and clients that take the first entry get it on old machines.", "the index", CostNone},
	{checkIndexChildUnknown, plan.SeverityError, "The index holds an entry that is not an image manifest.", "the index", CostNone},
	{checkIndexChildMissing, plan.SeverityError, "The index names an image whose config could not be had from the registry.", "the index, and the manifest and config of each image", CostRequest},
	{checkIndexMissing, plan.SeverityError, "A requested platform is not in the index.", "the index", CostNone},
	{checkIndexExtra, plan.SeverityError, "The index holds a platform that was not requested.", "the index", CostNone},
	{checkIndexDuplicate, plan.SeverityError, "The index holds one platform more than once, and clients take only one of them.", "the index", CostNone},
	{checkIndexAbsent, plan.SeverityError, "An image in the index names no platform, so clients have to guess.", "the index", CostNone},
	{checkIndexValue, plan.SeverityWarning, "An entry's platform is written in words that the image specification does not have, such as aarch64 or armv7.", "the index", CostNone},
	{checkIndexLimits, plan.SeverityError, "The index has more entries than any client takes, or impossible sizes.", "the index", CostNone},
	{checkAttestDangling, plan.SeverityError, "An attestation in the index is about a manifest that is not in the index.", "the index", CostNone},
	{checkAttestPlatform, plan.SeverityError, "An attestation in the index names a real platform, so a client could pull it as an image.", "the index", CostNone},
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
