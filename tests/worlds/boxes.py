"""Edit the headers of an MP4 file: turn its picture, or claim that its picture is huge."""

import struct

_ABOVE_A_SAMPLE_ENTRY = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1", b"avcC")


def turned(movie: bytes) -> bytes:
    """The same movie, whose first track is to be shown a quarter turn against the clock.

    The matrix of a track header maps a stored point (x, y) to (a x + c y, b x + d y); y points down.
    """
    at = movie.index(b"tkhd") + 44
    return movie[:at] + struct.pack(">5i", 0, -65536, 0, 65536, 0) + movie[at + 20 :]


def enlarged(movie: bytes, side: int) -> bytes:
    """The same movie, whose first track, of H.264 in the baseline profile, claims `side` x `side` pixels.

    The track header, the sample entry and the sequence parameter set claim it. The coded pictures stay small.
    The media data must come before the `moov` box, because that box grows.
    """
    changed = bytearray(movie)
    track, entry = changed.index(b"tkhd"), changed.index(b"avc1", changed.index(b"stsd"))
    changed[track + 80 : track + 88] = struct.pack(">2I", side << 16, side << 16)
    changed[entry + 28 : entry + 32] = struct.pack(">2H", side, side)
    at = (
        changed.index(b"avcC") + 10
    )  # behind four bytes of profile, the size of lengths and the number of parameter sets
    length = int.from_bytes(changed[at : at + 2], "big")
    larger = _with_size(bytes(changed[at + 2 : at + 2 + length]), side // 16)
    changed[at : at + 2 + length] = len(larger).to_bytes(2, "big") + larger
    for box in _ABOVE_A_SAMPLE_ENTRY:
        position = changed.index(box) - 4
        size = int.from_bytes(changed[position : position + 4], "big") + len(larger) - length
        changed[position : position + 4] = size.to_bytes(4, "big")
    return bytes(changed)


def _with_size(parameters: bytes, blocks: int) -> bytes:
    """A sequence parameter set of the baseline profile, with another width and height in blocks of 16
    pixels."""
    bits = "".join(
        f"{byte:08b}" for byte in parameters.replace(b"\0\0\3", b"\0\0")
    )  # without emulation prevention
    at = 32  # behind the unit's head, profile, constraints and level
    for _ in range(2):  # number, log2 of the largest frame number
        at = _behind_number(bits, at)
    assert bits[at : at + 3] == "011", "wanted frames in the order of decoding (pic_order_cnt_type 2)"
    at = _behind_number(bits, at + 3) + 1  # reference frames; whether gaps are allowed
    behind = _behind_number(bits, _behind_number(bits, at))
    bits = (bits[:at] + 2 * _number(blocks - 1) + bits[behind:]).rstrip("0")
    bits += "0" * (-len(bits) % 8)
    changed = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return changed.replace(b"\0\0\0", b"\0\0\3\0").replace(b"\0\0\1", b"\0\0\3\1")


def _behind_number(bits: str, at: int) -> int:
    """Where the Exp-Golomb number at a position ends."""
    zeros = bits.index("1", at) - at
    return at + 2 * zeros + 1


def _number(value: int) -> str:
    """Exp-Golomb: as many zeros as value + 1 has binary digits behind its first, then value + 1."""
    digits = f"{value + 1:b}"
    return "0" * (len(digits) - 1) + digits
