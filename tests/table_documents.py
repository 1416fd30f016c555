"""Small documents with tables, as their passages are stored, and questions with what answers them."""

from index import Region, Source

EXPENSES = """date,what,category,paid by,euros
2026-06-02,train to Ghent,travel,Olu,84.00
2026-06-02,sandwiches at the station,food,Priya,17.50
2026-06-03,hotel two nights,hotel,Olu,236.00
2026-06-03,museum tickets,culture,Priya,30.00
2026-06-03,dinner at De Lepel,food,Priya,68.40
2026-06-04,boat tour,culture,Olu,25.00
2026-06-04,waffles,food,Olu,12.60
2026-06-05,train home,travel,Priya,84.00"""
INVOICE = """# Invoice 8812

Brightwire Electrics, Leeds. Date: 9 January 2026.

| Item | Quantity | Each | Amount |
|---|---|---|---|
| Fuse box, 12 ways | 1 | 189.00 | 189.00 |
| Double socket | 2 | 14.50 | 29.00 |
| Labour, hours | 4 | 48.00 | 192.00 |
| Subtotal | | | 410.00 |
| VAT 20 % | | | 82.00 |
| Total, pounds | | | 492.00 |

Payable within 30 days by bank transfer."""
YEAST = """# Protocol 14: growth of baker's yeast at three temperatures

## Results

| hours | 20 \u00b0C | 30 \u00b0C | 37 \u00b0C |
|---|---|---|---|
| 0 | 0.05 | 0.05 | 0.05 |
| 2 | 0.07 | 0.11 | 0.10 |
| 4 | 0.10 | 0.29 | 0.22 |
| 6 | 0.16 | 0.74 | 0.47 |
| 8 | 0.25 | 1.62 | 0.83 |

OD600 was measured every two hours."""
SOUP = """# Red lentil soup

For 4 people, 30 minutes.

| ingredient | amount |
|---|---|
| red lentils | 200 g |
| carrots | 2 |
| coconut milk | 400 ml |
| curry powder | 2 teaspoons |"""
LEASE = """3. Rent

The rent is due on the third working day of each month.

Item | Euros a month
Rent without heating | 1,180.00
Heating and water, on account | 145.00
Parking space number 17 | 60.00
Total | 1,385.00

The deposit is three months' rent without heating, 3,540 euros."""
SCHOOL = """# Birchfield Primary School: newsletter, November 2026

What | When | Where
Bake sale for the new climbing frame | Friday, 20 November, 15:00 | playground
Parents' evening | Thursday, 26 November, 17:00 to 19:30 | classrooms
School closed, staff training | Monday, 7 December |
Winter concert | Wednesday, 16 December, 18:00 | hall
Last day of term | Friday, 18 December, ends at 12:30 |"""
TRAINS = """# Trains from Harlow to Marden

| Train | Departs | Arrives | Platform |
|---|---|---|---|
| R12 | 7:05 | 8:20 | 2 |
| X4 | 8:30 | 9:15 | 5 |
| R14 | 9:05 | 10:20 | 2 |
| X6 | 17:40 | 18:25 | 3 |"""
PRICES = """# Caf\u00e9 Lindenhof: prices

| Drink | Small | Large |
|---|---|---|
| Espresso | 2.20 \u20ac | 3.10 \u20ac |
| Cappuccino | 3.40 \u20ac | 4.20 \u20ac |
| Green tea | 2.80 \u20ac | 3.60 \u20ac |
| Hot chocolate | 3.60 \u20ac | 4.50 \u20ac |"""
PAYSLIP = """Payslip March 2026

Employee: Dana Novak
Basic salary: 3,200.00 EUR
Bonus: 250.00 EUR
Income tax: 612.40 EUR
Health insurance: 248.10 EUR
Net pay: 2,589.50 EUR
Paid on: 27 March 2026"""
RACE = """# Harbour run 2026, 10 km

| Place | Name | Club | Time (min) | Age |
|---|---|---|---|---|
| 1 | Amina Diallo | Northside | 34.2 | 27 |
| 2 | Petra Holm | Riverton | 35.8 | 31 |
| 3 | Joao Reis | Northside | 36.1 | 24 |
| 4 | Lena Vogt | Eastfield | 38.9 | 45 |"""
ITINERARY = """# Trip to Porto

Hotel: Casa do Rio
Check-in: 12 May 2026, 15:00
Check-out: 16 May 2026, 11:00
Flight out: TP 551, departs 9:40
Booking number: QX77R"""
WEATHER = """# Weather station Ringholm, 2025

| Month | Rain (mm) | Mean temperature (\u00b0C) | Sunny days |
|---|---|---|---|
| January | 88 | -1.5 | 4 |
| April | 41 | 7.2 | 12 |
| July | 23 | 19.4 | 21 |
| October | 97 | 8.8 | 7 |"""
CLASS_LIST = """Class 4B, spring term

| Pupil | Maths | English | Art |
|---|---|---|---|
| Noor | 14 | 17 | 12 |
| Felix | 18 | 11 | 15 |
| Ines | 16 | 16 | 19 |"""
ZH_EXPENSES = """\u65e5\u671f,\u9879\u76ee,\u7c7b\u522b,\u4ed8\u6b3e\u4eba,\u91d1\u989d\uff08\u5143\uff09
2026-03-01,\u9ad8\u94c1\u7968,\u4ea4\u901a,\u738b\u82b3,553.00
2026-03-01,\u5348\u9910,\u9910\u996e,\u674e\u660e,86.50
2026-03-02,\u9152\u5e97\u4e24\u665a,\u4f4f\u5bbf,\u674e\u660e,760.00
2026-03-02,\u665a\u9910,\u9910\u996e,\u738b\u82b3,142.00
2026-03-03,\u51fa\u79df\u8f66,\u4ea4\u901a,\u674e\u660e,45.00"""
ZH_LEASE = """\u623f\u5c4b\u79df\u8d41\u5408\u540c

\u51fa\u79df\u4eba\uff1a\u5f20\u4f1f
\u627f\u79df\u4eba\uff1a\u9648\u9759
\u6708\u79df\u91d1\uff1a3540\u5143
\u62bc\u91d1\uff1a7080\u5143
\u8d77\u79df\u65e5\u671f\uff1a2026\u5e745\u67081\u65e5
\u5230\u671f\u65e5\u671f\uff1a2027\u5e744\u670830\u65e5"""
ZH_TIMETABLE = """# \u4e94\u5e74\u7ea7\u4e8c\u73ed\u8bfe\u7a0b\u8868

| \u8282\u6b21 | \u661f\u671f\u4e00 | \u661f\u671f\u4e8c | \u661f\u671f\u4e09 |
|---|---|---|---|
| \u7b2c1\u8282 | \u8bed\u6587 | \u6570\u5b66 | \u82f1\u8bed |
| \u7b2c2\u8282 | \u6570\u5b66 | \u97f3\u4e50 | \u8bed\u6587 |
| \u7b2c3\u8282 | \u4f53\u80b2 | \u79d1\u5b66 | \u7f8e\u672f |"""
ZH_PRICES = """# \u5c0f\u9762\u9986\u4ef7\u76ee\u8868

| \u83dc\u540d | \u4ef7\u683c | \u8fa3\u5ea6 |
|---|---|---|
| \u725b\u8089\u9762 | 28\u5143 | \u4e2d\u8fa3 |
| \u62c5\u62c5\u9762 | 18\u5143 | \u7279\u8fa3 |
| \u756a\u8304\u9e21\u86cb\u9762 | 16\u5143 | \u4e0d\u8fa3 |"""
ZH_RECIPE = """# \u897f\u7ea2\u67ff\u7092\u9e21\u86cb\uff082\u4eba\u4efd\uff09

| \u6750\u6599 | \u7528\u91cf |
|---|---|
| \u9e21\u86cb | 3\u4e2a |
| \u897f\u7ea2\u67ff | 300\u514b |
| \u7cd6 | 5\u514b |"""
ZH_INVOICE = """\u53d1\u7968

| \u540d\u79f0 | \u6570\u91cf | \u5355\u4ef7 | \u91d1\u989d |
|---|---|---|---|
| \u529e\u516c\u6905 | 2 | 320.00 | 640.00 |
| \u53f0\u706f | 3 | 85.00 | 255.00 |
| \u5c0f\u8ba1 | | | 895.00 |
| \u7a0e\u989d | | | 116.35 |
| \u5408\u8ba1 | | | 1,011.35 |"""
DOCUMENTS = {
    "ghent-expenses.csv": EXPENSES, "invoice-8812.md": INVOICE, "protocol-14.md": YEAST, "lentil-soup.md": SOUP,
    "lease.docx": LEASE, "newsletter.docx": SCHOOL, "trains.md": TRAINS, "prices.md": PRICES, "payslip.txt": PAYSLIP,
    "race.md": RACE, "porto.txt": ITINERARY, "weather.md": WEATHER, "class.md": CLASS_LIST,
    "\u62a5\u9500.csv": ZH_EXPENSES, "\u79df\u8d41\u5408\u540c.txt": ZH_LEASE, "\u8bfe\u7a0b\u8868.md": ZH_TIMETABLE,
    "\u4ef7\u76ee.md": ZH_PRICES, "\u83dc\u8c31.md": ZH_RECIPE, "\u53d1\u7968.md": ZH_INVOICE,
}  # fmt: skip


def passages_of(text: str, name: str, number: int = 1, *, size: int = 100_000) -> list[Region]:
    """The passages of a document of this text, cut between lines."""
    source = Source(id=number, path=f"/docs/{name}", kind="document")
    parts, lines = [], []
    first = 1
    for line in text.split("\n"):
        if lines and sum(map(len, lines)) + len(line) > size:
            parts.append((first, lines))
            first, lines = first + len(lines), []
        lines.append(line)
    parts.append((first, lines))
    return [
        Region(
            id=100 * number + n,
            source=source,
            kind="text",
            box_px=(0, 0, 0, 0),
            text="\n".join(own),
            lines=(start, start + len(own) - 1),
        )
        for n, (start, own) in enumerate(parts)
    ]
