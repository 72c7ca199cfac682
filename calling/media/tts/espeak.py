"""espeak-ng from the `[tts]` extra's library, in a process of its own: words on stdin, a WAV on stdout.

`python -m calling.media.tts.espeak VOICE`. Nothing of the project imports this module: the library is GPL.
"""

from __future__ import annotations

import ctypes
import struct
import sys

_SYNCHRONOUS, _CHARS_UTF8 = 2, 1


def main() -> int:
    import espeakng_loader

    words = sys.stdin.buffer.read(65536)
    lib = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = lib.espeak_Initialize(_SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
    if rate <= 0 or lib.espeak_SetVoiceByName(sys.argv[1].encode()) != 0:
        return 1
    pieces: list[bytes] = []

    def take(samples: ctypes._Pointer[ctypes.c_short], count: int, _events: int) -> int:
        if samples and count > 0:
            pieces.append(ctypes.string_at(samples, count * 2))
        return 0

    form = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
    callback = form(take)
    lib.espeak_SetSynthCallback(callback)
    buffer = ctypes.create_string_buffer(words + b"\0")
    if lib.espeak_Synth(buffer, len(buffer), 0, 0, 0, _CHARS_UTF8, None, None) != 0:
        return 1
    lib.espeak_Synchronize()
    sound = b"".join(pieces)
    sizes = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    head = struct.pack("<4sI4s", b"RIFF", 36 + len(sound), b"WAVE") + sizes
    head += struct.pack("<4sI", b"data", len(sound))
    sys.stdout.buffer.write(head + sound)
    return 0


if __name__ == "__main__":
    sys.exit(main())
