"""The real page, whose bundled photos are those of one folder: all of them take a minute to index.

BUNDLED=/tmp/photos python tests/first_start_app.py --port 8001 --data /tmp/library
"""

import os
import sys
from pathlib import Path

if __name__ == "__main__":  # as a script
    sys.path[:0] = [str(Path(__file__).parent.parent)]

import app

if __name__ == "__main__":
    app.PHOTOS = Path(os.environ["BUNDLED"])
    app.leave(app.main(sys.argv[1:]))
