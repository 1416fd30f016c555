"""What an answer offers to do, as buttons: one leads to a tab; any other asks once more before something changes."""

from html import escape

from deepseek_mm import Answer, Caller, Offer, Services
from index import LIBRARY
from ui import edges
from ui.html import button, hint
from ui.words import UiTexts, count_noun

AGREE = "agree_"  # and the offer's action: what the button does that confirms it


def render_offers(answer: Answer, confirming: int, done: str, words: UiTexts) -> str:
    """The buttons; for the offer of the number `confirming` the sentence that asks once more; or what was done."""
    if done:
        return hint(done)
    if 0 <= confirming < len(answer.offers):
        return _confirmation(answer.offers[confirming], f"{answer.turn}:{confirming}", words)
    buttons = "".join(_button(offer, f"{answer.turn}:{n}") for n, offer in enumerate(answer.offers))
    return f'<div class="offers">{buttons}</div>' if buttons else ""


def find_offer(answer: Answer, number: int) -> Offer | None:
    """The offer of this number."""
    return answer.offers[number] if 0 <= number < len(answer.offers) else None


def carry_out(offer: Offer, services: Services, owner: Caller, words: UiTexts) -> str:
    """Do what was offered, with the caller's own rights; what was done. BadPath if there is nothing to do it with."""
    if offer.action == "delete":
        count = services.library.take_out(owner, offer.targets).num_sources
        if not count:
            raise edges.BadPath(words.taken_out_none.format(path=", ".join(offer.targets)))
        return count_noun(words.taken_out, count)
    if offer.action == "move":
        services.library.assign(owner, offer.targets, offer.value or LIBRARY)
        files = count_noun(words.files, len(offer.targets))
        return (words.collection_has if offer.value else words.offer_left).format(files=files, name=offer.value)
    services.history.delete(owner, edges.number(offer.targets[0]))
    return words.offer_forgotten


def tell_change(offer: Offer, words: UiTexts) -> str:
    """What would happen, as a question."""
    if offer.action == "forget":
        return words.offer_forget
    files = count_noun(words.files, len(offer.targets))
    text = words.offer_delete if offer.action == "delete" else words.offer_move if offer.value else words.offer_leave
    return text.format(files=files, name=offer.value)


def _button(offer: Offer, what: str) -> str:
    if offer.action != "open":
        return button("offer", what, offer.text, look="offer")
    tab = escape(offer.targets[0])
    return f'<button type="button" class="offer" data-open-tab="{tab}">{escape(offer.text)}</button>'


def _confirmation(offer: Offer, what: str, words: UiTexts) -> str:
    label = f"{words.offer_yes}: {offer.text}"
    agree = button(f"{AGREE}{offer.action}", what, words.offer_yes, label=label, look="offer")
    return (
        f'<div class="offers confirm" role="alert"><span>{escape(tell_change(offer, words))}</span>'
        f"{agree}{button('decline', what, words.cancel, look='offer')}</div>"
    )
