package process

import "syscall"

// Attributes put the process into a group of its own, so that Ctrl-C in a terminal reaches the supervisor
// alone and it can stop the rest in order; and tie the process's life to the supervisor's.
func Attributes(user *User, whenParentDies syscall.Signal) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: whenParentDies}
	if user != nil {
		a.Credential = &syscall.Credential{Uid: user.UID, Gid: user.GID}
	}
	return a
}
