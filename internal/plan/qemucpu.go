package plan

import (
	"strings"
	"unicode"
)

// qemuCPU reads lines such as "linux/arm/v6=arm1176", and such as "max,sve=off" for all platforms that have no line of their own. Where
// there is a test and no line, 32-bit ARM has the oldest processor of its variant.
func (r *reader) qemuCPU(platforms []Platform, tested bool) map[string]string {
	const input = "--qemu-cpu"
	if len(r.in.QEMUCPU) > 0 && !tested {
		r.problem(input, r.in.QEMUCPU[0], "it is for the smoke test, and there is none", "add --test")
	}
	out := r.perPlatform(input, r.in.QEMUCPU, platforms, func(model string) (rule, hint string) {
		if isQEMUCPU(model) {
			return "", ""
		}
		return "it names no processor", "write what qemu-arm -cpu help lists, for example linux/arm/v6=arm1176"
	})
	for _, p := range platforms {
		name := p.String()
		if oldest := oldestCPU[name]; tested && oldest != "" && out[name] == "" {
			out[name] = oldest
		}
	}
	return out
}

// isQEMUCPU reports whether text can be a value of QEMU's option -cpu.
func isQEMUCPU(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) || c == '/' })
}
