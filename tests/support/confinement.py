"""Commands that run the one after them with less than it is used to."""

import os
import secrets

#: From here on, so many numbers belong to no user.
_NOBODYS = 1_000_000_000


def few_processes(count: int) -> list[str]:
    """Run it where at most ``count`` processes and threads may be.

    The limit counts all processes of a user (RLIMIT_NPROC of setrlimit(2)), so this one gets a
    user of its own, and does not bind root: root becomes another one, who may still read and
    write every file; others get a namespace that counts from nothing.
    """
    if os.geteuid() == 0:
        kept = "+dac_override,+dac_read_search"
        # Another one each time: what the kernel has not buried yet of a former test counts too.
        user = _NOBODYS + secrets.randbelow(_NOBODYS)
        other = ["setpriv", f"--reuid={user}", f"--inh-caps={kept}", f"--ambient-caps={kept}"]
    else:
        other = ["unshare", "--user", "--map-current-user"]
    return [*other, "prlimit", f"--nproc={count}"]


def few_files(soft: int, hard: int) -> list[str]:
    """Run it with these limits of open files."""
    return ["prlimit", f"--nofile={soft}:{hard}"]
