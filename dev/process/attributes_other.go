//go:build unix && !linux

package process

import "syscall"

// Attributes put the process into a group of its own. Only Linux can tie its life to the supervisor's: here a
// supervisor that is killed outright leaves its children running.
func Attributes(user *User, _ syscall.Signal) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true}
	if user != nil {
		a.Credential = &syscall.Credential{Uid: user.UID, Gid: user.GID}
	}
	return a
}
