#!/usr/bin/env python
"""Django's command line for Callwright."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from config import command_line

    command_line.run(sys.argv)
