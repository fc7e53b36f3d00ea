"""How many workers a pool may have, be it by its file or scaled."""

from typing import Final

#: More processes than any host runs; a slip of the keyboard must not fill its memory. A listener
#: can tell the master of as many in one message, with queues of ordinary length.
MAX_POOL_SIZE: Final = 10_000
