#!/usr/bin/env python3
"""The random numbers of dlfs/base/random.h in numpy: the same numbers from the same formula, so that weights and
inputs of a golden file need not be stored. `python3 tools/formula.py` checks the values that random_test.cpp
pins."""
import numpy

GOLDEN_GAMMA = numpy.uint64(0x9E3779B97F4A7C15)


def mix(z):
    z = numpy.atleast_1d(numpy.asarray(z, numpy.uint64))  # arrays wrap around without a warning
    z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
    return z ^ (z >> numpy.uint64(31))


def key_of(text):
    hash = 0xCBF29CE484222325
    for byte in text.encode():
        hash = (hash ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return int(mix(hash)[0])


def combine(key, other):
    mixed = mix((key + int(GOLDEN_GAMMA)) & 0xFFFFFFFFFFFFFFFF)
    return int(mix(mixed + numpy.uint64(other))[0])


def bits(key, counters):
    """uint64 of each counter."""
    counters = numpy.atleast_1d(numpy.asarray(counters, numpy.uint64))
    return mix(numpy.uint64(key) + (counters + numpy.uint64(1)) * GOLDEN_GAMMA)


def uniform(key, counters):
    """float32 in [0, 1) of each counter."""
    return (bits(key, counters) >> numpy.uint64(40)).astype(numpy.float32) * numpy.float32(2**-24)


def normal(key, counters):
    """float32 of each counter; the last bit is the mathematics library's own."""
    counters = numpy.atleast_1d(numpy.asarray(counters, numpy.uint64)) * numpy.uint64(2)
    u = ((bits(key, counters) >> numpy.uint64(11)) + numpy.uint64(1)).astype(numpy.float64) * 2.0**-53
    v = (bits(key, counters + numpy.uint64(1)) >> numpy.uint64(11)).astype(numpy.float64) * 2.0**-53
    return (numpy.sqrt(-2 * numpy.log(u)) * numpy.cos(2 * numpy.pi * v)).astype(numpy.float32)


def below(key, counter, bound):
    return ((int(bits(key, counter)[0]) >> 32) * bound) >> 32


def permutation(count, key):
    order = list(range(count))
    for i in range(count - 1, 0, -1):
        j = below(key, i, i + 1)
        order[i], order[j] = order[j], order[i]
    return order


def check():
    """The values of random_test.cpp."""
    key = key_of("conv1.weight")
    assert [int(value) for value in bits(1234567, range(3))] == [
        6457827717110365317, 3203168211198807973, 9817491932198370423]  # splitmix64 as published
    assert (key_of(""), key) == (0xF52A15E9A9B5E89B, 0x518ADAF9DFB88FBE)
    assert combine(key_of("shuffle"), 7) == 0x602590FD22D420B1
    assert [float(value).hex() for value in uniform(key, [0, 1, 2, 2**40])] == [
        "0x1.302bf00000000p-4", "0x1.033e880000000p-1", "0x1.7aee180000000p-3", "0x1.6af8000000000p-8"]
    assert numpy.abs(normal(key, range(3)) - [-2.2786198, -0.43090087, -0.37396014]).max() < 1e-6
    assert [below(key, counter, 10) for counter in range(8)] == [0, 5, 1, 7, 8, 3, 9, 3]
    assert permutation(10, combine(combine(key_of("shuffle"), 1), 0)) == [3, 5, 4, 2, 8, 9, 6, 7, 1, 0]
    print("formula.py gives the pinned values")


if __name__ == "__main__":
    check()
