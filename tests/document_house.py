"""A small library of documents whose texts are written in the tests, without any model."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from index_help import open_store, rows

from deepseek_mm.types import Draft
from index import Region, Source
from index.store import RegionStore

OFFERS = {
    "offer-keller.pdf": """Keller Roofing Ltd

Repair of the roof:
Gutters | 24 m | 840.00
Tiles | 80 m2 | 3,600.00
Scaffolding | 1 | 1,250.00

Total: 5,690.00 EUR
Date: 12 March 2024
====
Delivery time: 4 weeks
Warranty: 5 years

Kind regards Martin Keller""",
    "offer-nordholz.docx": """# Offer: roof repair

Gutters: 840.00 EUR

Tiles: 3,950.00 EUR

Insulation: 1,400.00 EUR

Total: 6,190.00 EUR

Delivery time: 6 weeks

The warranty is 10 years on tiles and work.""",
}
TABLE_ZH = (
    "# 厨房报价单\n\n| 项目 | 金额（元） |\n| --- | --- |\n| 橱柜 | {} |\n| 台面 | 4600 |\n\n合计：{}元\n工期：{}天"
)
QUOTES_ZH = {
    "报价单-华强.md": TABLE_ZH.format(12800, 17400, 20),
    "报价单-金石.md": TABLE_ZH.format(11900, 16500, 25),
}
MINUTES = {
    "minutes-garden.md": """# Minutes of the garden committee

Present: Anna Lund, Boris Meyer, Chloe Martin, Deniz Kaya.
Anna welcomed everybody and thanked for the cake.
====
## 1. Budget
Anna presented the budget of 4,200 euros for 2024. Boris said that the tools are included. The budget was accepted with
three votes to one. Deniz voted against it. He thinks that the reserve is too small.
====
## 2. Fence
Boris proposed to replace the fence for 1,850 euros. Chloe was against it: the old fence can be repaired. Anna supported
the proposal, since the fence fell over twice.
Decision: three offers are obtained until 1 June.
====
## 3. Water
The well gives less water than it did last year. Deniz suggested a rain barrel. Nobody objected.""",
    "call.txt": """Product call

Tom: I think we should launch on 2 May.
Priya: The translations are not ready. Two more weeks are needed.
Tom: Then let us move the launch.
Jon: I am against moving it. The fair starts on 6 May.""",
    "会议纪要.md": """# 业主委员会会议纪要

时间：2024年5月8日
出席：张伟、李娜、王强、赵敏
====
## 一、电梯更换
张伟介绍了电梯更换方案，总费用为38万元。王强反对该方案，因为一楼住户很少使用电梯。赵敏表示支持，认为老人上下楼很不方便。
会议决定：6月15日前完成问卷调查，由李娜负责。
====
## 二、停车位
赵敏建议将东侧空地改为12个停车位。李娜：我反对，孩子们没有地方玩了。""",
}
LETTER = {
    "letter-insurance.pdf": """Harbour Insurance

Dear Mr Okoye, we have received your claim.
====
Excess

Your contract has an excess of 150 euros. The carpet is not covered.
====
What to do next

Please send the invoice until 15 March 2024.""",
    "strategy.pptx": "Strategy\n====\nWhere we stand\nRevenue grew by 12 percent\nTwo customers left",
}
PAGED = ("pdf", "pptx")


def fill_documents(folder: Path, *parts: Mapping[str, str]) -> RegionStore:
    """A store of these documents: what stands between "====" is a page of PDFs and slides, of others a passage."""
    store = open_store(folder)
    for name, text in {name: text for part in parts for name, text in part.items()}.items():
        source = Source(path=f"/documents/{name}", kind="document", format=name.rpartition(".")[2])
        passages = region_of_parts(source, text.split("\n====\n"))
        store.add(source, passages, rows(len(passages)))
    return store


def region_of_parts(source: Source, texts: Sequence[str]) -> list[Region]:
    """The passages of a document."""
    paged = source.format in PAGED
    return [
        Region(source=source, kind="text", box_px=(0, 0, 0, 0), text=text, page=page * paged)
        for page, text in enumerate(texts, 1)
    ]


def spoken(draft: Draft | None) -> str:
    """All that a draft says."""
    assert draft is not None
    return draft.text or " ".join(claim.sentence for claim in draft.claims)
