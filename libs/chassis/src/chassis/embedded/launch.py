"""Runs between fork and exec of every child: ties its life to ours, gives up root where asked, becomes the server.

A script of its own rather than a `preexec_fn`, which may deadlock in a process with threads. Started as `python -I -S
launch.py PARENT_PID UID GID -- PROGRAM ARGUMENTS...` (UID "-" keeps the user); imports the standard library only.
Never returns: it execs, or exits with 127 and one line on stderr.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS, _PR_SET_SECUREBITS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 1, 8, 28, 47, 2
_SECBIT_NO_SETUID_FIXUP = 4
_CAP_DAC_OVERRIDE = 1
_CAPABILITY_VERSION_3 = 0x20080522


def main(arguments: list[str]) -> None:
    parent, uid, gid, _, *command = arguments
    if uid != "-":
        _become(int(uid), int(gid))
    if sys.platform == "linux":
        # After the change of user: the kernel clears this setting when credentials change.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(parent):
        sys.exit("the parent died before its child began")
    os.execv(command[0], command)  # noqa: S606 (no shell is meant)


def _become(uid: int, gid: int) -> None:
    """Drop root, but keep CAP_DAC_OVERRIDE: the wheel and the data folder often lie below a directory of root's with
    mode 0700.

    Docker grants this capability by default (and not CAP_DAC_READ_SEARCH). Where it is not to be had the change of
    user still happens, and works as long as both paths are open to other users.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    os.setgroups([])
    # Else access(2) ignores the capabilities of everyone but root, and initdb asks it about its own binaries.
    libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    mask = 1 << _CAP_DAC_OVERRIDE
    sets = (ctypes.c_uint32 * 6)(
        mask, mask, mask, 0, 0, 0
    )  # effective, permitted, inheritable; low word, then high word
    if libc.capset(header, sets) == 0:
        libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except OSError as error:
        sys.stderr.write(f"cannot start {sys.argv[5:6]}: {error}\n")
        sys.exit(127)
