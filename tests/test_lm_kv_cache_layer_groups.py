import pytest

from deepseek_mm.lm.kv_cache.key_value_store import PAGE, LayerGroup, count_pages, group_layers, plan_pages
from deepseek_mm.lm.shape import FULL, ExpertSpec, MoEShape, Reach, tiny

NEAR = Reach(kind="window", window=32, sinks=4)


def windowed(window, sinks=0):
    return LayerGroup(slots=(0,), kv_heads=1, head_width=2, window=window, sinks=sinks)


def reachable(group, length):
    """Blocks that some token from the last page border on sees: every pair is asked, as the rule of a reach says."""
    border = length // PAGE * PAGE
    return {
        place // PAGE
        for place in range(length)
        if not group.window or place < group.sinks or any(q - place < group.window for q in range(border, length + 1))
    }


@pytest.mark.parametrize("window", [0, 1, 7, 31, 32, 33, 64, 100])
@pytest.mark.parametrize("sinks", [0, 4, 32])
def test_a_block_is_kept_exactly_while_a_token_from_the_last_border_on_sees_it(window, sinks):
    group = windowed(window, sinks)
    for length in range(1, 300):
        kept = {block for block in range(count_pages(length)) if group.keeps(block, length)}
        assert kept == reachable(group, length)


def test_layers_that_remember_equally_long_share_a_group_whatever_they_choose():
    top = Reach(kind="top", blocks=3)
    groups = group_layers(tiny(reaches=(NEAR, FULL, NEAR, top)))
    assert [(group.slots, group.window, group.sinks, group.tops) for group in groups] == [
        ((0, 2), 32, 4, ()),
        ((1, 3), 0, 0, (3,)),
    ]


def test_gates_are_a_group_of_their_own_with_their_own_heads():
    experts = (ExpertSpec(name="a", domain="b", width=8), ExpertSpec(name="c", domain="d", width=8))
    moe = MoEShape(layers=(1, 3), experts=experts, gate_width=16, gate_heads=4)
    gates = group_layers(tiny(moe=moe))[-1]
    assert (gates.slots, gates.kv_heads, gates.head_width, gates.window) == ((4, 5), 4, 4, 32)


@pytest.mark.parametrize(("window", "sinks"), [(1, 0), (32, 4), (33, 4), (64, 0), (200, 32)])
@pytest.mark.parametrize("chunk", [1, 32, 70, 500])
def test_no_sequence_ever_needs_more_pages_than_was_worked_out(window, sinks, chunk):
    """Old pages are there until the chunk is done: the worst sum over all starts is within the bound."""
    group, tokens = windowed(window, sinks), 700
    worst = max(
        sum(
            group.keeps(block, start) and block < count_pages(start) or group.keeps(block, end)
            for block in range(count_pages(end))
        )
        for start in range(tokens)
        for end in (min(start + chunk, tokens),)
    )
    assert worst <= group.most_pages(tokens, chunk)
    assert group.most_pages(20, chunk) == 1


def test_windows_are_planned_by_sequences_and_the_rest_by_tokens():
    pages = plan_pages((windowed(0), windowed(32, 4)), tokens=16_384, sequences=2, chunk=512)
    assert pages == (514, 2 * 2 * (1 + 2 + 2))
