package plan

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// qemuCPU reads lines such as "linux/arm/v6=arm1176", and such as "max,sve=off" for all platforms that have no line of their own.
func (r *reader) qemuCPU(platforms []Platform) map[string]string {
	if len(r.in.QEMUCPU) == 0 {
		return nil
	}
	const input = "--qemu-cpu"
	if strings.TrimSpace(r.in.SmokeTest) == "" {
		r.problem(input, r.in.QEMUCPU[0], "it is for the smoke test, and there is none", "add --test")
	}
	models := map[string]string{} // by platform; that for all has no name
	for _, line := range r.in.QEMUCPU {
		name, model, forOne := strings.Cut(line, "=")
		if !forOne || !strings.Contains(name, "/") { // the model may have an equals sign too
			name, model = "", line
		}
		if !isQEMUCPU(model) {
			r.problem(input, line, "it names no processor", "write what qemu-arm -cpu help lists, for example linux/arm/v6=arm1176")
			continue
		}
		if name != "" {
			p, err := ParsePlatform(name)
			if err != nil {
				problem := err.(*InputError) //nolint:errorlint // ParsePlatform returns nothing else
				r.problem(input, line, problem.Rule, problem.Hint)
				continue
			}
			if !slices.ContainsFunc(platforms, p.Equal) {
				r.problem(input, line, fmt.Sprintf("%s is not one of the platforms to build", p), "name one that --platform names")
				continue
			}
			name = p.String()
		}
		if _, twice := models[name]; twice {
			r.problem(input, line, "there is another line for the same platforms", "write one line for each platform, and at most one for all")
		}
		models[name] = model
	}
	return forEach(platforms, models)
}

// isQEMUCPU reports whether text can be a value of QEMU's option -cpu.
func isQEMUCPU(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) || c == '/' })
}

// forEach gives each platform its own model, or the one for all.
func forEach(platforms []Platform, models map[string]string) map[string]string {
	out := map[string]string{}
	for _, p := range platforms {
		model, own := models[p.String()]
		if !own {
			model = models[""]
		}
		if model != "" {
			out[p.String()] = model
		}
	}
	return out
}
