"""``python -m resque`` is the ``resque`` command."""

import sys

from resque.cli import main

sys.exit(main())
