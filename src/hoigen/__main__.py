"""python -m hoigen."""

import sys

from hoigen.cli import main

sys.exit(main())
