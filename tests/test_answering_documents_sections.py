"""A document as sentences under their headings: labels, rows and wrapped lines are told apart."""

from deepseek_mm.answering.documents.sections import read_sentences
from index import Region, Source

SOURCE = Source(path="/d/a.md", kind="document")


def read(*texts):
    regions = [
        Region(id=n, source=SOURCE, kind="text", box_px=(0, 0, 0, 0), text=text) for n, text in enumerate(texts, 1)
    ]
    return [(each.kind, each.section, each.text) for each in read_sentences(regions)]


def test_headings_labels_rows_and_sentences_are_told_apart():
    told = read(
        "# Offer\nWe repair your\nroof. It is old.\n\n| tiles | 80 |\n| --- | --- |\n\nTotal: 410 EUR\nValid until: May"
    )
    assert told == [
        ("heading", "Offer", "Offer"),
        ("sentence", "Offer", "We repair your roof."),
        ("sentence", "Offer", "It is old."),
        ("row", "Offer", "tiles | 80"),
        ("label", "Offer", "Total: 410 EUR"),
        ("label", "Offer", "Valid until: May"),
    ]


def test_a_section_goes_on_in_the_next_passage():
    assert read("## Fence\nIt fell.", "It fell twice.")[-1] == ("sentence", "Fence", "It fell twice.")


def test_labels_that_a_layout_wrote_into_one_line_are_parted():
    told = read("Delivery time: 4 weeks Warranty: 5 years VAT 19 %: 310.00 EUR")
    assert [text for _, _, text in told] == ["Delivery time: 4 weeks", "Warranty: 5 years", "VAT 19 %: 310.00 EUR"]


def test_chinese_lines_are_joined_without_blanks_and_parted_at_their_stops():
    told = read("一、电梯更换\n王强反对该方案，因为一楼住户很少\n使用电梯。赵敏表示支持。\n时间：5月8日 地点：活动室")
    assert [text for _, _, text in told] == [
        "一、电梯更换", "王强反对该方案，因为一楼住户很少使用电梯。", "赵敏表示支持。", "时间：5月8日", "地点：活动室",
    ]  # fmt: skip


def test_the_first_line_of_a_slide_is_its_title_and_the_others_are_not():
    assert [kind for kind, _, _ in read("Where we stand\nRevenue grew\nTwo customers left")] == [
        "heading",
        "row",
        "row",
    ]
