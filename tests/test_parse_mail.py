"""E-mails: who wrote what and when, what is attached, mails inside mails, and what is not read of them."""

import pytest
from made_documents import mail, pptx_bytes, shape
from made_files import docx_bytes, pdf_bytes, picture_bytes, read, refusal, written, zip_bytes

from deepseek_mm.config import ParseConfig


def test_a_mail_says_its_subject_its_people_its_day_and_its_words(tmp_path):
    source, (piece,) = read(written(tmp_path / "a.eml", mail("See you\tat  noon.\n\n\n\nAnna").as_bytes()))
    assert (source.kind, source.format, source.note) == ("document", "eml", "")
    assert piece.text.split("\n\n") == [
        "# Dinner",
        "From: Anna Example <anna@example.org>\nTo: Ben <ben@example.org>\nDate: Friday, 3 May 2024, 18:20",
        "See you at noon.",
        "Anna",
    ]
    assert (piece.symbol.kind, piece.symbol.name) == ("mail", "Dinner")
    assert piece.symbol.signature == "Anna Example, 3 May 2024"


def test_what_is_attached_is_read_as_a_part_of_the_mail_with_its_name_and_page(tmp_path):
    attached = [
        ("offer.pdf", pdf_bytes([(50, 400, "It costs 40 euros.")], [(50, 400, "Valid until June.")])),
        ("plan.docx", docx_bytes(("Route", 1), "By train.")),
        ("talk.pptx", pptx_bytes(shape("A raft"))),
        ("list.csv", b"what,price\noars,12\n"),
    ]
    source, pieces = read(written(tmp_path / "a.eml", mail(attached=attached).as_bytes()))
    assert [(piece.symbol.kind, piece.symbol.name, piece.page, piece.text) for piece in pieces[1:]] == [
        ("attachment", "offer.pdf", 1, "It costs 40 euros."),
        ("attachment", "offer.pdf", 2, "Valid until June."),
        ("attachment", "plan.docx", 0, "# Route\n\nBy train."),
        ("attachment", "talk.pptx", 1, "A raft"),
        ("attachment", "list.csv", 0, "what,price\noars,12"),
    ]
    assert {piece.symbol.signature for piece in pieces} == {"Anna Example, 3 May 2024"}
    assert {piece.image for piece in pieces} == {None}
    assert source.note == ""


def test_a_mail_inside_a_mail_is_told_by_its_own_sender_with_what_is_attached_to_it(tmp_path):
    inner = mail("Inner words.", subject="Older", sender="ben@example.org", date="", attached=[("n.txt", b"A note.")])
    outer = mail(inside=[inner], attached=[("again.eml", mail("Saved words.", subject="Saved").as_bytes())])
    _, pieces = read(written(tmp_path / "a.eml", outer.as_bytes()))
    told = {(p.symbol.kind, p.symbol.name, p.symbol.signature) for p in pieces}
    assert told == {
        ("mail", "Dinner", "Anna Example, 3 May 2024"),
        ("mail", "Older", "ben@example.org"),
        ("attachment", "n.txt", "ben@example.org"),
        ("mail", "Saved", "Anna Example, 3 May 2024"),
    }
    assert any(piece.text == "A note." and piece.symbol.parent == "Older" for piece in pieces)


def test_mails_inside_mails_are_read_five_deep_and_the_rest_is_told(tmp_path):
    message = mail("level 7")
    for level in range(6, 0, -1):
        message = mail(f"level {level}", inside=[message])
    source, pieces = read(written(tmp_path / "a.eml", message.as_bytes()))
    assert [n for n in range(1, 8) if any(f"level {n}" in piece.text for piece in pieces)] == [1, 2, 3, 4, 5]
    assert source.note == "Not read of what is attached: a mail inside 5 others."


def test_what_is_not_read_of_a_mail_is_named_with_its_reason(tmp_path):
    attached = [
        ("kite.png", picture_bytes()),
        ("all.zip", zip_bytes({"a.txt": b"words"})),
        ("plan.dwg", b"AC1032"),
        ("locked.pdf", pdf_bytes([(9, 9, "x")], password="sesame")),
        ("none.txt", b""),
    ]
    source, pieces = read(written(tmp_path / "a.eml", mail(attached=attached).as_bytes()))
    assert len(pieces) == 1
    assert source.note == (
        "Not read of what is attached: kite.png (PNG: save it beside the mail); all.zip (zip archive: save it beside "
        "the mail); plan.dwg (no kind that is read); locked.pdf (is locked with a password. Save it without one and "
        "try again); none.txt (it is empty, or its bytes are damaged)."
    )


def test_a_mail_of_hundreds_of_parts_is_read_up_to_a_limit_and_says_so(tmp_path):
    attached = [(f"{n}.txt", b"words of many") for n in range(230)]
    source, pieces = read(written(tmp_path / "a.eml", mail(attached=attached).as_bytes()))
    assert len(pieces) == 201
    assert source.note == "Not read of what is attached: further parts (a mail may have 200)."


def test_a_mail_of_too_many_letters_is_read_up_to_the_limit(tmp_path):
    attached = [("long.txt", b"boat " * 5_000)]
    path = written(tmp_path / "a.eml", mail(attached=attached).as_bytes())
    source, pieces = read(path, ParseConfig(max_chars=5_000))
    assert 4_000 < sum(len(piece.text) for piece in pieces) <= 5_000
    assert "Only the first 5,000 of its letters are read (parse.max_chars)." in source.note


RENT = "\u623f\u79df\u662f\u6bcf\u6708\u4e09\u5343\u5143\u3002"
SHIP = "\u041f\u0440\u0438\u0432\u0435\u0442, \u043a\u043e\u0440\u0430\u0431\u043b\u044c!"
HTML = "<html><body><p>Caf\u00e9 at <b>noon</b></p><script>alert(1)</script></body></html>"


def test_of_the_same_words_in_two_forms_the_plain_one_is_read_and_a_web_page_where_it_is_alone(tmp_path):
    both = mail("plain words")
    both.add_alternative("<p>web words</p>", subtype="html")
    alone = mail()
    alone.set_content(HTML, subtype="html")
    (text,) = (piece.text for piece in read(written(tmp_path / "a.eml", both.as_bytes()))[1])
    assert "plain words" in text
    assert "web words" not in text
    (text,) = (piece.text for piece in read(written(tmp_path / "b.eml", alone.as_bytes()))[1])
    assert text.endswith("Caf\u00e9 at noon")
    assert "alert" not in text


@pytest.mark.parametrize(
    ("charset", "named", "words"),
    [("gbk", "gb2312", RENT), ("cp1251", "", SHIP), ("utf-8", "no-such-code", "na\u00efve")],
)
def test_words_are_read_in_the_encoding_that_is_named_or_in_what_they_look_like(tmp_path, charset, named, words):
    head = f"From: a@b.org\r\nSubject: =?utf-8?b?5oi/56ef?=\r\nContent-Type: text/plain; charset={named}\r\n"
    data = head.encode() + b"Content-Transfer-Encoding: 8bit\r\n\r\n" + words.encode(charset)
    _, (piece,) = read(written(tmp_path / "a.eml", data))
    assert piece.text.startswith("# \u623f\u79df\n\n")
    assert piece.text.endswith(words)


@pytest.mark.parametrize(
    "head",
    [
        "From: =?utf-9?q?=FF?= <a@b.org>",
        "From: <<<>>>\r\nDate: never",
        "Subject: =?gb2312?b?!!!!?=\r\nFrom: a@b.org",
        "Date: Fri, 99 May 99999 99:99:99 +9999\r\nSubject: x",
        "From: a@b.org\r\nContent-Type: multipart/mixed; boundary=",
        "From: a@b.org\r\nContent-Type: text/plain; charset*0*=x'y'%FF; charset*1=z",
        "From: a@b.org\r\nContent-Transfer-Encoding: base64",
        "Subject: \x00\x1b[31m red\u202e",
    ],
)
def test_headers_that_make_no_sense_cost_neither_the_mail_nor_its_words(tmp_path, head):
    _, pieces = read(written(tmp_path / "a.eml", head.encode("utf-8") + b"\r\n\r\nAll of the words."))
    assert pieces
    assert not any(letter in piece.symbol.name for piece in pieces for letter in "\0\x1b\u202e\n")


def test_a_sealed_mail_is_read_without_its_seal_and_an_encrypted_one_is_told(tmp_path):
    signed = mail("Signed words.")
    signed.add_attachment(b"\x30\x80", maintype="application", subtype="pkcs7-signature", filename="smime.p7s")
    source, (piece,) = read(written(tmp_path / "a.eml", signed.as_bytes()))
    assert (source.note, piece.text.endswith("Signed words.")) == ("", True)
    data = b"From: a@b.org\r\nSubject: x\r\nContent-Type: application/pkcs7-mime; name=smime.p7m\r\n\r\nMIAGCS"
    source, _ = read(written(tmp_path / "b.eml", data))
    assert source.note == "Not read of what is attached: smime.p7m (encrypted)."


@pytest.mark.parametrize("data", [b"a letter without any head", b"\xff\xfe\0\0" * 50, b"<html>x</html>"])
def test_what_is_no_mail_says_so(tmp_path, data):
    path = written(tmp_path / "a.eml", data)
    assert refusal(path) == (f"{path} is no e-mail: it names no sender, date or subject. Give it its right ending")


def test_a_mail_cut_anywhere_keeps_what_is_there(tmp_path):
    whole = mail(attached=[("a.pdf", pdf_bytes([(50, 400, "words")]))], inside=[mail("Inner.")]).as_bytes()
    for length in range(200, len(whole), 97):
        _, pieces = read(written(tmp_path / "a.eml", whole[:length]))
        assert pieces[0].text.startswith("# Dinner")
