import sys

import pytest

from resqued.process import immortal
from tests.support import interpreters
from tests.support.forks import in_child

#: The interpreters that know immortal objects; this project's own may be another.
VERSIONS = ((3, 12), (3, 13))


@pytest.fixture(params=[pytest.param(each, id="{}.{}".format(*each)) for each in VERSIONS])
def python(request: pytest.FixtureRequest) -> str:
    """The path of such an interpreter."""
    found = interpreters.of_version(*request.param)
    if found is None:
        pytest.skip("this machine has no such Python")
    return found


def printed(python: str, program: str) -> str:
    """Return what a program has printed that makes everything immortal, and has ended well."""
    beginning = "import gc\nfrom resqued.process import immortal\n"
    done = interpreters.run(python, beginning + program)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_an_interpreter_that_has_none_is_left_alone():
    """As by one without a global lock, or of a version that nobody has tried."""
    assert immortal.is_possible() == (sys.version_info[:2] in VERSIONS)
    if not immortal.is_possible():
        assert in_child(immortal.immortalize) == 0


def test_who_reads_in_a_fork_copies_nothing(python: str):
    """Neither a page with an object that it has read, nor one with what that refers to."""
    program = """
import os, re

class Record:
    def __init__(self, number):
        self.number, self.name = number + 1000, f"record {number}"
        self.tags = [str(number), number / 3]

records = [Record(number) for number in range(50_000)]

def owned_after_reading():
    reader, writer = os.pipe()
    if os.fork() == 0:
        gc.disable()
        for record in records:
            held = [record, record.name, record.number, record.tags, *record.tags]
        with open("/proc/self/smaps_rollup") as file:
            os.write(writer, re.search(r"Private_Dirty: +([0-9]+)", file.read())[1].encode())
        os._exit(0)
    os.wait()
    return int(os.read(reader, 20))

gc.collect()
gc.freeze()
print(owned_after_reading())
gc.unfreeze()
print(immortal.immortalize())
gc.freeze()
print(owned_after_reading())
"""
    before, marked, after = map(int, printed(python, program).split())

    assert marked > 300_000
    assert before > 10_000  # kB
    assert after < before / 5


def test_an_end_that_has_an_effect_still_comes(python: str):
    """Of a file with something in its buffer, a generator, an object that cleans up."""
    program = """
import os

class Cleaner:
    def __del__(self):
        print("cleaned", flush=True)

class Child(Cleaner):
    pass

def steps():
    try:
        yield
    finally:
        print("finished", flush=True)

reader, writer = os.pipe()
file = os.fdopen(writer, "w")
file.write("flushed")
cleaner, generator = Child(), steps()
next(generator)
immortal.immortalize()
del cleaner, generator, file
print(os.read(reader, 20).decode())
"""
    assert printed(python, program).split() == ["cleaned", "finished", "flushed"]


def test_no_code_of_the_application_runs(python: str):
    """Not of an object, nor its class, nor the class of that, whatever they pretend to be."""
    program = """
class Loud(type):
    def __getattribute__(self, name):
        print("asked", name)
        return super().__getattribute__(name)
    def __hash__(self):
        raise RuntimeError("hashed")
    def __eq__(self, other):
        raise RuntimeError("compared")

class Lazy(metaclass=Loud):
    def __getattribute__(self, name):
        print("asked for", name)
    def __bool__(self):
        raise RuntimeError("tested")
    def __len__(self):
        raise RuntimeError("measured")
    def __eq__(self, other):
        raise RuntimeError("compared")

held = [Lazy(), (Lazy(), "a")]
immortal.immortalize()
"""
    assert printed(python, program) == ""


def test_the_program_goes_on_as_before(python: str):
    """Its containers change, its texts grow, its collector collects, and it ends by itself."""
    program = """
import itertools, sys, weakref

class Node:
    pass

text, data, numbers = "ab" * 50, b"cd" * 50, list(range(1000, 2000))
names = {f"name {number}": [number] for number in range(1000)}
pairs, counted = zip(numbers, numbers), enumerate(numbers)
first, second = next(pairs), next(counted)
node = Node()
node.itself = node
code = compile("a = 'some text'; b = (1.5, 'more')", "there", "exec")
immortal.immortalize()
gc.freeze()

copy = text
text += "!"
assert (len(copy), len(text)) == (100, 101)
data += b"!"
assert sys.intern(copy) == "ab" * 50
assert (first, next(pairs)) == ((1000, 1000), (1001, 1001))
assert (second, next(counted)) == ((0, 1000), (1, 1001))
names["new"] = born = Node()
gone = weakref.ref(born)
del born
names.clear()
assert gone() is None, "what came later is freed as ever"
numbers.sort(reverse=True)
gc.unfreeze()
for _ in range(3):
    gc.collect()
later = Node()
later.itself = later
gone = weakref.ref(later)
del later
gc.collect()
assert gone() is None
for _ in range(100_000):
    exec(code)
Node.added = 1
del sys.modules["itertools"], node
print("done")
"""
    assert printed(python, program) == "done\n"


def test_nothing_is_marked_twice(python: str):
    """A second time there is only what has come since then."""
    program = "print(immortal.immortalize() > 5000, immortal.immortalize() < 500)\n"

    assert printed(python, program) == "True True\n"


@pytest.mark.parametrize("choice", ["", "resqued.immortal = True", "resqued.immortal = False"])
def test_the_application_has_the_choice(python: str, choice: str):
    """Its ``before_fork`` hook can keep a listener from it, which else says how many they are."""
    program = f"""
import logging
from resqued.clock import MonotonicClock
from resqued.config import loader
from resqued.listener import boot

class Seen(logging.Handler):
    def emit(self, record):
        if record.event == "objects_immortal":
            print(record.objects > 5000)

import pathlib, tempfile
with tempfile.TemporaryDirectory() as folder:
    file = pathlib.Path(folder, "pool.py")
    file.write_text('''
worker_factory(lambda queues: None)
worker("a")
@before_fork
def choose(resqued):
    {choice or "pass"}
''')
    logging.basicConfig(level="INFO", handlers=[Seen()])
    boot.load_application(loader.load((str(file),)), MonotonicClock())
"""
    assert printed(python, program) == ("" if "False" in choice else "True\n")
