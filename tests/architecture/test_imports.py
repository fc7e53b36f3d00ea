"""Who may import whom, and who may do what (docs/architecture.md), read from src."""

import ast
import json
import pathlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

SRC = pathlib.Path(__file__).parents[2] / "src"

#: For each part of the house, what it may import beside itself and its package's version. The
#: longest name that fits a module counts.
MAY_IMPORT = {
    "resqued": (),
    "resqued.__main__": ("resqued.cli",),
    "resqued.clock": (),
    "resqued.errors": (),
    "resqued.exit_codes": (),
    "resqued.log": ("resqued.structured",),
    "resqued.structured": (),
    "resqued.backoff": ("resqued.clock",),
    "resqued.process": ("resqued.errors", "resqued.exit_codes"),
    "resqued.typed": (),
    "resqued.wording": (
        "resqued.control.status",
        "resqued.config.display",
        "resqued.process.memory",
    ),
    "resqued.report": ("resqued.figures",),
    "resqued.figures": (),
    "resqued.pool_size": (),
    "resqued.ipc": ("resqued.figures", "resqued.typed", "resqued.errors"),
    "resqued.config": ("resqued.pool_size", "resqued.errors"),
    "resqued.control": (
        "resqued.figures",
        "resqued.process",
        "resqued.typed",
        "resqued.clock",
        "resqued.errors",
    ),
    "resqued.master": (
        "resqued.figures",
        "resqued.pool_size",
        "resqued.control",
        "resqued.ipc",
        "resqued.typed",
        "resqued.process",
        "resqued.backoff",
        "resqued.clock",
        "resqued.errors",
        "resqued.exit_codes",
    ),
    "resqued.listener": (
        "resqued.figures",
        "resqued.config",
        "resqued.worker",
        "resqued.ipc",
        "resqued.process",
        "resqued.backoff",
        "resqued.log",
        "resqued.clock",
        "resqued.errors",
        "resqued.exit_codes",
    ),
    "resqued.worker": (
        "resqued.figures",
        "resqued.config.model",
        "resqued.config.hooks",
        "resqued.report",
        "resqued.process",
        "resqued.log",
        "resqued.clock",
        "resqued.exit_codes",
    ),
    "resqued.health": (
        "resqued.backlog",
        "resqued.control",
        "resqued.process",
        "resqued.figures",
        "resqued.ipc.messages",
        "resqued.clock",
        "resqued.errors",
    ),
    "resqued.backlog": (
        "resqued.ipc.messages",
        "resqued.typed",
        "resqued.clock",
        "resqued.errors",
    ),
    "resqued.backlog.reader": (
        "resqued.backlog",
        "resqued.ipc.messages",
        "resqued.clock",
        "resque",
    ),
    "resqued.top": (
        "resqued.backlog",
        "resqued.control",
        "resqued.ipc.messages",
        "resqued.config.display",
        "resqued.process",
        "resqued.wording",
        "resqued.clock",
        "resqued.errors",
    ),
    "resqued.worker.factory": ("resqued.worker.death", "resqued.worker.warm_up", "resque.worker"),
    "resqued.worker.warm_up": (
        "resqued.worker.child",
        "resqued.worker.gate",
        "resqued.config.model",
        "resqued.report",
        "resque.worker",
    ),
    "resqued.testing": (
        "resqued.config",
        "resqued.worker.summary",
        "resqued.process",
    ),
    "resqued.pytest_plugin": ("resqued.testing", "resqued.config.model"),
    "resqued.embedded": ("resqued.process", "resqued.clock", "resqued.errors"),
    "resqued.cli": (
        "resqued.health",
        "resqued.control",
        "resqued.master",
        "resqued.listener",
        "resqued.config",
        "resqued.process",
        "resqued.ipc",
        "resqued.embedded",
        "resqued.backlog",
        "resqued.top",
        "resqued.wording",
        "resqued.log",
        "resqued.clock",
        "resqued.errors",
        "resqued.exit_codes",
    ),
    "resque": ("resqued.process",),
    "resque.cli": ("resque", "resqued.process", "resqued.log"),
}

#: Parts of resque that no other part may know.
LEAVES = ("resque.cli", "resque.web", "resque.scheduler")

#: Names that only these modules, and those below them, may use.
RESERVED = {
    "print": ("resqued.cli", "resque.cli", "resqued.process.spawn"),  # spawn: sys.exit("text")
    "sys.exit": ("resqued.cli", "resque.cli", "resqued.__main__", "resque.__main__"),
    "sys.argv": ("resqued.cli", "resque.cli"),
    "os.environ": (
        "resqued.cli",
        "resque.cli",
        "resqued.process.start_context",
        "resque.store.connection",
        "resque.environment",
    ),
    "os.getenv": (),
    "os.putenv": (),
    **dict.fromkeys(
        [
            *("os.fork", "os.forkpty", "os.posix_spawn", "os.posix_spawnp", "os.system"),
            *("os.popen", "os._exit", "os.pidfd_open", "os.kill", "os.killpg", "os.wait"),
            *("os.waitpid", "os.wait3", "os.wait4", "os.waitid", "os.execv", "os.execve"),
            *("os.execvp", "os.execvpe", "os.execl", "os.execle", "os.execlp", "os.execlpe"),
            *("os.spawnv", "os.spawnve", "os.spawnl", "os.spawnlp", "os.abort"),
            *("signal.set_wakeup_fd", "signal.pthread_sigmask", "signal.pidfd_send_signal"),
            *("signal.siginterrupt", "signal.raise_signal", "signal.pthread_kill"),
            *("subprocess", "multiprocessing"),
        ],
        ("resqued.process",),
    ),
    # A job must be interrupted by TERM wherever it is, which only a handler that raises can do.
    "signal.signal": ("resqued.process", "resque.worker.interruption"),
    **dict.fromkeys(
        ["time.time", "time.monotonic", "time.sleep", "time.perf_counter", "time.time_ns"],
        ("resqued.clock", "resque.clock"),
    ),
    "time.localtime": ("resqued.log", "resque.times"),
    "time.strftime": ("resqued.log", "resqued.structured", "resque.times"),
    "time.gmtime": ("resqued.structured", "resque.times"),
    "time.mktime": ("resque.times",),
    "datetime": (),
    "hiredis": ("resque.store",),
    "redis": ("resque.store",),
    "valkey": ("resque.store",),
}


@dataclass(frozen=True)
class Module:
    """One file of src."""

    name: str
    path: pathlib.Path
    tree: ast.Module

    def is_in(self, *parts: str) -> bool:
        """Tell whether it is one of these modules or stands below one."""
        return any(self.name == part or self.name.startswith(f"{part}.") for part in parts)


def _modules() -> Iterator[Module]:
    for path in sorted(SRC.rglob("*.py")):
        parts = path.relative_to(SRC).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        yield Module(name, path, ast.parse(path.read_text(encoding="utf-8")))


MODULES = list(_modules())
NAMES = {module.name for module in MODULES}
by_name = pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)


def imported(tree: ast.AST) -> Iterator[str]:
    """Yield the full name of every import, of the module itself where a name of one is taken."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute, so that they can be read here"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in NAMES else str(node.module)


def used(tree: ast.AST) -> Iterator[str]:
    """Yield every name and dotted name that is used, and ``module.name`` for imported ones."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name.partition(".")[0]
                # Under another name it could not be followed.
                reserved = {name.partition(".")[0] for name in RESERVED}
                assert alias.asname is None or alias.name not in reserved, ast.unparse(node)
        if isinstance(node, ast.ImportFrom):
            yield str(node.module).partition(".")[0]
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rule_of(module: Module) -> str:
    """Return the line of MAY_IMPORT that holds for a module."""
    return max((name for name in MAY_IMPORT if module.is_in(name)), key=len)


def forbidden_imports(module: Module) -> list[str]:
    """Return what a module imports of the wheel and must not."""
    rule = rule_of(module)
    package = module.name.partition(".")[0]
    # A single module of a package is no folder: what stands beside it is not its own.
    own = package if package == "resque" and rule == "resque" else rule
    allowed = (own, *MAY_IMPORT[rule])

    def is_allowed(name: str) -> bool:
        if name.partition(".")[0] not in ("resqued", "resque") or name in (package, module.name):
            return True
        return any(
            name == part or name.startswith(f"{part}.") for part in allowed if part != "resqued"
        )

    return [name for name in imported(module.tree) if not is_allowed(name)]


def forbidden_names(module: Module) -> list[str]:
    """Return what a module uses that is reserved for others."""
    return [
        name for name in used(module.tree) if name in RESERVED and not module.is_in(*RESERVED[name])
    ]


@by_name
def test_imports(module: Module):
    """Every import within the wheel is one that the picture of the house allows."""
    assert forbidden_imports(module) == []


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("resqued.master.app", "from resqued.config import loader"),
        ("resqued.master.app", "from resqued.listener.app import Listener"),
        ("resqued.master.app", "from resqued import config"),
        ("resqued.master.app", "def f():\n    import resque"),
        ("resqued.listener.app", "from resqued.master import cap"),
        ("resqued.worker.child", "from resqued.config.loader import load"),
        ("resqued.worker.child", "import resque.worker"),
        ("resqued.worker.factory", "from resque.store import queues"),
        ("resqued.process.spawn", "from resqued.log import configure"),
        ("resqued.ipc.channel", "import resqued.process.waiter"),
        ("resqued.config.loader", "from resqued.process import signals"),
        ("resqued.clock", "from resqued.errors import ResquedError"),
        ("resqued.report", "from resqued.worker.gate import Ticket"),
        ("resqued.typed", "from resqued.ipc import messages"),
        ("resqued.brandnew", "from resqued.errors import ResquedError"),
        ("resque.client", "from resqued.errors import ResquedError"),
        ("resque.client", "import resqued"),
        ("resque.worker.loop", "from resqued.backoff import Backoff"),
    ],
)
def test_wrong_imports_are_found(name: str, code: str):
    """The rules bite."""
    assert forbidden_imports(Module(name, SRC, ast.parse(code)))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("resqued.master.app", "import os\nos.kill(1, 2)"),
        ("resqued.master.app", "from os import fork"),
        ("resqued.master.app", "import time\ntime.sleep(1)"),
        ("resqued.master.app", "print(1)"),
        ("resqued.listener.app", "import signal\nsignal.signal(1, f)"),
        ("resqued.listener.app", "import os\nx = os.environ['X']"),
        ("resqued.log", "import sys\nsys.exit(1)"),
        ("resqued.worker.child", "import subprocess"),
        ("resqued.worker.child", "import hiredis"),
        ("resque.client", "import hiredis.hiredis"),
        ("resque.client", "from time import time"),
    ],
)
def test_wrong_uses_are_found(name: str, code: str):
    """However the name was imported."""
    assert forbidden_names(Module(name, SRC, ast.parse(code)))


@by_name
def test_nothing_imports_a_leaf_of_resque(module: Module):
    """Commands, web pages and the scheduler know resque, and resque does not know them."""
    for leaf in LEAVES:
        if not module.is_in(leaf, "resque.__main__"):
            assert not [n for n in imported(module.tree) if n == leaf or n.startswith(f"{leaf}.")]


@by_name
def test_resque_is_loaded_by_the_default_factory_only_when_it_is_called(module: Module):
    """A user with another job system never loads resque."""
    if not module.is_in("resqued"):
        return
    inside = {
        id(node)
        for part in ast.walk(module.tree)
        if isinstance(part, ast.FunctionDef) or _is_for_types_only(part)
        for node in ast.walk(part)
    }
    outside = [node for node in ast.walk(module.tree) if id(node) not in inside]
    names = [
        name
        for node in outside
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in imported(node)
    ]
    assert not [name for name in names if name.partition(".")[0] == "resque"]


def _is_for_types_only(node: ast.AST) -> bool:
    """Whether what stands there is never run."""
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


@by_name
def test_reserved_names(module: Module):
    """What only one place may do is done in no other."""
    assert forbidden_names(module) == []


def test_the_rules_are_about_what_exists():
    """A folder that was renamed would leave its rule behind; nothing is allowed that none needs."""
    assert {name for name in MAY_IMPORT if name not in NAMES} == set()
    needed = {(rule_of(module), name) for module in MODULES for name in imported(module.tree)}
    for rule, allowed in MAY_IMPORT.items():
        for part in allowed:
            assert any(r == rule and f"{name}.".startswith(f"{part}.") for r, name in needed), part
    packages = {name for name in NAMES if name.count(".") == 1 and name.startswith("resqued.")}
    assert packages - set(MAY_IMPORT) == set()


@by_name
def test_no_grab_bags(module: Module):
    """Modules are named for a thing or a role, and not like one of the standard library."""
    last = module.name.rpartition(".")[2]
    assert last not in {"util", "utils", "common", "helpers", "misc", "base"}
    assert last not in sys.stdlib_module_names - {"__main__"}


# --- what is really loaded, in a fresh interpreter


def loaded_by(statement: str) -> set[str]:
    """Return the modules that a statement loads, beyond those of a bare interpreter."""

    def loaded(code: str) -> set[str]:
        program = f"{code}\nimport sys, json\nprint(json.dumps(list(sys.modules)))"
        command = [sys.executable, "-P", "-c", program]
        result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        names: set[str] = set(json.loads(result.stdout))
        return names

    return loaded(statement) - loaded("")


def foreign(modules: set[str]) -> set[str]:
    """Return the top-level names that are not the standard library's."""
    return {name.partition(".")[0] for name in modules} - sys.stdlib_module_names


def parts(modules: set[str]) -> set[str]:
    """Return the parts of the house that are among the modules."""
    return {".".join(n.split(".")[:2]) for n in modules if n.partition(".")[0][:6] == "resque"}


#: What a process that must outlive every upgrade around it has no use for.
HEAVY = {
    "asyncio",
    "argparse",
    "ssl",
    "http",
    "email",
    "multiprocessing",
    "subprocess",
    "ctypes.wintypes",
    "tempfile",
    "random",
    "shutil",
}


def test_the_master_loads_next_to_nothing():
    """The standard library, setproctitle, and its own parts; nothing of config or application."""
    modules = loaded_by("import resqued.master.app")

    assert foreign(modules) <= {"resqued", "setproctitle"}
    assert parts(modules) <= {
        "resqued",
        *(f"resqued.{part}" for part in ("master", "control", "ipc", "process", "backoff")),
        *(f"resqued.{part}" for part in ("clock", "typed", "errors", "exit_codes", "log")),
        *("resqued.figures", "resqued.pool_size"),
    }
    assert not HEAVY & modules


def test_the_command_that_starts_the_master_loads_no_more():
    """What stands around the master in its process must be as long-lived."""
    modules = loaded_by("import resqued.cli.start")

    assert foreign(modules) <= {"resqued", "setproctitle"}
    assert not parts(modules) & {"resqued.config", "resqued.worker", "resqued.listener"}
    assert not HEAVY & modules


def test_each_command_loads_its_role_only_when_it_is_run():
    """Help and usage need no master and no configuration."""
    assert parts(loaded_by("import resqued.cli")) <= {
        *("resqued", "resqued.cli", "resqued.errors", "resqued.exit_codes"),
        "resqued.health",  # its place is read from the command line
    }


def test_a_listener_for_other_workers_loads_no_resque():
    """Neither the job library nor its parser of Redis's protocol."""
    modules = loaded_by("import resqued.cli.listener")

    assert foreign(modules) <= {"resqued", "setproctitle"}
    assert "resqued.master" not in parts(modules)


def test_what_forks_for_each_job_loads_nothing_that_each_fork_pays_for():
    """Modules that do something of their own in every forked child, or map many libraries."""
    modules = loaded_by("import resqued.cli.listener, resqued.listener.app, resqued.worker.warm_up")
    modules |= loaded_by("import resque.worker.warm_up")

    assert not {"random", "asyncio", "concurrent.futures", "ssl", "uuid"} & modules
    assert not {"pathlib", "urllib", "tempfile", "platform"} & modules


def test_the_names_of_a_config_file_load_only_themselves():
    """Editors and type checkers import them outside a daemon."""
    assert parts(loaded_by("import resqued.config")) <= {
        *("resqued", "resqued.config", "resqued.errors", "resqued.pool_size"),
    }


def test_resque_stands_on_the_ground_floor_alone():
    """Of resqued, resque loads only what knows neither daemon nor jobs."""
    modules = loaded_by("import resque, resque.worker")

    assert {part for part in parts(modules) if part.startswith("resqued")} <= {
        *("resqued", "resqued.process", "resqued.errors", "resqued.exit_codes", "resqued.clock"),
    }
    assert foreign(modules) <= {"resque", "resqued", "setproctitle", "hiredis"}


def test_a_worker_carries_no_other_command():
    """``resque work`` loads neither tables nor what looks after failures from outside."""
    modules = loaded_by("import resque.cli; resque.cli._parser(['work', '--queue', 'q'])")

    assert {name for name in modules if name.startswith("resque.cli.")} == {
        *("resque.cli.options", "resque.cli.screen", "resque.cli.work"),
    }
    assert "rich" not in foreign(modules)
