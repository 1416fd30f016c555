"""The schedule in simulation: random requests come and go, and what each of them waited for is counted."""

import random

import pytest

from deepseek_mm.lm.engine.scheduler import PromptPart, ReadStep, Scheduler, WriteStep

BITE, ALONE = 8, 20


class House:
    """Memory of so many tokens, and everybody who was let in."""

    def __init__(self, room, *, most=32):
        self.room, self.held = room, {}
        self.schedule = Scheduler(lambda tokens: sum(self.held.values()) + tokens <= self.room, most=most)
        self.left, self.written, self.asked = {}, {}, {}  # tokens still to write, written; what was asked for
        self.served, self.log, self.refused = {}, [], []

    def come(self, request, prompt, answer):
        self.asked[request] = (prompt, answer)
        self.schedule.add(request, prompt=prompt, answer=answer)

    def go(self, request):
        if self.schedule.leave(request):
            del self.held[request]
        self.asked.pop(request)

    def step(self):
        """One step, as the engine does it; checks what must hold in every one."""
        while (request := self.schedule.admit()) is not None:
            self.held[request] = sum(self.asked[request])
            self.left[request], self.written[request], self.served[request] = self.asked[request][0], 0, len(self.log)
        assert sum(self.held.values()) <= self.room
        if (request := self.schedule.find_hopeless()) is not None:
            self.refused.append(request)
            self.go(request)
        step = self.schedule.step(BITE, alone=ALONE)
        self.log.append(step)
        if isinstance(step, ReadStep):
            self.read(step)
        elif isinstance(step, WriteStep):
            self.write(step)

    def read(self, step):
        writing = [request for request in self.held if self.left[request] == 0]
        assert not writing or isinstance(self.log[-2], WriteStep)
        assert 0 < sum(part.stop - part.start for part in step.parts) <= (BITE if writing else ALONE)
        for request, start, stop in step.parts:
            assert stop - start > 0
            assert start == self.asked[request][0] - self.left[request]
            self.left[request] -= stop - start
            self.served[request] = len(self.log)
            self.schedule.read(request, stop - start)

    def write(self, step):
        assert set(step.requests) == {request for request in self.held if self.left[request] == 0}
        for request in step.requests:
            self.served[request] = len(self.log)
            self.written[request] += 1
            if self.written[request] == self.asked[request][1]:
                self.go(request)


def kinds(steps):
    return "".join({ReadStep: "r", WriteStep: "w"}[type(step)] for step in steps if step is not None)


def test_while_answers_are_written_bites_and_tokens_take_turns():
    house = House(1000)
    house.come(1, prompt=5, answer=6)
    house.come(2, prompt=40, answer=2)
    for _ in range(10):
        house.step()
    assert house.log[0] == ReadStep(
        (PromptPart(1, 0, 5), PromptPart(2, 0, BITE))
    )  # from here on the first one waits for its token
    assert house.log[1:3] == [WriteStep((1,)), ReadStep((PromptPart(2, 8, 16),))]
    assert kinds(house.log) == "rwrwrwrwrw"
    assert house.log[9] == WriteStep((1, 2))


def test_while_nobody_waits_for_a_token_more_is_read_at_once():
    house = House(1000)
    house.come(1, prompt=50, answer=6)
    for _ in range(4):
        house.step()
    assert house.log[:3] == [ReadStep((PromptPart(1, start, min(start + ALONE, 50)),)) for start in (0, 20, 40)]


def test_a_short_prompt_does_not_wait_for_a_long_one_to_end():
    house = House(10_000)
    house.come(1, prompt=3, answer=100)
    house.come(2, prompt=1000, answer=2)
    for _ in range(10):
        house.step()
    house.come(3, prompt=6, answer=2)
    for _ in range(4):
        house.step()
    assert house.written[3] >= 1
    assert house.left[2] > 800


def test_those_who_read_are_served_in_turn():
    schedule = Scheduler(lambda tokens: True)
    for request in range(3):
        schedule.add(request, prompt=100, answer=1)
        assert schedule.admit() == request
    order = []
    for _ in range(7):
        (part,) = schedule.step(10).parts
        order.append(part.request)
        schedule.read(part.request, 10)
    assert order == [0, 1, 2, 0, 1, 2, 0]


def test_a_part_that_was_not_read_after_all_comes_first_next_time():
    schedule = Scheduler(lambda tokens: True)
    for request in range(3):
        schedule.add(request, prompt=4, answer=1)
        schedule.admit()
    assert [part.request for part in schedule.step(8).parts] == [0, 1]
    schedule.read(0, 4)
    assert schedule.step(8) == WriteStep((0,))
    assert [part.request for part in schedule.step(8).parts] == [1, 2]


def test_what_the_cache_knows_of_a_prompt_is_not_read_again():
    schedule = Scheduler(lambda tokens: True)
    schedule.add(1, prompt=50, answer=1)
    schedule.admit()
    schedule.read(1, 45)
    assert schedule.step(8) == ReadStep((PromptPart(1, 45, 50),))


def test_nobody_overtakes_at_the_door_and_no_promise_of_memory_is_broken():
    house = House(100)
    for request, prompt in enumerate([50, 60, 5]):
        house.come(request, prompt=prompt, answer=5)
    house.step()
    assert list(house.held) == [0]  # the third would fit beside the first, but it came after the second
    house.go(0)
    house.step()
    assert list(house.held) == [1, 2]


def test_a_request_that_will_never_fit_is_named_once_everybody_else_is_gone():
    house = House(100)
    house.come(1, prompt=4, answer=3)
    house.come(2, prompt=90, answer=20)
    for _ in range(3):
        house.step()
        assert house.schedule.find_hopeless() is None
    house.step()
    house.step()
    assert house.refused == [2]
    assert len(house.schedule) == 0


def test_no_more_are_let_in_than_can_be_served_at_once():
    house = House(10_000, most=4)
    for request in range(9):
        house.come(request, prompt=3, answer=4)
    house.step()
    assert len(house.held) == 4


@pytest.mark.parametrize("seed", range(40))
def test_with_random_guests_everything_ends_nobody_starves_and_everything_is_given_back(seed):
    random_ = random.Random(seed)
    most = random_.choice([1, 4, 32])
    house = House(random_.choice([150, 600, 5000]), most=most)
    arrivals = sorted(random_.randrange(200) for _ in range(60))
    longest_wait, cancelled, come, step = 0, 0, 0, 0
    while come < 60 or len(house.schedule):
        while come < 60 and arrivals[come] <= step:
            house.come(come, random_.randrange(1, 120), random_.randrange(1, 30))
            come += 1
        if house.asked and random_.random() < 0.05:
            house.go(random_.choice(list(house.asked)))
            cancelled += 1
        house.step()
        step += 1
        longest_wait = max([longest_wait, *(len(house.log) - house.served[request] for request in house.held)])
        assert step < 20_000
    assert house.held == house.asked == {}
    assert cancelled > 0
    assert (
        longest_wait <= 2 * most + 1
    )  # a reader waits for a chunk of each other one, with a token of the writers between


def test_a_request_can_leave_at_any_time_and_says_whether_it_held_memory():
    schedule = Scheduler(lambda tokens: True, most=2)
    for request in range(3):
        schedule.add(request, prompt=4, answer=4)
        schedule.admit()
    schedule.step(4)
    schedule.read(0, 4)
    assert [schedule.leave(request) for request in (0, 1, 2, 2)] == [True, True, False, False]
    assert schedule.step(4) is None
