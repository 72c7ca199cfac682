"""Whether legs share a port in this run: as in the product, or as `CALLWRIGHT_MEDIA_MUX=0 pytest …` says."""

from __future__ import annotations

from django.conf import settings

MUX: bool = settings.CALLWRIGHT_MEDIA_MUX
