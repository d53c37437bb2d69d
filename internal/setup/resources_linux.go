package setup

import "golang.org/x/sys/unix"

// freeDisk is how many bytes root may still write below a folder.
func freeDisk(folder string) int64 {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return 0
	}
	return int64(s.Bfree) * int64(s.Bsize) //nolint:unconvert // 32 bits on some architectures
}

func totalMemory() int64 {
	var s unix.Sysinfo_t
	if err := unix.Sysinfo(&s); err != nil {
		return 0
	}
	return int64(s.Totalram) * int64(s.Unit)
}
