"""Whether the file of a clip was cut short. Only the lengths of its outermost elements are read: a cut
between two packets leaves no other trace."""

from pathlib import Path

_EBML = b"\x1aE\xdf\xa3"
_SEGMENT = b"\x18S\x80g"
_RIFF = b"RIFF"
# A fragmented file has a few boxes a second; a hostile one may have millions.
_MAX_BOXES = 100_000


def is_truncated(path: Path) -> bool:
    """Whether the outermost elements promise more bytes than the file has. The file is one that
    `container.sniff` accepts."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(256)
        if head.startswith(_EBML):
            return _segment_end(head) > size
        length_of = _riff_length if head.startswith(_RIFF) else _box_length
        position = 0
        for _ in range(_MAX_BOXES):
            file.seek(position)
            head = file.read(16)
            length = length_of(head)
            if len(head) < 8 or length < 8:  # the end, a last box that gives no length, or no box
                return False
            position += length
            if position > size:
                return True
    return False


def _box_length(head: bytes) -> int:
    """Bytes of a box of MP4 or MOV, its header included."""
    length = int.from_bytes(head[:4], "big")
    return int.from_bytes(head[8:16], "big") if length == 1 else length


def _riff_length(head: bytes) -> int:
    """Bytes of a chunk of AVI, its header included; 0 if this is none, or if the recorder never wrote a
    length."""
    length = int.from_bytes(head[4:8], "little")
    return 8 + length + length % 2 if head.startswith(_RIFF) and length else 0


def _segment_end(head: bytes) -> int:
    """Where the one Segment of Matroska ends, from the file's first bytes; 0 if they do not say."""
    length, at = _number(head, 4)
    segment = at + length
    if head[segment : segment + 4] != _SEGMENT:
        return 0
    length, at = _number(head, segment + 4)
    return at + length if length else 0


def _number(head: bytes, at: int) -> tuple[int, int]:
    """EBML's variable-length number at a position, and the position behind it. "Unknown", which is all ones,
    and a number that is not there give 0."""
    if at >= len(head) or head[at] == 0:
        return 0, at
    width = 9 - head[at].bit_length()
    ones = (1 << 7 * width) - 1
    value = int.from_bytes(head[at : at + width], "big") & ones
    return (0 if value == ones else value), at + width
