"""python -m hoigen."""

import os
import sys

# `python -m` looks for modules in the current folder first, which may be a run or a recipe's folder of somebody else
if not sys.flags.safe_path and sys.path and os.path.realpath(sys.path[0] or ".") == os.path.realpath("."):
    del sys.path[0]

from hoigen.cli import main

sys.exit(main())
