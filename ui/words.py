"""Every text of the page, in one table: another language is another `Words`.

Texts with {braces} are filled by `str.format` where they are shown. What comes from files, labels, questions or the
model never stands here, and is escaped where it meets HTML.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """The texts, in the order in which a visitor meets them. The defaults are English."""

    title: str = "DeepSeek-MM"
    tagline: str = "Ask your photos. Every answer shows where it comes from; nothing leaves this machine."
    counts: str = "{sources} photos, {regions} regions"
    browser: str = "This browser's secret"

    ask: str = "Ask"
    conversation: str = "Conversation"
    empty: str = "Ask about all photos in the library, or add a picture and ask about that one."
    examples: tuple[str, ...] = (  # about the bundled photos
        "Is there a cat?",
        "Which photos show flowers?",
        "How many photos show dogs?",
        "Show me something red.",
    )
    question: str = "Your question"
    question_hint: str = "Ask a question. You can paste, drop or add a picture."
    picture_alone: str = "What is in this picture?"
    stop: str = "Stop"
    new: str = "New conversation"
    looking: str = "Looking through the photos ..."

    cut_stopped: str = "(stopped)"
    cut_failed: str = "(not finished)"
    silent: str = "(no words)"

    evidence: str = "What the answer rests on"
    evidence_hint: str = (
        "Click one to see it on the whole photo. Click an earlier answer to see what that one rests on."
    )
    evidence_none: str = "Nothing in the library matches well enough to be shown."
    evidence_idle: str = "The photos behind an answer appear here."
    photo: str = "The whole photo"
    photo_gone: str = "this photo cannot be read any more"
    whole: str = "whole photo"
    why: str = "Why this answer"
    why_none: str = "This answer makes no claim that needs checking."
    claim: str = "Claim"
    verdict: str = "Shown?"
    reason: str = "Reason"
    kept: str = "yes"
    dropped: str = "left out"
    done: str = "Answered in {seconds:.1f} s"
    stopped: str = "Stopped after {seconds:.1f} s"
    failed: str = "Not finished: it failed after {seconds:.1f} s"
    running: str = "Answering ..."
    phrased: str = "phrased by {model}"
    sure: str = "{percent:.0f} % sure"

    search: str = "Search"
    search_label: str = "What to look for"
    search_hint: str = "Describe it, or paste, drop or add a picture."
    results: str = "Results"
    results_idle: str = "Search by words, by a picture, or by both."
    results_one: str = "1 result, best first."
    results_many: str = "{count} results, best first."
    results_none: str = "Nothing found. Try other words, or another picture."
    search_empty: str = "Type what to look for, or add a picture."

    history: str = "History"
    conversations: str = "Conversations, newest first"
    history_idle: str = "Choose a conversation to read it."
    history_none: str = "No conversation yet. Questions that you ask are kept here, in this browser's name only."
    turns: str = "{title} ({when})"
    older: str = "Show older ones"
    resume: str = "Continue in Ask"
    delete: str = "Delete"
    delete_sure: str = "Delete this conversation for good?"
    delete_yes: str = "Yes, delete it"
    delete_no: str = "Keep it"
    deleted: str = "The conversation is deleted."

    no_session: str = "This page is not ready. Reload it."
    bug: str = (
        "Something went wrong on our side. Your conversation is kept. Try again; "
        "if it happens again, the details are in the terminal where the page was started."
    )


ENGLISH = Words()
