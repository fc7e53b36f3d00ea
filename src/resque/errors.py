"""Every error that resque raises for a caller to act on.

Each constructor takes the facts, which stay readable as attributes; the message is made of them.
"""


class ResqueError(Exception):
    """The root of all errors of this package."""


class AddressError(ResqueError):
    """The address of a server cannot be understood. Raised before anything is contacted."""

    def __init__(self, shown: str, problem: str) -> None:
        """``shown`` is the address as given, without its password."""
        super().__init__(shown, problem)
        self.shown = shown
        self.problem = problem

    def __str__(self) -> str:
        return f"cannot use {self.shown!r} as a server's address: {self.problem}"


class NamespaceError(ResqueError):
    """A namespace that cannot stand in front of Redis keys."""

    def __init__(self, namespace: str, problem: str) -> None:
        super().__init__(namespace, problem)
        self.namespace = namespace
        self.problem = problem

    def __str__(self) -> str:
        return f"cannot use {self.namespace!r} as a namespace: {self.problem}"


class ServerUnavailable(ResqueError):  # noqa: N818 - it names the server's state, for retry loops
    """The server cannot be reached, or was lost before it had answered.

    The next call opens a new connection. ``was_sent`` tells whether the server may have run the
    command: when False, it certainly has not.
    """

    def __init__(self, address: str, cause: object, *, was_sent: bool) -> None:
        super().__init__(address, cause)
        self.address = address
        self.cause = cause
        self.was_sent = was_sent

    def __reduce__(self) -> tuple[object, ...]:
        return _unavailable, (self.address, self.cause, self.was_sent)

    def __str__(self) -> str:
        happened = "lost" if self.was_sent else "cannot reach"
        return f"{happened} {self.address}: {self.cause}"


def _unavailable(address: str, cause: object, was_sent: bool) -> ServerUnavailable:  # noqa: FBT001 - pickle passes by position
    return ServerUnavailable(address, cause, was_sent=was_sent)


class ServerVersionError(ResqueError):
    """The server does not speak RESP3, so it is older than Redis 6."""

    def __init__(self, address: str, reply: str) -> None:
        super().__init__(address, reply)
        self.address = address
        self.reply = reply

    def __str__(self) -> str:
        return f"{self.address} is too old, Redis 6.2 or Valkey 7.2 is needed: {self.reply}"


class AuthenticationError(ResqueError):
    """The server wants a password, or not this one."""

    def __init__(self, address: str, reply: str) -> None:
        super().__init__(address, reply)
        self.address = address
        self.reply = reply

    def __str__(self) -> str:
        return f"{self.address} refused the user name or password: {self.reply}"


class ProtocolError(ResqueError):
    """What came is not a reply: no Redis server, or something garbled it on the way.

    The connection is closed; the command may have been run.
    """

    def __init__(self, address: str, problem: str) -> None:
        super().__init__(address, problem)
        self.address = address
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.address} does not answer as a Redis server would: {self.problem}"


class ReplyError(ResqueError):
    """The server answered a command with an error; the connection is still good.

    ``code`` is the reply's first word, such as ``"WRONGTYPE"``, ``"READONLY"`` or ``"ERR"``. With
    READONLY, and what else says that the server is the wrong one, the next call opens another.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    @classmethod
    def parse(cls, text: str) -> "ReplyError":
        """Return the error for the text of an error reply, without its leading ``-``."""
        code, _, message = text.partition(" ")
        return cls(code, message)

    def __str__(self) -> str:
        text = f"{self.code} {self.message}".rstrip()
        return f"{text} ({_NEEDS_HASH_TAG})" if self.code in {"CROSSSLOT", "MOVED"} else text


_NEEDS_HASH_TAG = "on a cluster a namespace needs a hash tag, such as {resque}"


class NoPermissionError(ReplyError):
    """The user of the connection may not run the command, or not on this key. It was not run."""

    def __init__(self, address: str, message: str) -> None:
        super().__init__("NOPERM", message)
        self.args = (address, message)
        self.address = address

    def __str__(self) -> str:
        return f"{self.address} does not permit it: {super().__str__()}"


class EnvironmentValueError(ResqueError):
    """A variable of the environment that makes no sense."""

    def __init__(self, name: str, value: str, problem: str) -> None:
        super().__init__(name, value, problem)
        self.name = name
        self.value = value
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.name}={self.value}: {self.problem}"


class EncodeError(ResqueError):
    """A value that cannot be written as JSON, or as a word of a command."""

    def __init__(self, path: str, problem: str) -> None:
        """``path`` says where the value stands: ``args[1]["x"]``."""
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path} {self.problem}"


class DecodeError(ResqueError):
    """An element of a queue that is not a job.

    ``element`` is what lay there; there may be no other copy of it.
    """

    def __init__(self, problem: str, element: bytes = b"") -> None:
        super().__init__(problem, element)
        self.problem = problem
        self.element = element

    def __str__(self) -> str:
        return f"not a job: {self.problem}"


class UnknownJobError(ResqueError):
    """A payload names a job that the application has not declared."""

    def __init__(self, name: str, known: tuple[str, ...] = ()) -> None:
        super().__init__(name, known)
        self.name = name
        self.known = known

    def __str__(self) -> str:
        known = ", ".join(self.known) or "none"
        return f"no job is registered as {self.name!r} (registered: {known})"


class NotAJobError(ResqueError):
    """What was to be enqueued is neither a declared job nor a name."""

    def __init__(self, target: object) -> None:
        super().__init__(target)
        self.target = target

    def __str__(self) -> str:
        return f"{self.target!r} is not declared with @resque.job"


class DuplicateJobError(ResqueError):
    """Two jobs were declared under one name, so a payload could mean either."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"another job is registered as {self.name!r} already; give one of them name="


class QueueNameError(ResqueError):
    """A queue that no worker could work."""

    def __init__(self, queue: object) -> None:
        super().__init__(queue)
        self.queue = queue

    def __str__(self) -> str:
        return f"cannot use {self.queue!r} as the name of a queue"


def text_of(error: BaseException) -> str:
    """Return an exception's text, or a remark: a job's own class may do anything when asked."""
    try:
        return str(error)
    except Exception as second:  # noqa: BLE001 - whatever it does
        return f"(its text cannot be had: {type(second).__name__})"


class DontPerform(ResqueError):  # noqa: N818 - the name that Ruby's hooks raise
    """Raise it in a ``before_perform`` hook: the job is left out, which is no failure."""


class FailureHookError(ResqueError):
    """An ``on_failure`` hook has raised; the hooks behind it did not run."""

    def __init__(self, hook: str, error: BaseException) -> None:
        super().__init__(hook, error)
        self.hook = hook
        self.error = error

    def __str__(self) -> str:
        shown = f"{type(self.error).__qualname__}: {text_of(self.error)}"
        return f"Additional error ({shown}) occurred in failure hook {self.hook}"


class DirtyExit(ResqueError):  # noqa: N818 - Ruby's name
    """A job's process ended, or its worker left, before the job was done.

    Never raised: it is what ``on_failure`` hooks get, and what the failure record says.
    """

    resque_name = "Resque::DirtyExit"  #: what the failure record says

    def __init__(self, problem: str = "Job still being processed") -> None:
        super().__init__(problem)
        self.problem = problem
        self.stack: tuple[str, ...] = ()  #: where it was, innermost first; empty if not known

    def __str__(self) -> str:
        return self.problem


class JobTimeout(DirtyExit):
    """A job took longer than it may, and was ended by its worker."""

    resque_name = "JobTimeout"  #: what the failure record says

    def __init__(self, seconds: float, owner: str, stack: tuple[str, ...] = ()) -> None:
        """``owner`` is whose limit it was, "job" or "worker"."""
        super().__init__(f"took more than {seconds:g} s (limit of the {owner})")
        self.args = (seconds, owner, stack)
        self.seconds = seconds
        self.owner = owner
        self.stack = stack


class PruneDeadWorkerDirtyExit(DirtyExit):
    """A worker was not heard of any more, so another one has forgotten it."""

    resque_name = "Resque::PruneDeadWorkerDirtyExit"  #: what the failure record says

    def __init__(self, worker_id: str, job: str | None = None) -> None:
        """``job`` is the payload's class; None if it is not known."""
        held = "<Unknown Job>" if job is None else job
        super().__init__(f"Worker {worker_id} did not gracefully exit while processing {held}")
        self.args = (worker_id, job)
        self.worker_id = worker_id
        self.job = job


class PoisonJob(DirtyExit):
    """A job has taken too many workers along, and is not put back into its queue again."""

    resque_name = "Resque::PoisonJob"  #: what the failure record says

    def __init__(self, deaths: int) -> None:
        """``deaths`` is how many workers have died in it, the last one included."""
        plural = "" if deaths == 1 else "s"
        super().__init__(f"Job has killed {deaths} worker{plural}, and is not tried again")
        self.args = (deaths,)
        self.deaths = deaths


class UnknownBackendError(ResqueError):
    """No failure backend has this name."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(name, known)
        self.name = name
        self.known = known

    def __str__(self) -> str:
        return f"no failure backend is called {self.name!r}; there is {' and '.join(self.known)}"


class UnknownWorkerError(ResqueError):
    """No worker is registered under an id."""

    def __init__(self, worker_id: str) -> None:
        super().__init__(worker_id)
        self.worker_id = worker_id

    def __str__(self) -> str:
        return f"no worker is registered as {self.worker_id!r}"


class UnreadableBackendError(ResqueError):
    """The failure backend only reports failures: it has no records that could be read."""

    def __init__(self, backend: object) -> None:
        super().__init__(backend)
        self.backend = backend

    def __str__(self) -> str:
        return f"{type(self.backend).__name__} keeps no failure records; multiple() can add some"


class FailureGoneError(ResqueError):
    """A failure record is not there any more as it was read: removed, retried, or edited."""

    def __init__(self, index: int, key: str) -> None:
        super().__init__(index, key)
        self.index = index
        self.key = key

    def __str__(self) -> str:
        return f"the failure that was number {self.index} of {self.key} was changed or removed"


class NotRequeueableError(ResqueError):
    """A failure record with no job in it that a worker could run."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return f"this failure cannot be retried: {self.problem}"


class TermException(BaseException):
    """Raised in a job's process by TERM: clean up and leave, or be killed soon.

    No ``Exception``, as it is none of the job's: a job that tries again on any error must not
    take it for one.
    """

    resque_name = "Resque::TermException"  #: what the failure record says
