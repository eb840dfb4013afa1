"""Finds rows that say the same, or nearly the same, as an earlier one, in bounded memory."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any
from zlib import crc32

if TYPE_CHECKING:
    import numpy

SHINGLE = 3
"""Words that are compared as one."""
LEAST_WORDS = 20
"""Shorter texts are nearly the same too easily."""
MOST_WORDS = 4000
"""Of a longer text only the beginning is compared."""
BANDS, BAND_ROWS = 8, 4
HASHES = BANDS * BAND_ROWS
ALIKE = 0.8
"""Share of its shingles that a text has in common with another one, as MinHash estimates it, to be nearly the same."""
LARGEST_SAMPLE = 200_000
"""Rows that are compared with each other; 128 bytes of signature and 100 bytes of index each."""
BATCH_WORDS = 30_000
_MASK = (1 << 64) - 1


class Seen:
    """Hashes of 64 bits, each with the number of the row that had it first: 12 bytes an entry, open addressing."""

    def __init__(self) -> None:
        self._size = 1 << 10
        self._count = 0
        self._hashes = array("Q", bytes(8 * self._size))
        self._rows = array("I", bytes(4 * self._size))

    def __len__(self) -> int:
        return self._count

    def get(self, hashed: int) -> int:
        """The row that had it first; 0 when none had."""
        return self._rows[self._slot(hashed & _MASK or 1)]

    def first(self, hashed: int, row: int) -> int:
        """The row that had it first; 0 when this one is the first, which is then kept."""
        hashed = hashed & _MASK or 1
        slot = self._slot(hashed)
        if self._hashes[slot]:
            return self._rows[slot]
        self._hashes[slot], self._rows[slot] = hashed, row & 0xFFFFFFFF
        self._count += 1
        if 3 * self._count > 2 * self._size:
            self._grow()
        return 0

    def _slot(self, hashed: int) -> int:
        mask, hashes = self._size - 1, self._hashes
        slot = (hashed ^ hashed >> 32) & mask
        while (found := hashes[slot]) and found != hashed:
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        old_hashes, old_rows = self._hashes, self._rows
        self._size *= 2
        self._hashes = array("Q", bytes(8 * self._size))
        self._rows = array("I", bytes(4 * self._size))
        for hashed, row in zip(old_hashes, old_rows, strict=True):
            if hashed:
                slot = self._slot(hashed)
                self._hashes[slot], self._rows[slot] = hashed, row


class NearlySeen:
    """MinHash signatures over runs of words, looked up by bands of them (Broder 1997; Leskovec et al., ch. 3).

    Rows are compared in batches, for numpy's sake: `add` returns what the batches that became full have found.
    """

    def __init__(self) -> None:
        import numpy  # here because the window does not need it to start

        self._np = numpy
        chance = numpy.random.default_rng(7)
        self._factors = chance.integers(0, 1 << 31, HASHES, numpy.uint32) * 2 + 1
        self._masks = chance.integers(0, 1 << 32, HASHES, numpy.uint32)
        self._signatures: Any = numpy.zeros((1024, HASHES), numpy.uint32)
        self._rows = array("Q")
        self._bands = Seen()
        self._batch: list[tuple[int, Sequence[bytes]]] = []
        self._words = 0
        self.compared = 0
        """Rows so far."""

    @property
    def full(self) -> bool:
        """Whether no more rows are compared."""
        return self.compared >= LARGEST_SAMPLE

    @property
    def is_empty(self) -> bool:
        """Whether no row waits to be compared."""
        return not self._batch

    def add(self, row: int, words: Sequence[bytes]) -> list[tuple[int, int]]:
        """Takes a row; returns pairs of a row and the earlier one that it is nearly the same as."""
        self.compared += 1
        if len(words) < LEAST_WORDS:
            return []
        self._batch.append((row, words[:MOST_WORDS]))
        self._words += min(len(words), MOST_WORDS)
        return self.flush() if self._words >= BATCH_WORDS else []

    def flush(self) -> list[tuple[int, int]]:
        """Compares what has been taken and not compared yet."""
        batch, self._batch, self._words = self._batch, [], 0
        if not batch:
            return []
        signatures = self._sign([words for _, words in batch])
        keys = self._band_keys(signatures)
        alike = (self._look_up(row, signatures[at], keys[at]) for at, (row, _) in enumerate(batch))
        return [(row, earlier) for (row, _), earlier in zip(batch, alike, strict=True) if earlier]

    def _look_up(self, row: int, signature: numpy.ndarray[Any, Any], keys: list[int]) -> int:
        """The earlier row that is most alike, 0 when none is; the row itself is kept if none is."""
        own = len(self._rows)
        near = {self._bands.get(key) for key in keys} - {0}
        for index in near:
            if (self._signatures[index - 1] == signature).mean() >= ALIKE:
                return self._rows[index - 1]
        for key in keys:
            self._bands.first(key, own + 1)
        if own == len(self._signatures):
            self._signatures = self._np.concatenate([self._signatures, self._np.zeros_like(self._signatures)])
        self._signatures[own] = signature
        self._rows.append(row)
        return 0

    def _sign(self, texts: list[Sequence[bytes]]) -> numpy.ndarray[Any, Any]:
        """The smallest hash of each text's shingles under each permutation."""
        np = self._np
        lengths = np.array([len(words) for words in texts])
        hashed = np.fromiter(map(crc32, chain.from_iterable(texts)), np.uint32, lengths.sum())
        mixed = (
            hashed[:-2] * np.uint32(0x9E3779B1) ^ hashed[1:-1] * np.uint32(0x85EBCA77) ^ hashed[2:] * np.uint32(0xC2B2AE3D)
        )
        mixed = (mixed ^ mixed >> np.uint32(15)) * np.uint32(0x2C1B3C6D)
        mixed ^= mixed >> np.uint32(13)
        ends = lengths.cumsum()
        # every other segment lies between two texts and is thrown away
        bounds = np.column_stack([ends - lengths, ends - (SHINGLE - 1)]).ravel()[: 2 * len(texts) - 1]
        signatures: numpy.ndarray[Any, Any] = np.empty((len(texts), HASHES), np.uint32)
        for at in range(HASHES):
            signatures[:, at] = np.minimum.reduceat((mixed ^ self._masks[at]) * self._factors[at], bounds)[::2]
        return signatures

    def _band_keys(self, signatures: numpy.ndarray[Any, Any]) -> list[list[int]]:
        np = self._np
        bands = signatures.reshape(len(signatures), BANDS, BAND_ROWS).astype(np.uint64)
        keys = np.arange(1, BANDS + 1, dtype=np.uint64)[None, :] * np.uint64(0x9E3779B97F4A7C15)
        for at in range(BAND_ROWS):
            keys = (keys ^ bands[:, :, at]) * np.uint64(0xFF51AFD7ED558CCD)
            keys = keys ^ keys >> np.uint64(29)
        found: list[list[int]] = keys.tolist()
        return found
