"""``python -m resqued`` is the ``resqued`` command."""

import sys

from resqued.cli import main

sys.exit(main())
