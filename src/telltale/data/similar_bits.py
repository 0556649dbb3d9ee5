"""`BitIndex`: strings of bits that differ in few places, among hundreds of thousands of them.

    index = BitIndex(bits, limit=0.2, count=455)       # bits: uint8 (N, B), packed
    index.near(bits)                                   # int64 (P, 2): (query, row of the index)

Locality-sensitive hashing (Indyk and Motwani, STOC 1998): two strings are compared if they agree in all the
bits of one of BANDS random subsets. Strings that differ in a share p of their bits agree in a subset of K
with probability (1 - p)^K.
"""

import numpy as np
from numpy.typing import NDArray

BANDS, BAND_BITS = 48, 18
# Pairs that are compared at a time, for the memory.
CHUNK = 1_000_000


class BitIndex:
    """Bit strings that can be asked for those near others.

    bits: uint8 (N, B), packed. count: how many of their bits count. limit: share of the bits in which two
    strings may differ.
    """

    def __init__(self, bits: NDArray[np.uint8], limit: float, count: int) -> None:
        self.bits, self.limit = bits, int(limit * count)
        rng = np.random.default_rng([0, count])
        self._subsets = [rng.permutation(count)[:BAND_BITS] for _ in range(BANDS)]
        self._keys = []
        for keys in self._keys_of(bits):
            order = np.argsort(keys, kind="stable")
            self._keys.append((keys[order], order))

    def near(self, queries: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Pairs (row of `queries`, row of the index) that differ in at most the limit, each once, and never a
        row with its own number; int64 (P, 2)."""
        found = [np.empty((0, 2), np.int64)]
        for (keys, order), asked in zip(self._keys, self._keys_of(queries), strict=True):
            first, last = np.searchsorted(keys, asked, "left"), np.searchsorted(keys, asked, "right")
            found += self._compared(queries, order, first, last)
        return np.unique(np.concatenate(found), axis=0)

    def _compared(
        self,
        queries: NDArray[np.uint8],
        order: NDArray[np.int64],
        first: NDArray[np.int64],
        last: NDArray[np.int64],
    ) -> list[NDArray[np.int64]]:
        """The near pairs among query q and the rows order[first[q]:last[q]], for all q."""
        ends = np.cumsum(last - first)
        found, done = [], 0
        while done < (ends[-1] if len(ends) else 0):
            numbers = np.arange(done, min(done + CHUNK, ends[-1]))
            done = int(numbers[-1]) + 1
            query = np.searchsorted(ends, numbers, "right")
            row = order[numbers - (ends[query] - last[query])]
            query, row = query[query != row], row[query != row]
            differ = np.bitwise_count(queries[query] ^ self.bits[row]).sum(1, dtype=np.int64)
            near = differ <= self.limit
            found.append(np.stack([query[near], row[near]], 1))
        return found

    def _keys_of(self, bits: NDArray[np.uint8]) -> list[NDArray[np.int64]]:
        """For each subset, its bits as a number, int64 (N,)."""
        keys = []
        for subset in self._subsets:
            taken = bits[:, subset // 8] >> (7 - subset % 8) & 1
            keys.append(taken.astype(np.int64) @ (1 << np.arange(BAND_BITS)))
        return keys
