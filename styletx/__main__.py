"""python -m styletx"""

import sys

from styletx.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
