"""`make messages`: catalogues up to date and compiled.

Prints what is still to be translated; exit status 1 then.
"""

from __future__ import annotations

import sys

from tests.words import catalogues

if __name__ == "__main__":
    left = catalogues.update()
    print("\n".join(left) if left else "All texts are translated.")
    sys.exit(bool(left))
