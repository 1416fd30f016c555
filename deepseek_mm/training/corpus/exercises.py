"""The mathematics domain: generated exercises, with every step of the answer.

The numbers are drawn, the steps are computed, so every answer is right. An exercise is its own source: the same one is
never both learned and held out.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from random import Random

from deepseek_mm.training.corpus.items import CorpusItem, Sources, Split, belongs_to, make_chat, split_words

Exercise = tuple[str, str]  # question, answer
NAMES = split_words(
    "Anna Ben Clara David Emma Farid Grace Hugo Ines Jonas Kira Leon Mia Noah Olga Paul Rosa Sam Tara Yusuf"
)
GOODS = split_words(
    "apples books pencils stickers marbles cards cookies stamps shells coins buttons tickets bottles eggs"
)
PLACES = split_words("shop market library school bakery garden station museum farm office")
WORDS_TOGETHER = ("What is {e}?", "Calculate {e}.", "Work out {e}.", "{e} = ?", "How much is {e}?", "Compute {e}.")


def make_exercise_items(sources: Sources, split: Split, draw: Random) -> Iterator[CorpusItem]:
    """Exercises without end."""
    while True:
        question, answer = draw.choice(EXERCISES)(draw)
        if belongs_to(f"exercise {question}", split):
            yield make_chat(f"exercise {question}", question, answer)


def word_expression(expression: str, draw: Random) -> str:
    return draw.choice(WORDS_TOGETHER).format(e=expression)


def draw_addition(draw: Random) -> Exercise:
    """Place by place: hundreds, tens, ones."""
    digits = draw.choice((1, 2, 2, 3, 3, 4))
    a, b = draw.randrange(10 ** (digits - 1), 10**digits), draw.randrange(1, 10**digits)
    lines, total = [], 0
    for place in reversed(range(digits)):
        x, y = (value // 10**place % 10 * 10**place for value in (a, b))
        total += x + y
        lines.append(f"{x} + {y} = {x + y}, so far {total}.")
    steps = "\n".join(lines) + "\n" if digits > 1 else ""
    return word_expression(f"{a} + {b}", draw), f"{steps}{a} + {b} = {a + b}."


def draw_subtraction(draw: Random) -> Exercise:
    """In two steps: the round part first."""
    a = draw.randrange(11, 2000)
    b = draw.randrange(1, a)
    round_part, rest = b // 10 * 10, b % 10
    steps = f"{a} - {round_part} = {a - round_part}.\n{a - round_part} - {rest} = {a - b}.\n" if round_part else ""
    return word_expression(f"{a} - {b}", draw), f"{steps}{a} - {b} = {a - b}."


def draw_multiplication(draw: Random) -> Exercise:
    """Tens and ones apart."""
    a, b = draw.randrange(2, 100), draw.randrange(2, 13)
    tens, ones = a // 10 * 10, a % 10
    steps = f"{tens} * {b} = {tens * b}.\n{ones} * {b} = {ones * b}.\n{tens * b} + {ones * b} = {a * b}.\n"
    return word_expression(f"{a} * {b}", draw), f"{steps if tens and ones else ''}{a} * {b} = {a * b}."


def draw_division(draw: Random) -> Exercise:
    """With what is left over."""
    b, quotient = draw.randrange(2, 13), draw.randrange(2, 60)
    rest = draw.choice((0, draw.randrange(b)))
    a = b * quotient + rest
    over = f" with {rest} left over" if rest else ""
    return word_expression(f"{a} / {b}", draw), f"{b} * {quotient} = {b * quotient}.\n{a} / {b} = {quotient}{over}."


def draw_percentage(draw: Random) -> Exercise:
    """By one percent, or by a tenth."""
    percent, whole = draw.randrange(1, 20) * 5, draw.randrange(1, 60) * 20
    part = whole * percent // 100
    steps = f"1 % of {whole} is {whole / 100:g}.\n{percent} * {whole / 100:g} = {part}."
    return f"What is {percent} % of {whole}?", f"{steps}\n{percent} % of {whole} is {part}."


def draw_fraction(draw: Random) -> Exercise:
    """A common denominator, then the sum, then in lowest terms."""
    p, q = (Fraction(draw.randrange(1, d), d) for d in draw.sample(range(2, 11), 2))
    common = p.denominator * q.denominator
    x, y = p.numerator * q.denominator, q.numerator * p.denominator
    text = (
        f"The common denominator is {p.denominator} * {q.denominator} = {common}.\n{p} = {x}/{common} and "
        f"{q} = {y}/{common}.\n{x}/{common} + {y}/{common} = {x + y}/{common}."
    )
    least = f"\nIn lowest terms that is {p + q}." if str(p + q) != f"{x + y}/{common}" else ""
    return word_expression(f"{p} + {q}", draw), text + least


def draw_equation(draw: Random) -> Exercise:
    """a x + b = c."""
    a, x, b = draw.randrange(2, 13), draw.randrange(-12, 25), draw.randrange(1, 40)
    c = a * x + b
    steps = f"Subtract {b} on both sides: {a}x = {c} - {b} = {c - b}.\nDivide by {a}: x = {c - b} / {a} = {x}."
    return draw.choice(("Solve {a}x + {b} = {c}.", "Find x: {a}x + {b} = {c}")).format(a=a, b=b, c=c), steps


def draw_precedence(draw: Random) -> Exercise:
    """Products before sums; brackets first."""
    a, b, c = (draw.randrange(2, 20) for _ in range(3))
    if draw.random() < 0.5:
        return word_expression(
            f"{a} + {b} * {c}", draw
        ), f"First the product: {b} * {c} = {b * c}.\n{a} + {b * c} = {a + b * c}."
    inner = f"First the brackets: {a} + {b} = {a + b}."
    return word_expression(f"({a} + {b}) * {c}", draw), f"{inner}\n{a + b} * {c} = {(a + b) * c}."


def draw_shopping(draw: Random) -> Exercise:
    """Price times number, then the change."""
    name, goods = draw.choice(NAMES), draw.choice(GOODS)
    count, price = draw.randrange(2, 13), draw.randrange(2, 15)
    cost = count * price
    paid = (cost // 10 + 1) * 10
    question = (
        f"{name} buys {count} {goods} at the {draw.choice(PLACES)}. Each costs {price} euros. "
        f"{name} pays with {paid} euros. How much change does {name} get?"
    )
    return question, f"The {goods} cost {count} * {price} = {cost} euros.\n{paid} - {cost} = {paid - cost}.\n" + (
        f"{name} gets {paid - cost} euros back."
    )


def draw_sharing(draw: Random) -> Exercise:
    """Some are given away, the rest is shared."""
    name, other = draw.sample(NAMES, 2)
    goods, friends, each = draw.choice(GOODS), draw.randrange(2, 9), draw.randrange(2, 13)
    given = draw.randrange(1, 20)
    total = friends * each + given
    question = (
        f"{name} has {total} {goods} and gives {given} of them to {other}. "
        f"The rest is shared equally among {friends} friends. How many does each friend get?"
    )
    left = total - given
    answer = (
        f"After giving away {given}, {name} has {total} - {given} = {left} {goods}.\n{left} / {friends} = {each}.\n"
    )
    return question, f"{answer}Each friend gets {each} {goods}."


def draw_travelling(draw: Random) -> Exercise:
    """Distance is speed times time."""
    speed, hours = draw.randrange(2, 25) * 5, draw.randrange(2, 9)
    what = draw.choice(("train", "car", "bus", "cyclist", "boat"))
    way = speed * hours
    if draw.random() < 0.5:
        question = f"A {what} goes {speed} km an hour for {hours} hours. How far does it go?"
        return question, f"Distance = speed * time = {speed} * {hours} = {way}.\nIt goes {way} km."
    question = f"A {what} needs {hours} hours for {way} km. How fast is it on average?"
    return question, f"Speed = distance / time = {way} / {hours} = {speed}.\nIt goes {speed} km an hour."


def draw_rectangle(draw: Random) -> Exercise:
    """Area and perimeter."""
    a, b = draw.randrange(2, 40), draw.randrange(2, 40)
    question = f"A rectangle is {a} m long and {b} m wide. What are its area and its perimeter?"
    around = f"The perimeter is 2 * ({a} + {b}) = 2 * {a + b} = {2 * (a + b)} m."
    return question, f"The area is {a} * {b} = {a * b} square metres.\n{around}"


def draw_average(draw: Random) -> Exercise:
    """The sum over the number of values."""
    count = draw.randrange(3, 6)
    values = [draw.randrange(1, 50) for _ in range(count - 1)]
    values.append(-sum(values) % count + count * draw.randrange(1, 9))
    total = sum(values)
    question = f"What is the average of {', '.join(map(str, values[:-1]))} and {values[-1]}?"
    steps = f"The sum is {' + '.join(map(str, values))} = {total}.\nThere are {count} numbers: {total} / {count} = "
    return question, f"{steps}{total // count}.\nThe average is {total // count}."


def draw_comparison(draw: Random) -> Exercise:
    """Which is larger, and by how much."""
    a, b = draw.sample(range(10, 5000), 2)
    big, small = max(a, b), min(a, b)
    return (
        f"Which is larger, {a} or {b}, and by how much?",
        f"{big} - {small} = {big - small}.\n{big} is larger by {big - small}.",
    )


def draw_sequence(draw: Random) -> Exercise:
    """The next number of an arithmetic sequence."""
    start, step = draw.randrange(1, 60), draw.randrange(2, 15)
    shown = [start + step * n for n in range(4)]
    question = f"What comes next: {', '.join(map(str, shown))}, ...?"
    return question, f"Each number is {step} more than the one before.\n{shown[-1]} + {step} = {shown[-1] + step}."


EXERCISES: tuple[Callable[[Random], Exercise], ...] = (
    draw_addition, draw_subtraction, draw_multiplication, draw_division, draw_percentage, draw_fraction, draw_equation,
    draw_precedence, draw_shopping, draw_shopping, draw_sharing, draw_sharing, draw_travelling, draw_rectangle,
    draw_average, draw_comparison, draw_sequence,
)  # fmt: skip
