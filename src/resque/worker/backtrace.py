"""What faulthandler writes of a process's threads, as the backtrace of a failure record."""

import re

#: Frames kept, as in any other record.
_MAX_FRAMES = 200
#: What stands before the frames of a thread. "Current" is whichever the signal came to.
_THREAD = re.compile(r"^(?:Current thread|Thread) 0x([0-9a-f]+)\b.*\n", re.MULTILINE)
_FRAME = re.compile(r'  File "(.*)", line (\d+|\?\?\?) in (.*)')


def frames_of(dump: str, thread: int, *, below: str) -> tuple[str, ...]:
    """Return the frames of one thread, innermost first, ``file:line:in `function'``.

    ``thread`` is its ``threading.get_ident()``. The frames end above those of the file ``below``,
    if it is among them. Without a dump there are none.
    """
    starts = (found for found in _THREAD.finditer(dump) if int(found[1], 16) == thread)
    start = next(starts, None)
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
