"""What faulthandler writes of a process's threads, as the backtrace of a failure record."""

import re

#: Frames kept, as in any other record.
_MAX_FRAMES = 200
#: The thread that the signal has interrupted: a job's own, the main one.
_CURRENT = re.compile(r"^Current thread .*\n", re.MULTILINE)
_FRAME = re.compile(r'  File "(.*)", line (\d+|\?\?\?) in (.*)')


def frames_of(dump: str, *, below: str) -> tuple[str, ...]:
    """Return the frames of the interrupted thread, innermost first, ``file:line:in `function'``.

    They end above those of the file ``below``, if it is among them. Without a dump there are none.
    """
    start = _CURRENT.search(dump)
    if start is None:
        return ()
    frames: list[str] = []
    for line in dump[start.end() :].splitlines():
        frame = _FRAME.fullmatch(line)
        if frame is None:
            if not line:
                break  # another thread's follow, or the list of C modules
            continue  # "<no Python frame>", or "..." behind the hundredth
        file, number, function = frame.groups()
        if file == below and frames:
            break
        frames.append(f"{file}:{number}:in `{function}'")
    return tuple(frames[:_MAX_FRAMES])
