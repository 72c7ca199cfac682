"""What is run as a decoder: ties itself to its worker, says so, and only then loads what takes long.

From the `,` on it may be stopped for others' turns: one stopped before would outlive its worker for ever.
"""

from __future__ import annotations

import os

from calling.media.files import sandbox

if __name__ == "__main__":
    sandbox.end_with_parent()
    os.write(1, sandbox.TIED)
    from calling.media.files import decoder

    decoder.main()
