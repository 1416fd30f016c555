"""A regular expression that a stranger wrote, looked for in texts by a process that may compute and keep only so much.

Some expressions take for ever, others all memory as soon as they are compiled; the process ends of them, and nothing
else does.
"""

import json
import subprocess
import sys
from collections.abc import Mapping

from deepseek_mm.errors import BadQuestion
from deepseek_mm.storage.files import parse_json

MOST_PATTERN, MOST_FOUND, MOST_LINE = 300, 60, 300  # characters, lines, characters of a line that is shown
SECONDS, MEMORY_MB, WAIT_S = 3, 400, 20.0  # that it may compute; that its caller waits at most
PROGRAM = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, ({SECONDS}, {SECONDS}))
resource.setrlimit(resource.RLIMIT_AS, ({MEMORY_MB} << 20, {MEMORY_MB} << 20))
import json, re, warnings
warnings.simplefilter("ignore")
asked = json.load(sys.stdin)
try:
    pattern = re.compile(asked["pattern"])
except (re.error, ValueError, OverflowError, RecursionError) as error:
    print(json.dumps({{"wrong": str(error)[:200]}}))
    sys.exit()
found = []
for name, text in asked["texts"].items():
    for row, line in enumerate(text.split("\\n"), start=1):
        if pattern.search(line[:2000]):
            found.append([name, row, line[:{MOST_LINE}]])
            if len(found) >= {MOST_FOUND}:
                break
    if len(found) >= {MOST_FOUND}:
        break
print(json.dumps({{"found": found}}))
"""


def search_lines(pattern: str, texts: Mapping[str, str]) -> list[tuple[str, int, str]]:
    """Name, row and line of each line that fits, the first ones. BadQuestion: it is none, or takes too long."""
    if not pattern or len(pattern) > MOST_PATTERN:
        raise BadQuestion(f"a pattern has 1 to {MOST_PATTERN} characters. Send another one")
    asked = json.dumps({"pattern": pattern, "texts": dict(texts)})
    argv = [sys.executable, "-I", "-S", "-c", PROGRAM]
    try:
        ran = subprocess.run(argv, input=asked, capture_output=True, text=True, timeout=WAIT_S, check=False)
        told = parse_json(ran.stdout)
    except (ValueError, subprocess.TimeoutExpired):
        raise BadQuestion("that pattern takes too long, or too much memory. Send a plainer one") from None
    if "wrong" in told:
        raise BadQuestion(f"that is no regular expression: {told['wrong']}. Send one of Python's")
    return [(str(name), int(row), str(line)) for name, row, line in told["found"]]
