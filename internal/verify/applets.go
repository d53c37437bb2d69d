package verify

import (
	"slices"
	"strings"
)

// applets are the programs of busybox that commands of images use. A busybox that was built with FEATURE_SH_STANDALONE, as Debian's static
// one is, runs them without a link of their name.
var applets = strings.Fields(`adduser addgroup arp arping ash awk base64 basename bc blkid bunzip2 bzcat cal cat chgrp chmod chown chpst
	chroot cksum clear cmp comm cp cpio crond crontab cut date dd deluser df diff dirname dmesg dnsdomainname dos2unix du echo ed egrep env
	expand expr factor fallocate false fgrep find flock fold free fsync fuser getopt grep groups gunzip gzip halt head hexdump hostid
	hostname httpd id ifconfig inetd init install ionice ip ipcalc kill killall less link ln logger login logname ls lsof md5sum mkdir
	mkfifo mknod mktemp more mount mountpoint mv nc netcat netstat nice nl nohup nproc nslookup ntpd od paste patch pgrep pidof ping ping6
	pkill poweroff printenv printf ps pstree pwd readlink realpath reboot renice reset rev rm rmdir route run-parts runsv runsvdir sed seq
	setsid sh sha1sum sha256sum sha512sum shred shuf sleep sort split stat strings stty su sum sv sync sysctl syslogd tac tail tar tee
	telnet telnetd test tftp time timeout top touch tr traceroute true truncate tty udhcpc umount uname uniq unix2dos unlink unxz unzip
	uptime usleep vi watch wc wget which who whoami xargs xxd xz yes zcat`)

func isApplet(name string) bool { return slices.Contains(applets, name) }
