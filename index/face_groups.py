"""Which faces are one person's: groups whose faces lie near each other on average are joined, the nearest first.

The distance of two groups is the root of the mean squared distance of their faces (average linkage). Two groups that
are each other's nearest become one while that is at most the limit. What a person has decided is never undone: faces
of one group stay together, two that have names stay apart, and a face comes to nobody whom it was said not to be.

Shape key:  F faces, D numbers of a vector, G groups
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from index.vectors import Floats

PIECE = 1024  # groups that are compared with all others at once
NEVER = np.float32(np.inf)


@dataclass(kw_only=True, slots=True)
class FaceGroups:
    """Groups on their way to being joined; row g of each array is of group g, members[g] are its faces."""

    means_GD: Floats
    squares_G: Floats  # mean squared length of a group's vectors
    members: list[list[int]]
    named: list[bool]
    refused: list[set[int]]  # groups that none of its faces may come to, and that may not come to it
    alive: list[bool]

    def distances(self, rows: Sequence[int]) -> Floats:
        """(rows, G): root mean square, infinite where two may not be joined."""
        dots = self.means_GD[rows] @ self.means_GD.T
        apart = np.sqrt(np.maximum(self.squares_G[rows][:, None] + self.squares_G - 2 * dots, 0))
        apart[:, ~np.array(self.alive)] = NEVER
        named = np.array(self.named)
        for n, row in enumerate(rows):
            apart[n, row] = NEVER
            if named[row]:
                apart[n, named] = NEVER
            apart[n, list(self.refused[row])] = NEVER
        return apart

    def join(self, one: int, other: int) -> None:
        """The other group's faces come to the one, which is named if either was."""
        counts = len(self.members[one]), len(self.members[other])
        total = sum(counts)
        for values in (self.means_GD, self.squares_G):
            values[one] = (values[one] * counts[0] + values[other] * counts[1]) / total
        self.members[one] += self.members[other]
        self.named[one] |= self.named[other]
        self.alive[other] = False
        self.refused[one] |= self.refused[other]
        for group in self.refused[other]:
            self.refused[group].add(one)


def group_faces(
    vectors_FD: Floats,
    people: Sequence[int],
    named: Mapping[int, bool],
    refusals: Mapping[int, set[int]],
    *,
    limit: float,
) -> list[list[int]]:
    """Rows of the faces of each group, where `people` is each face's person, or 0 for none yet.

    `named` says which people have names; `refusals` are people that the face of this row is not.
    """
    groups = _begin(vectors_FD, people, named, refusals)
    changed = [group for group, alive in enumerate(groups.alive) if alive]
    nearest: dict[int, tuple[float, int]] = {}
    while changed:
        _look_around(groups, changed, nearest)
        pairs = [
            (apart, one, other)
            for one, (apart, other) in nearest.items()
            if one < other and apart <= limit and nearest[other][1] == one
        ]
        for _, one, other in sorted(pairs):
            groups.join(one, other)
            nearest.pop(other)
        touched = {group for _, one, other in pairs for group in (one, other)}
        changed = [one for one, (_, other) in nearest.items() if one in touched or other in touched]
    return [members for members, alive in zip(groups.members, groups.alive, strict=True) if alive]


def _begin(
    vectors_FD: Floats, people: Sequence[int], named: Mapping[int, bool], refusals: Mapping[int, set[int]]
) -> FaceGroups:
    """A group for each person, and one for each face without."""
    rows: dict[int, list[int]] = {}
    for row, person in enumerate(people):
        rows.setdefault(person or -1 - row, []).append(row)
    order = list(rows)
    at = {person: n for n, person in enumerate(order)}
    refused: list[set[int]] = [set() for _ in order]
    for row, apart in refusals.items():
        own = at[people[row] or -1 - row]
        for other in (at[person] for person in apart if person in at):
            refused[own].add(other)
            refused[other].add(own)
    members = [rows[person] for person in order]
    means = [vectors_FD[faces].mean(axis=0) for faces in members]
    squares = [np.square(vectors_FD[faces]).sum(axis=1).mean() for faces in members]
    return FaceGroups(
        means_GD=np.array(means, np.float32).reshape(len(order), vectors_FD.shape[-1]),
        squares_G=np.array(squares, np.float32),
        members=members,
        named=[named.get(person, False) for person in order],
        refused=refused,
        alive=[True] * len(order),
    )


def _look_around(groups: FaceGroups, changed: Sequence[int], nearest: dict[int, tuple[float, int]]) -> None:
    """Note the nearest group of each of these."""
    for start in range(0, len(changed), PIECE):
        some = changed[start : start + PIECE]
        apart = groups.distances(some)
        for group, other, row in zip(some, apart.argmin(axis=1).tolist(), apart, strict=True):
            nearest[group] = (float(row[other]), other)
