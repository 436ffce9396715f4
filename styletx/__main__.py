"""python -m styletx"""

import sys

try:
    from styletx.cli.main import main

    if __name__ == "__main__":
        sys.exit(main())
except KeyboardInterrupt:  # torch takes seconds to import
    sys.exit("Stopped.")
