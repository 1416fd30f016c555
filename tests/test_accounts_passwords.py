"""Passwords: not many are verified at the same time, whoever types them."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

from account_samples import SECRET, CountedHasher

from deepseek_mm.accounts.passwords import AT_ONCE, Passwords


class SlowHasher(CountedHasher):
    """Notes how many verify at the same time; each takes a moment, so that all who may do."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.lock, self.busy, self.most = threading.Lock(), 0, 0

    def verify(self, *kept_and_password: str) -> bool:
        with self.lock:
            self.busy += 1
            self.most = max(self.most, self.busy)
        time.sleep(0.02)
        try:
            return super().verify(*kept_and_password)
        finally:
            with self.lock:
                self.busy -= 1


def test_many_who_type_a_password_at_once_cost_the_memory_of_two():
    hasher = SlowHasher()
    passwords = Passwords(hasher)
    kept = passwords.hash(SECRET)
    with ThreadPoolExecutor(12) as pool:
        assert all(pool.map(lambda _: passwords.verify(SECRET, kept), range(24)))
    assert hasher.most == AT_ONCE
