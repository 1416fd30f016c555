"""The answer in words: the program's claims, in the language model's words where it says as much, streamed.

File names, labels and questions come from anywhere. Each stays on its own line, and brackets in them become
parentheses, so that none of them can pass for another entry or a citation.

It reads the pieces of code that the answer cites, with their paths and lines, and what is certain about them (who
calls what, where it is defined). A sentence stands if it cites pieces that were shown, and if every name and place in
it stands in what was shown, or is a name that the index knows. That it draws the right conclusion, nobody checks.

`said` is the list of checked sentences so far; those that are kept are the answer's text, in order. So an answer only
ever grows, its first sentence always answers the question, and no claim is lost.

A small model is asked to phrase one claim at a time, and its words count only if they say exactly that claim. A larger
one reads the evidence, the draft and the question, and speaks freely; what the evidence does not carry is dropped.
Either way every claim is in the answer at the end, in the program's own words where need be.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from threading import Event

from PIL.Image import Image

from deepseek_mm.answering.large_model.prompt_files import is_rude, read_prompt
from deepseek_mm.answering.verifier import MAX_PATH, check, check_code, sentences
from deepseek_mm.config import Config
from deepseek_mm.errors import DeepSeekMMError, NoServerAnswers
from deepseek_mm.language.parser import PhotoQuestion
from deepseek_mm.language.words import clean, content, is_hedged, is_negated, join_sentences, lead, quote_title
from deepseek_mm.lm.generator import Generator
from deepseek_mm.lm.recording_generator import RecordingGenerator
from deepseek_mm.retrieval.evidence import MAX_NAME, QuestionContext, spot
from deepseek_mm.types import Answer, Check, Citation, Claim, Evidence, Message, Question, Trace
from index.region import at_lines

RULES = (
    "You answer questions about photos. Use only the numbered facts. End every sentence with the number of the fact it "
    "rests on, like [1]. Do not add anything that the facts do not say."
)
REPHRASE = "You rewrite a draft answer in friendly words. Keep every number in brackets. Add nothing."
# A model of 135 million parameters keeps every number and every thing only when the examples it sees have the shape of
# its draft (20 of 20 drafts; 9 of 20 with those of another shape: docs/log/). So each shape of a claim has three of
# its own, all of one polarity, and a claim without a shape keeps the program's words.
SHAPES: dict[str, dict[str, str]] = {  # shape -> draft: in friendlier words
    "found": {
        "A green umbrella is in [1].": "I found a green umbrella in [1].",
        "A bridge is in [2].": "I found a bridge in [2].",
        "A white bird and a boat are in [1].": "I found a white bird and a boat in [1].",
    },
    "yes": {
        "Yes, there is a bird in this photo [1].": "Yes, I can see a bird in this photo [1].",
        "Yes, there is a green umbrella in this photo [2].": "Yes, I can see a green umbrella in this photo [2].",
        "Yes, there is grass in this photo [3].": "Yes, I can see grass in this photo [3].",
    },
    "no": {
        "No, I see no ladder in this photo [1].": "No, I looked, but found no ladder in this photo [1].",
        "No, I see no fox in this photo [1].": "No, I looked, but found no fox in this photo [1].",
        "No, I see no red shoe in this photo [1].": "No, I looked, but found no red shoe in this photo [1].",
    },
    "colour": {
        "The hat looks black [2].": "You can see that the hat is black [2].",
        "The door looks green and white [3].": "You can see that the door is green and white [3].",
        "The truck looks white [2].": "You can see that the truck is white [2].",
    },
    "where": {
        "The clock is at the top left of this photo [2].": "You can see the clock at the top left of this photo [2].",
        "The bottle is on the right of this photo [3].": "You can see the bottle on the right of this photo [3].",
        "The sofa is in the centre of this photo [2].": "You can see the sofa in the centre of this photo [2].",
    },
    "compare": {
        "Yes, the chair is to the left of the table [2][3].": "Yes, the chair stands to the left of the table [2][3].",
        "Yes, the bird is above the house [3][4].": "Yes, you can see the bird above the house [3][4].",
        "Yes, the dog is to the right of the man [2][4].": "Yes, you can see the dog to the right of the man [2][4].",
    },
    "shows": {
        "This photo shows a woman, a bicycle and a street [1].": "I can see a woman, a bicycle and a street [1].",
        "This photo shows grass and a tree [1][2].": "I can see grass and a tree [1][2].",
        "This photo shows a ball [2].": "I can see a ball [2].",
    },
    "placed": {
        "The hat is on the left and looks black [2].": "You can see the hat on the left, and it is black [2].",
        "The sign is at the top right and looks red [3].": "You can see the sign at the top right, and it is red [3].",
        "A cup is on the left and looks red and blue [2].": "You see a cup on the left, and it is red and blue [2].",
    },
}
MAX_QUESTION = 500  # characters of a question that a small model can use
MAX_EARLIER = 200  # characters of an earlier answer


def build_prompt(
    question: Question,
    program: PhotoQuestion,
    evidence: Sequence[Evidence],
    claims: Sequence[Claim],
    earlier: Sequence[tuple[str, str]] = (),
) -> tuple[Message, ...]:
    """The messages: the rules, earlier turns (question, answer), and this question with its evidence and draft."""
    draft = " ".join(claim.sentence for claim in claims)
    text = (
        f"{facts(evidence)}\n\nDraft: {draft}\n\n{asking(question)}\nWrite the draft as an answer. Keep every [number]."
    )
    return (Message(role="system", text=RULES), *past(earlier), Message(role="user", text=text))


def reading_prompt(
    question: Question, evidence: Sequence[Evidence], earlier: Sequence[tuple[str, str]] = ()
) -> tuple[Message, ...]:
    """The same without a draft: the model has to find the answer in the facts, or that it is not there."""
    order = "Answer from the facts, with their [numbers], or say that they lack it."
    text = f"{facts(evidence)}\n\n{asking(question)}\n{order}"
    return (Message(role="system", text=RULES), *past(earlier), Message(role="user", text=text))


def past(earlier: Sequence[tuple[str, str]]) -> list[Message]:
    """The conversation so far, shortened."""
    said: list[Message] = []
    for asked_before, answered in earlier:
        said.append(Message(role="user", text=clean(asked_before, MAX_QUESTION)))
        said.append(Message(role="assistant", text=clean(answered, MAX_EARLIER)))
    return said


def facts(evidence: Sequence[Evidence]) -> str:
    """Every entry on a line of its own."""
    return "\n".join(["Facts:", *(entry_line(entry) for entry in evidence)])


def asking(question: Question) -> str:
    """The question on one line."""
    return f"Question: {clean(question.text, MAX_QUESTION) or 'What is in this photo?'}"


def draft_prompt(claim: Claim, *, examples: bool = True) -> tuple[Message, ...]:
    """For a small model: three examples of the claim's shape, then the claim. A question would derail it.

    One that was trained for it needs no examples.
    """
    messages = [Message(role="system", text=REPHRASE)]
    for draft, friendly in SHAPES[claim.shape].items() if examples else ():
        messages += [Message(role="user", text=draft), Message(role="assistant", text=friendly)]
    return (*messages, Message(role="user", text=claim.draft or claim.sentence))


def entry_line(entry: Evidence) -> str:
    """[1] beach.jpg: dog (0.93), black and white, top left"""
    region = entry.region
    labels = ", ".join(f"{clean(label.name, MAX_NAME)} ({label.score:.2f})" for label in region.labels[:3]) or "no name"
    place = "whole photo" if region.kind == "whole" else spot(region)
    colours = clean(" and ".join(region.colours), MAX_NAME)
    taken = region.source.taken_at
    date = f"taken {taken.day} {taken:%B %Y}" if taken else ""
    details = "; ".join(part for part in (labels, colours, place, date) if part)
    return f"[{entry.number}] {quote_title(region.source.name, MAX_NAME)}: {details}"


MOST_CHARS, MOST_OF_ONE = 12_000, 4_000  # of all pieces together, and of one


def code_prompt(
    question: Question, evidence: Sequence[Evidence], claims: Sequence[Claim], earlier: Sequence[tuple[str, str]] = ()
) -> tuple[Message, ...]:
    """The messages: the rules, earlier turns, the pieces with their places, what is certain, and the question."""
    room, told = MOST_CHARS, []
    for entry in evidence:
        text = entry.region.text[: min(room, MOST_OF_ONE)]
        room -= len(text)
        told.append(f"{heading(entry)}\n{indent_lines(text)}")
    known = "\n".join(f"- {claim.sentence}" for claim in claims)
    prompt = read_prompt("code")
    text = prompt.fill(pieces="\n\n".join(told), facts=known, question=clean(question.text, MAX_QUESTION))
    return (Message(role="system", text=prompt.system), *past(earlier), Message(role="user", text=text))


def heading(entry: Evidence) -> str:
    """[1] shop/money.py:8-12 checked(amount)"""
    region = entry.region
    place = at_lines(clean(region.source.path, MAX_PATH), region.lines)
    signature = clean(region.symbol.signature or region.symbol.path, MAX_PATH) if region.symbol else ""
    return f"[{entry.number}] {place} {signature}".rstrip()


def indent_lines(text: str) -> str:
    """Each line behind four spaces, so that none can pass for another piece."""
    return "\n".join(f"    {line}" for line in text.split("\n"))


NO_WORDS = "The language model did not answer. Ask again, or choose another one in Settings."
OWN_WORDS = "the program's own words"


def own(claim: Claim) -> Check:
    """A claim as the program puts it."""
    return Check(claim=claim.sentence, numbers=claim.numbers, kept=True, reason=OWN_WORDS)


def covers(said: Check, claim: Claim) -> bool:
    """Does a kept sentence say all that the claim says: its words, its yes or no, its doubt, its evidence?"""
    return (
        said.kept
        and set(claim.numbers) <= set(said.numbers)
        and set(content(claim.text)) <= set(content(said.claim))
        and lead(claim.text) in ("", lead(said.claim))
        and is_negated(claim.text) == is_negated(said.claim)
        and is_hedged(claim.text) <= is_hedged(said.claim)
    )


def missing(said: Sequence[Check], claims: Sequence[Claim]) -> list[Claim]:
    """The claims that no kept sentence covers, in order."""
    return [claim for claim in claims if not any(covers(check, claim) for check in said)]


def useful(check: Check, said: Sequence[Check], claims: Sequence[Claim]) -> Check:
    """The same check, dropped if its sentence neither covers a claim that is still missing nor adds a word."""
    open_claims = missing(said, claims)
    told = {word for claim in claims for word in content(claim.text)}
    told |= {word for other in said if other.kept for word in content(other.claim)}
    adds = set(content(check.claim)) - told - {str(n) for n in check.numbers}
    if not check.kept or adds or any(covers(check, claim) for claim in open_claims):
        return check
    return replace(check, kept=False, reason="it says nothing that is not said better")


def before(check: Check, said: Sequence[Check], claims: Sequence[Claim]) -> list[Claim]:
    """The direct answer, if this sentence would otherwise come first without giving it."""
    first = claims[:1] if check.kept and not any(other.kept for other in said) else ()
    return [claim for claim in first if not covers(check, claim)]


def text_of(said: Sequence[Check]) -> str:
    """The sentences that are shown."""
    return join_sentences(check.claim for check in said if check.kept)


def decide(said: Sequence[Check], claims: Sequence[Claim], evidence: Sequence[Evidence], *, model: str = "") -> Answer:
    """The answer so far, finished: citations in order of first mention; as sure as its least certain claim."""
    numbers = dict.fromkeys(n for check in said if check.kept for n in check.numbers)
    entries = {entry.number: entry for entry in evidence}
    used = [claim for claim in claims if any(covers(check, claim) for check in said)]
    phrased = any(check.kept and check.reason != OWN_WORDS for check in said)
    return Answer(
        text=text_of(said),
        citations=tuple(Citation(number=n, region=entries[n].region, score=entries[n].score) for n in numbers),
        checks=tuple(said),
        confidence=min((claim.certainty for claim in used), default=None),
        model=model if phrased else "",
    )


MAX_PHRASED = 3  # claims that a small model phrases; each costs it about half a second
MAX_DROPPED = 3  # sentences in a row, after which a model is no longer listened to
TOKENS_A_CLAIM = 48


Speaker = Generator | RecordingGenerator


def stream_checks(
    lm: Speaker,
    case: QuestionContext,
    config: Config,
    stop: Event,
    images: Sequence[Image] = (),
) -> Iterator[Check]:
    """Every sentence that was weighed, in order. A model that fails is named, and the program's own words go on.

    NoServerAnswers before the first sentence.
    """
    said: list[Check] = []
    try:
        for check_made in choose_checks(lm, case, config, stop, images):
            said.append(check_made)
            yield check_made
    except DeepSeekMMError as error:  # an answer is never lost because its phrasing is
        if isinstance(error, NoServerAnswers) and not said:
            raise  # another model speaks
        yield Check(claim=f"{lm.name} failed", numbers=(), kept=False, reason=str(error))
        yield from (own(claim) for claim in missing(said, case.claims))


def choose_checks(
    lm: Speaker, case: QuestionContext, config: Config, stop: Event, images: Sequence[Image]
) -> Iterator[Check]:
    """By the way that the settings say the model phrases."""
    code, how = case.question.about == "code", config.lm.phrasing_now
    if not is_phrased(case, config):
        yield from (own(claim) for claim in case.claims)
    elif how == "claims":
        yield from phrase_claims(lm, case.claims, case.evidence, config, stop)
    else:
        prompt, weigh = free_prompt(case, config)
        most = max(config.lm.max_tokens, read_prompt("code").most_tokens) if code else config.lm.max_tokens
        heard = lm.stream(with_images(prompt, images), max_tokens=most, stop=stop)
        yield from speak_freely(heard, case.claims, weigh, stop)


def is_phrased(case: QuestionContext, config: Config) -> bool:
    """Whether a model is asked to put the claims into words: a small one adds nothing to facts of syntax."""
    code, how = case.question.about == "code", config.lm.phrasing_now
    return how != "none" and (not code or how == "free") and not any(claim.block for claim in case.claims)


def free_prompt(case: QuestionContext, config: Config) -> tuple[tuple[Message, ...], Callable[[str], Check]]:
    """What a larger model is asked, and how its sentences are weighed."""
    about, shown, claims = case.question, case.evidence, case.claims
    if about.about == "code":
        prompt = code_prompt(about, shown, claims, case.earlier)
        return prompt, lambda sentence: refuse_rude(check_code(sentence, shown, claims, case.knows))
    prompt = build_prompt(about, case.program, shown, claims, case.earlier)
    return prompt, lambda sentence: check(sentence, shown, claims, config)


def refuse_rude(check_made: Check) -> Check:
    """The same, dropped where it insults somebody."""
    return replace(check_made, kept=False, reason="it is rude") if is_rude(check_made.claim) else check_made


def stream_answer(
    lm: Generator,
    case: QuestionContext,
    config: Config,
    stop: Event,
    images: Sequence[Image] = (),
) -> Iterator[Answer]:
    """The answer word by word, each state of it with the citations and checks so far; the last one is whole."""
    said: list[Check] = []
    ids = {"state": "running", "conversation": case.conversation, "turn": case.turn}
    ear, whole = RecordingGenerator(lm), Answer(text="")
    for made in stream_checks(ear, case, config, stop, images):
        before_it = text_of(said)
        said.append(made)
        told = decide(said, case.claims, case.evidence, model=lm.name)
        told = replace(told, found=not case.refused, confidence=case.confidence or told.confidence)
        whole = replace(with_record(told, ear), **ids)  # type: ignore[arg-type]
        ends = word_ends(whole.text, start=len(before_it))
        for end in ends or [len(whole.text)]:  # a dropped sentence adds no word, but its reason
            if stop.is_set():
                return
            yield replace(whole, text=whole.text[:end])
    if len(ear.utterances) > len(whole.utterances) and not stop.is_set():  # a model is heard out behind its last words
        yield with_record(whole, ear)


def with_record(answer: Answer, ear: RecordingGenerator) -> Answer:
    """The answer with what the model wrote for it so far."""
    return replace(answer, trace=Trace.concatenate(ear.traces), utterances=tuple(ear.utterances))


def stream_text(text: str, case: QuestionContext) -> Iterator[Answer]:
    """What there is to say about no file, or that nothing was found, word by word."""
    whole = Answer(
        text=text,
        found=not case.refused,
        confidence=case.confidence,
        state="running",
        conversation=case.conversation,
        turn=case.turn,
    )
    return (replace(whole, text=text[:end]) for end in word_ends(text, start=0))


def stream_model(
    lm: Generator, case: QuestionContext, config: Config, stop: Event, images: Sequence[Image] = ()
) -> Iterator[Answer]:
    """What a larger model says by itself, where nothing of the library is asked for: marked as its words.

    It points at nothing, since nothing of it is checked; a rude sentence is left out.
    """
    prompt = read_prompt("chat")
    asked = Message(role="user", text=prompt.fill(question=case.question.text), images=tuple(images))
    messages = (Message(role="system", text=prompt.system), *past(case.earlier), asked)
    answer = Answer(
        text="",
        confidence=case.confidence,
        state="running",
        conversation=case.conversation,
        turn=case.turn,
        model=lm.name,
    )
    most, ear = max(config.lm.max_tokens, prompt.most_tokens), RecordingGenerator(lm)
    try:
        for sentence in sentences(ear.stream(messages, max_tokens=most, stop=stop)):
            if is_rude(sentence):
                left_out = Check(claim=sentence.strip(), numbers=(), kept=False, reason="it is rude")
                answer = replace(answer, checks=(*answer.checks, left_out))
                continue
            whole = answer.text + sentence
            for end in word_ends(whole, start=len(answer.text)):
                yield replace(answer, text=whole[:end])
            answer = replace(answer, text=whole)
    except DeepSeekMMError as error:
        if isinstance(error, NoServerAnswers):
            raise
        told = Check(claim=f"{lm.name} failed", numbers=(), kept=False, reason=str(error))
        answer = replace(answer, checks=(*answer.checks, told))
    if not answer.text.strip() and not stop.is_set():
        answer = replace(answer, text=NO_WORDS, found=False)
    yield with_record(answer, ear)


def word_ends(text: str, *, start: int) -> list[int]:
    """Where each word behind `start` ends."""
    return [match.end() for match in re.finditer(r"\S+", text) if match.end() > start]


def with_images(messages: Sequence[Message], images: Sequence[Image]) -> tuple[Message, ...]:
    """The pictures go along with the last message."""
    return (*messages[:-1], replace(messages[-1], images=tuple(images)))


def phrase_claims(
    lm: Speaker,
    claims: Sequence[Claim],
    evidence: Sequence[Evidence],
    config: Config,
    stop: Event,
) -> Iterator[Check]:
    """Claim by claim: a dropped attempt is reported too, and the program's own words follow it."""
    for n, claim in enumerate(claims):
        if claim.shape and n < MAX_PHRASED and not stop.is_set():
            spoken = phrase_claim(lm, claim, evidence, config, stop)
            yield spoken
            if spoken.kept:
                continue
        if stop.is_set():
            return
        yield own(claim)


def phrase_claim(lm: Speaker, claim: Claim, evidence: Sequence[Evidence], config: Config, stop: Event) -> Check:
    """One claim in the model's words, kept only if they say all of it and nothing else."""
    heard = sentences(
        lm.stream(draft_prompt(claim, examples=not config.lm.trained_here), max_tokens=TOKENS_A_CLAIM, stop=stop)
    )
    first = next((sentence for sentence in heard if sentence.strip()), "")
    spoken = check(restore_names(first, claim, evidence), evidence, [claim], config)
    if spoken.kept and not covers(spoken, claim):
        return Check(claim=spoken.claim, numbers=spoken.numbers, kept=False, reason="it leaves out a part of the draft")
    return spoken


def restore_names(sentence: str, claim: Claim, evidence: Sequence[Evidence]) -> str:
    """ "I found a dog in [1]." -> "Yes, I found a dog in beach.jpg [1].": what the draft hid from a small model."""
    if not claim.draft:
        return sentence
    names = {str(entry.number): file_words(claim) for entry in evidence if entry.number in claim.numbers}
    sentence = re.sub(r"\bin \[(\d+)\]", lambda m: f"in {names.get(m[1], '')} [{m[1]}]", sentence.strip(), count=1)
    if lead(claim.text) and not lead(sentence) and sentence:
        start = sentence if sentence.startswith("I ") else sentence[0].lower() + sentence[1:]
        return f"{lead(claim.text).capitalize()}, {start}"
    return sentence


def file_words(claim: Claim) -> str:
    """The file's name, which begins the claim: "Yes, beach.jpg shows a dog"."""
    return re.sub(r"^Yes, ", "", claim.text).rpartition(" shows ")[0].removesuffix(" probably")


def speak_freely(
    heard: Iterator[str], claims: Sequence[Claim], weigh: Callable[[str], Check], stop: Event
) -> Iterator[Check]:
    """Sentence by sentence, each weighed; then every claim that is still missing."""
    said: list[Check] = []
    dropped = 0
    for sentence in sentences(heard):
        if not sentence.strip():
            continue
        spoken = useful(weigh(sentence), said, claims)
        for entry in (*(own(claim) for claim in before(spoken, said, claims)), spoken):
            said.append(entry)
            yield entry
        dropped = 0 if spoken.kept else dropped + 1
        if dropped == MAX_DROPPED:
            break
    if not stop.is_set():
        yield from (own(claim) for claim in missing(said, claims))
