"""python -m hoigen."""

import os
import sys

# `python -m` looks for modules in the current folder first, which may be a run or a recipe's folder of somebody else.
# Those that Python has imported by now came from there, if they are there: `python -P -m hoigen` or `hoigen` is safe.
if not sys.flags.safe_path and sys.path and os.path.realpath(sys.path[0] or ".") == os.path.realpath("."):
    del sys.path[0]

from hoigen.commands.cli import main

sys.exit(main())
