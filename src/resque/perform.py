"""Perform a job: the only file that calls a job and its perform hooks."""

from functools import partial

from resque.definition import Definition
from resque.errors import DontPerform, FailureHookError, UnknownJobError
from resque.payload import Payload
from resque.registry import Registry

#: Where a failure's backtrace ends: frames up to this file's are ours. Like Ruby's, it has no
#: around hooks therefore: what they call goes through here once more.
THIS_FILE = __file__


def perform(payload: Payload, registry: Registry) -> bool:
    """Run the job and its hooks in this process; see ``Job.perform``."""
    definition = registry.get(payload.class_name)
    if definition is None:
        raise UnknownJobError(payload.class_name, registry.names)
    hooks = definition.hooks
    try:
        # Not by Hooks.run, whose frame would stand in the backtrace.
        for hook in hooks.of("before_perform"):
            hook.call(*payload.args)
    except DontPerform:
        return False
    was_performed = _perform_within_around_hooks(definition, payload)
    for hook in hooks.of("after_perform"):
        hook.call(*payload.args)
    return was_performed


def run_failure_hooks(payload: Payload, registry: Registry, error: BaseException) -> None:
    """Run the ``on_failure`` hooks; see ``Job.run_failure_hooks``."""
    definition = registry.get(payload.class_name)
    if definition is None:
        return
    for hook in definition.hooks.of("on_failure"):
        try:
            hook.call(error, *payload.args)
        except BaseException as another:
            raise FailureHookError(hook.name, another) from another


def _perform_within_around_hooks(definition: Definition, payload: Payload) -> bool:
    was_performed = False

    def innermost() -> object:
        nonlocal was_performed
        result = definition.perform(*payload.args)
        was_performed = True
        return result

    step = innermost
    for hook in reversed(definition.hooks.of("around_perform")):
        step = partial(hook.call, step, *payload.args)
    step()
    return was_performed
