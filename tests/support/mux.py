"""Whether legs share a port in this run, and who forwards packets there: as in the product, or as
`CALLWRIGHT_MEDIA_MUX=0 pytest …` and `CALLWRIGHT_MEDIA_LOOP=python pytest …` say."""

from __future__ import annotations

from django.conf import settings

MUX: bool = settings.CALLWRIGHT_MEDIA_MUX
LOOP: str = settings.CALLWRIGHT_MEDIA_LOOP
