import pytest

from resqued.cli import arguments
from resqued.cli.arguments import UsageError
from resqued.master.options import Options


@pytest.mark.parametrize(
    ("argv", "seconds"),
    [
        ("c.py --boot-timeout 60", 60.0),
        ("c.py --boot-timeout=0.5", 0.5),
        ("--boot-timeout 1000000 c.py", 1_000_000.0),
        ("c.py --boot-timeout 1 --boot-timeout 2", 2.0),
    ],
)
def test_how_long_new_code_may_take(argv: str, seconds: float):
    """A number of seconds; the last one counts."""
    assert arguments.parse(argv.split()).boot_timeout == seconds


def test_without_the_option_it_is_the_master_s_own_default():
    """The two places that name the default agree."""
    assert arguments.parse(["c.py"]).boot_timeout == Options(paths=()).boot_timeout == 300


@pytest.mark.parametrize("text", ["", "0", "-1", "soon", "nan", "inf", "1000001", "5m"])
def test_what_is_no_timeout(text: str):
    """The complaint names option, limits and value."""
    with pytest.raises(UsageError) as caught:
        arguments.parse(["c.py", f"--boot-timeout={text}"])

    assert str(caught.value) == (
        f"option --boot-timeout must be a number of seconds above 0, at most 1000000, not {text!r}"
    )
