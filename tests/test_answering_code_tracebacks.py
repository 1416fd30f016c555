"""Tracebacks as people paste them, and texts that are none."""

import pytest

from deepseek_mm.answering.code.tracebacks import Crash, TracebackFrame, crash_of

PYTHON = """It broke again:
Traceback (most recent call last):
  File "/home/me/app/main.py", line 12, in <module>
    run()
  File "/home/me/app/shop/money.py", line 7, in rounded
    return checked(round(amount, 2))
           ^^^^^^^^^^^^^^^^^^^^^^^^^
shop.errors.PriceError: -3 is negative
"""
JAVASCRIPT = """Uncaught TypeError: x is undefined
    at add (/srv/app/sum.js:4:10)
    at async Server.handle (/srv/app/server.ts:88:3)
    at /srv/app/index.js:2:1
"""
JAVA = """Exception in thread "main" java.lang.IllegalStateException: no order
\tat shop.Orders.total(Orders.java:31)
\tat shop.Main.main(Main.java:9)
"""
GO = """panic: runtime error: index out of range

goroutine 1 [running]:
main.total(...)
\t/srv/shop/money.go:14 +0x1d
main.main()
\t/srv/shop/main.go:9 +0x20
"""
RUST = """thread 'main' panicked at src/money.rs:7:5:
price is negative
"""
COMPILER = """money.c:14:9: error: expected ';' before 'return'
"""


@pytest.mark.parametrize(
    ("text", "frames", "said"),
    [
        (
            PYTHON,
            (
                TracebackFrame("/home/me/app/shop/money.py", 7, "rounded"),
                TracebackFrame("/home/me/app/main.py", 12, "<module>"),
            ),
            "shop.errors.PriceError: -3 is negative",
        ),
        (
            JAVASCRIPT,
            (
                TracebackFrame("/srv/app/sum.js", 4, "add"),
                TracebackFrame("/srv/app/server.ts", 88, "Server.handle"),
                TracebackFrame("/srv/app/index.js", 2),
            ),
            "Uncaught TypeError: x is undefined",
        ),
        (
            JAVA,
            (TracebackFrame("Orders.java", 31, "shop.Orders.total"), TracebackFrame("Main.java", 9, "shop.Main.main")),
            'Exception in thread "main" java.lang.IllegalStateException: no order',
        ),
        (
            GO,
            (TracebackFrame("/srv/shop/money.go", 14), TracebackFrame("/srv/shop/main.go", 9)),
            "panic: runtime error: index out of range",
        ),
        (RUST, (TracebackFrame("src/money.rs", 7),), "panicked at src/money.rs:7:5"),
        (COMPILER, (TracebackFrame("money.c", 14),), "error: expected ';' before 'return'"),
    ],
)
def test_the_innermost_call_comes_first_whatever_the_language(text, frames, said):
    assert crash_of(text) == Crash(frames, said)


def test_of_an_error_that_came_of_another_the_last_one_is_told():
    again = (
        PYTHON
        + """
During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "b.py", line 3, in close
    self.file.close()
ValueError: closed already
"""
    )
    crash = crash_of(again)
    assert crash.said == "ValueError: closed already"
    assert crash.frames[0] == TracebackFrame("b.py", 3, "close")


@pytest.mark.parametrize("text", ["", "Where is the parser?", "it is at line 3 of main.py", "ValueError: no frames"])
def test_a_text_without_a_place_is_no_traceback(text):
    assert crash_of(text) is None


def test_a_python_traceback_that_was_cut_off_has_its_frames_and_no_error():
    assert crash_of('  File "a.py", line 3, in f') == Crash((TracebackFrame("a.py", 3, "f"),), "")
