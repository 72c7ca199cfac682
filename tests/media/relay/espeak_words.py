"""espeak-ng's own word times, as a program of its own: a JSON list of texts in, of sounds and words out.

Each answer is {rate, pcm (base64, 16 bit), words: [[ms, at], …]}, `at` being the character, from 0, where
the word begins. The library is GPL: nothing imports this file.
"""

from __future__ import annotations

import base64
import ctypes
import json
import sys

WORD, RETRIEVAL, SYNCHRONOUS, UTF8 = 1, 1, 2, 1


class Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int), ("unique", ctypes.c_uint), ("position", ctypes.c_int),
        ("length", ctypes.c_int), ("ms", ctypes.c_int), ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p), ("name", ctypes.c_char * 8),
    ]  # fmt: skip


def main() -> None:
    import espeakng_loader

    lib = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = lib.espeak_Initialize(SYNCHRONOUS, 0, espeakng_loader.get_data_path().encode(), 0)
    pieces: list[bytes] = []
    words: list[tuple[int, int]] = []

    def take(samples: ctypes._Pointer[ctypes.c_short], count: int, events: ctypes._Pointer[Event]) -> int:
        if samples and count > 0:
            pieces.append(ctypes.string_at(samples, count * 2))
        number = 0
        while events[number].type:
            if events[number].type == WORD:
                words.append((events[number].ms, events[number].position - 1))
            number += 1
        return 0

    form = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event))
    callback = form(take)
    lib.espeak_SetSynthCallback(callback)
    answers = []
    for voice, text in json.load(sys.stdin):
        pieces.clear()
        words.clear()
        lib.espeak_SetVoiceByName(voice.encode())
        buffer = ctypes.create_string_buffer(text.encode() + b"\0")
        lib.espeak_Synth(buffer, len(buffer), 0, 0, 0, UTF8, None, None)
        sound = base64.b64encode(b"".join(pieces)).decode()
        answers.append({"rate": rate, "pcm": sound, "words": list(words)})
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
