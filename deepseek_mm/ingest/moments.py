"""The pictures of a video, each looked at like a photo, become the regions of one source.

Every picture stays whole with its time. A thing that is seen all the time is kept where it is seen best: a video of a
minute with a dog in it has a few places of the dog, not one for each second.

Shape key:  R regions, D width of the space
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from deepseek_mm.embeddings.space import Floats
from index import Region

PLACES = 3  # of one label in a video, the surest
Seen = tuple[Sequence[Region], Floats]  # the regions of one picture and their vectors (R, D)


def join_moments(seen: Sequence[Seen]) -> Seen:
    """The regions of all pictures of one file, in order, without further places of what has enough of them."""
    if len(seen) == 1:
        return seen[0]
    regions = [region for own, _ in seen for region in own]
    vectors_RD = np.concatenate([vectors_RD for _, vectors_RD in seen])
    places = [n for n, region in enumerate(regions) if region.kind == "part"]
    taken, dropped = Counter[str](), set[int]()
    for n in sorted(places, key=lambda n: -regions[n].labels[0].score if regions[n].labels else 0.0):
        taken[regions[n].label] += 1
        if taken[regions[n].label] > PLACES:
            dropped.add(n)
    kept = [n for n in range(len(regions)) if n not in dropped]
    return tuple(regions[n] for n in kept), vectors_RD[kept]
