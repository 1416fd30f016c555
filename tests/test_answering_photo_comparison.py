"""Photos beside each other: prices, numbers of photos, and pairs that nobody marked."""

from deepseek_mm.answering.photo_comparison import PhotoComparison, amount_of, compare_prices, price_of, with_pair
from deepseek_mm.retrieval.photo_finder import PhotoMatch
from deepseek_mm.types import Act
from index import Filter, Region, Source


class Finder:
    """Has two photos with prices and one without."""

    def __init__(self, *matches: PhotoMatch) -> None:
        self.matches = list(matches)

    def list_photos(self, where: Filter, k: int) -> list[PhotoMatch]:
        return self.matches

    def find_subject(self, words: str, k: int, *, where: Filter) -> list[PhotoMatch]:
        return [match for match in self.matches if words in match.notes[0]]


def match(number: int, note: str) -> PhotoMatch:
    source = Source(id=number, path=f"/photos/{number}.jpg")
    whole = Region(id=number * 10, source=source, kind="whole", box_px=(0, 0, 1, 1))
    told = Region(id=number * 10 + 1, source=source, kind="note", box_px=(0, 0, 1, 1), text=note)
    return PhotoMatch(source, 0.9, (), (whole, told))


PLUMS, MELONS, DOG = match(1, "plums at 79.95"), match(2, "melons at 34,90"), match(3, "a dog")


def test_a_price_in_a_note_is_an_amount_whatever_the_decimal_mark():
    assert [amount_of(price_of(each)) for each in (PLUMS, MELONS, DOG)] == [79.95, 34.9, 0.0]


def test_two_things_that_stand_beside_an_or_are_compared():
    act = with_pair(Act(kind="compare", text="cat or dog, which do I have more pictures of?"))
    assert (act.subject, act.other) == ("cat", "dog")
    marked = Act(kind="compare", text="the cat or the dog", subject="the cat")
    assert with_pair(marked) == marked


def test_the_costlier_of_two_is_named_in_the_words_of_whoever_asks():
    act = Act(kind="compare", text="what is more expensive, plums or melons?", subject="plums", other="melons")
    assert compare_prices(act, [PLUMS, MELONS]).claims[0].text == "More expensive: plums"
    cheaper = Act(kind="compare", text="which is cheaper, plums or melons?", subject="plums", other="melons")
    assert compare_prices(cheaper, [PLUMS, MELONS]).claims[0].text == "Cheaper: melons"


def test_a_price_that_is_not_known_is_said_and_decides_nothing():
    act = Act(kind="compare", text="which costs more, the plums or the dog?", subject="plums", other="the dog")
    told = [claim.text for claim in compare_prices(act, [PLUMS, DOG]).claims]
    assert told[1].startswith("I cannot read a price in 3.jpg")
    assert len(told) == 2


def test_the_most_expensive_of_all_comes_first_and_the_cheapest_where_that_is_asked():
    comparison = PhotoComparison(Finder(MELONS, DOG, PLUMS), lambda act, where: [])
    most = comparison.find_extreme(Act(kind="look", text="which is the most expensive?"), Filter())
    assert most.claims[0].text.startswith("The highest price that I know is 79.95: 1.jpg")
    least = comparison.find_extreme(Act(kind="look", text="which is the cheapest?"), Filter())
    assert least.claims[0].text.startswith("The lowest price that I know is 34,90: 2.jpg")
    assert comparison.find_extreme(Act(kind="look", text="which is the largest?"), Filter()) is None
