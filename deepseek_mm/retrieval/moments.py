"""Of a video one moment is spoken of at a time: the one that is nearest to what is asked, as if it were a photo.

Shape key:  R regions, D width of the space
"""

from collections.abc import Sequence

from index import Region

OF_A_MOMENT = ("whole", "part", "guess")  # kinds of regions that lie in one picture; others belong to the whole file


def nearest_moment(regions: Sequence[Region], scores_R: Sequence[float]) -> int:
    """The time, in milliseconds, of the picture that has the highest score; 0 of what is no video."""
    wholes = [(score, region.at_ms) for region, score in zip(regions, scores_R, strict=True) if region.kind == "whole"]
    return max(wholes, key=lambda each: each[0])[1] if wholes else 0


def at_moment(regions: Sequence[Region], at_ms: int) -> tuple[Region, ...]:
    """Without those of a video that lie in its other pictures."""
    if not regions[0].source.is_video:
        return tuple(regions)
    return tuple(region for region in regions if region.kind not in OF_A_MOMENT or region.at_ms == at_ms)
