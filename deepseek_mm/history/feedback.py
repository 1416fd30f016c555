"""What the user thinks of an answer: a thumb, the right answer, boxes drawn right. Kept with the turn, to learn."""

from typing import Any

from sqlalchemy import Select, select, union

from deepseek_mm.errors import BadFeedback
from deepseek_mm.history.records import RATINGS, Corrected, Rating
from deepseek_mm.history.tables import ConversationRow, CorrectionRow, TurnRow

MOST_RIGHT = 80  # characters of a right answer


def rate(turn: TurnRow, rating: Rating) -> None:
    """Keep a thumb in place of the one before; an empty one takes it back. BadFeedback if it is no rating."""
    if rating not in RATINGS:
        raise BadFeedback(f"{rating!r} is no rating. Say 'up' or 'down', or '' to take it back")
    turn.rating = rating


def put_right(turn: TurnRow, right: str) -> None:
    """Keep what the answer should have been, in few words; empty words take it back. BadFeedback if it is long."""
    words = " ".join(right.split())
    if len(words) > MOST_RIGHT:
        raise BadFeedback(
            f"the right answer has {len(words)} characters, and {MOST_RIGHT} are the most. "
            "Say it in a few words, for example: blue"
        )
    turn.right = words


def correct(turn: TurnRow, corrected: Corrected) -> None:
    """Keep a box beside the earlier ones. BadFeedback if the turn has no such citation, or the box no area."""
    cited = sorted({row.number for row in turn.citations})
    if corrected.number not in cited:
        named = ", ".join(f"[{number}]" for number in cited) or "nothing"
        raise BadFeedback(f"answer {turn.id} cites {named}, not [{corrected.number}]. Correct a box that it cites")
    left, top, right, bottom = corrected.box_px
    if not (0 <= left < right and 0 <= top < bottom):
        raise BadFeedback(f"the box {corrected.box_px} has no area within the picture. Draw it from corner to corner")
    turn.corrections.append(correction_row(corrected))


def correction_row(corrected: Corrected) -> CorrectionRow:
    """A corrected box as it is kept."""
    left, top, right, bottom = (int(edge) for edge in corrected.box_px)
    return CorrectionRow(
        number=int(corrected.number),
        left_px=left,
        top_px=top,
        right_px=right,
        bottom_px=bottom,
        label=corrected.label,
        made_at=corrected.made_at,
    )


def correction(row: CorrectionRow) -> Corrected:
    """The corrected box that `row` holds."""
    box_px = (row.left_px, row.top_px, row.right_px, row.bottom_px)
    return Corrected(number=row.number, box_px=box_px, label=row.label, made_at=row.made_at)


def select_judged(limit: int) -> Select[Any]:
    """Every turn with a rating, a right answer or a corrected box, oldest first; a negative limit is none."""
    rated = select(TurnRow.id).where(TurnRow.rating.in_(("up", "down")))
    told = select(TurnRow.id).where(TurnRow.right > "")  # as an index can say it
    hidden = select(ConversationRow.id).where(ConversationRow.deleted_at.is_not(None))
    return (
        select(TurnRow)
        .where(
            TurnRow.id.in_(union(rated, told, select(CorrectionRow.turn_id))), TurnRow.conversation_id.not_in(hidden)
        )
        .order_by(TurnRow.id)
        .limit(limit)
    )
