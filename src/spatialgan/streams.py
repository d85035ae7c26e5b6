"""Random streams: everything random is drawn from a generator made for one purpose, from a seed that users know."""

import hashlib

import torch


def random_stream(seed: int, purpose: str, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator for one purpose. Streams of one seed, and those of seeds in a row, are independent.

    The hash matters: a network's weights and a latent code drawn from generators with the same plain seed are the same
    numbers, and the picture of such a code looks like no other.
    """
    return torch.Generator(device).manual_seed(stream_seed(seed, purpose))


def stream_seed(seed: int, purpose: str) -> int:
    """The 64-bit seed of :func:`random_stream`."""
    return int.from_bytes(hashlib.sha256(f"{purpose} {seed}".encode()).digest()[:8], "little")
