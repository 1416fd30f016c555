"""The length of a chunk on a clock that is set by hand."""

from deepseek_mm.lm.engine.scheduler import ChunkSizer


class Clock:
    """Stands still unless it is moved."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def timed(**options):
    clock = Clock()
    pace = ChunkSizer(target_s=0.1, clock=clock, **options)

    def chunk(tokens, seconds):
        pace.start()
        clock.now += seconds
        pace.stop(tokens)
        return pace.chunk

    return pace, clock, chunk


def test_a_bite_becomes_as_long_as_the_time_allows_and_grows_no_faster_than_twofold():
    pace, _, chunk = timed()
    assert pace.chunk == 32
    assert [chunk(pace.chunk, pace.chunk * 0.0004) for _ in range(5)] == [
        64,
        128,
        224,
        224,
        224,
    ]  # 250 tokens fit, 7 units
    assert chunk(224, 1.0) == 32  # 22 fit, and a unit is the least


def test_a_bite_is_never_longer_than_the_most_however_fast_the_machine():
    pace, _, chunk = timed(most=128)
    assert [chunk(pace.chunk, 0.0) for _ in range(4)] == [64, 128, 128, 128]


def test_the_short_end_of_a_prompt_does_not_shrink_the_bite_unless_it_was_slow():
    _, _, chunk = timed()
    assert chunk(32, 0.01) == 64
    assert chunk(3, 0.02) == 64
    assert chunk(60, 0.15) == 32
