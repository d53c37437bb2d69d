package setup

import "testing"

func TestVersionWarning(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		"v0.28.1": "", "v0.28.10": "", "v0.33.1": "", "v1.0.0": "", "v0.29.0-rc1": "",
		"": "", "unknown": "", "4f5c2a1": "", "v0.28": "",
		"v0.28.0":     "BuildKit v0.28.0 has known vulnerabilities, which v0.28.1 fixes; use a newer image for the builder",
		"v0.9.3":      "BuildKit v0.9.3 has known vulnerabilities, which v0.28.1 fixes; use a newer image for the builder",
		"v0.12.5-dev": "BuildKit v0.12.5-dev has known vulnerabilities, which v0.28.1 fixes; use a newer image for the builder",
	} {
		if got := VersionWarning(version); got != want {
			t.Errorf("VersionWarning(%q) = %q, want %q", version, got, want)
		}
	}
}
