import logging
import re
import time

import pytest

from resqued.log import MicrosecondFormatter


def record(created: float) -> logging.LogRecord:
    """Return a record made at a moment."""
    made = logging.LogRecord("some.logger", logging.WARNING, "file.py", 1, "%s!", ("text",), None)
    made.created = created
    return made


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [(0.0, "000000"), (0.5, "500000"), (0.000001, "000001"), (0.999999, "999999")],
)
def test_times_have_six_digits_after_the_second(fraction: float, shown: str):
    """Neither rounded up into a second that has not come, nor shortened."""
    moment = 1_700_000_000
    made = record(moment + fraction + 3e-7)  # the nearest float may lie just below

    text = MicrosecondFormatter("%(asctime)s").format(made)

    expected = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
    assert text == f"{expected}.{shown}"


def test_the_order_of_times_is_the_order_of_their_texts():
    """So that the lines of many processes can be sorted."""
    formatter = MicrosecondFormatter("%(asctime)s")
    moments = [1_700_000_000 + n / 1013 for n in range(3000)]

    texts = [formatter.format(record(moment)) for moment in moments]

    assert texts == sorted(texts)
    assert len(set(texts)) == len(texts)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", texts[0])


def test_no_text_looks_like_another_record():
    """Whoever may enqueue chooses class names, and what errors say: they cannot forge a line."""
    made = record(1_700_000_000)
    forged = "2026-11-23 18:39:53.000000 [1] ERROR resqued: all is lost"
    made.msg, made.args = "Job %s failed", (f"x\n{forged}\r{forged}\u2028{forged}\x85\x1b[2J\x07",)
    made.exc_text = f"Traceback\n{forged}\nValueError: \x9b31m\ttab"

    first, *others = MicrosecondFormatter("%(asctime)s: %(message)s").format(made).splitlines()

    assert first.endswith("Job x")
    assert others == [
        f"  {forged}\\r{forged}\\u2028{forged}\\x85\\x1b[2J\\x07 failed",
        "  Traceback",
        f"  {forged}",
        "  ValueError: \\x9b31m\ttab",
    ]
