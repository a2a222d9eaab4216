"""`python -m baton` is the `baton` command."""

import sys

from baton.main import main

sys.exit(main())
