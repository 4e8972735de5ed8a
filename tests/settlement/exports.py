"""Exports as marketplaces write them, of order lines made up from a seed."""

import csv
import io
import json
import random
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from xml.sax.saxutils import escape

Stage = Literal["paid", "delivered", "settled", "refunded", "cancelled"]

PRODUCTS = {
    "1729384756012": ("Copper pan 28cm", "不粘锅28cm"),
    "1729384756029": ("Down jacket, short", "短款羽绒服"),
    "1729384756036": ('Lip gloss "03 Rose"', "唇釉03玫瑰"),
    "1729384756050": ("Phone stand\twith lamp", "带灯手机支架"),
}


@dataclass(frozen=True)
class Line:
    """An order line as the marketplace knows it on one day; money in minor units."""

    order: str
    sku: str
    product: str
    stage: Stage
    quantity: int
    refunded: int
    price: int
    rate: int  # basis points
    handle: str
    content: str
    placed: datetime
    settled: datetime | None

    @property
    def gmv(self) -> int:
        return self.price * self.quantity

    @property
    def estimated(self) -> int:
        return self.gmv * self.rate // 10_000

    @property
    def net(self) -> int:
        return self.price * (self.quantity - self.refunded) if self.stage == "settled" else 0

    @property
    def actual(self) -> int:
        return self.net * self.rate // 10_000

    @property
    def due(self) -> int:
        return {"settled": self.actual, "refunded": 0, "cancelled": 0}.get(self.stage, self.estimated)


def lines(count: int, seed: int = 1) -> list[Line]:
    made = random.Random(seed)
    return [_line(made, number) for number in range(count)]


def _line(made: random.Random, number: int) -> Line:
    stage: Stage = made.choice(("paid", "delivered", "settled", "settled", "refunded", "cancelled"))
    quantity = made.randint(1, 3)
    whole = stage in ("refunded", "cancelled")
    placed = datetime(2026, 9, 1, tzinfo=UTC) + timedelta(seconds=made.randrange(60 * 86400))
    return Line(
        order=str(5_762_100_010_000_000 + number // 2),
        sku=str(1_731_000_000_000 + number),
        product=made.choice(list(PRODUCTS)),
        stage=stage,
        quantity=quantity,
        refunded=quantity if whole else made.randint(0, quantity) if stage == "settled" else 0,
        price=made.randint(1, 200_000),
        rate=made.choice((500, 800, 1302, 3000)),
        handle=f"clipper_{made.randrange(4):03}",
        content=str(740_000_001_990_000 + made.randrange(9)),
        placed=placed,
        settled=placed + timedelta(days=15) if stage == "settled" else None,
    )


def money(amount: int, comma: bool = False) -> str:
    text = f"{amount // 100:,}.{amount % 100:02}"
    return text.translate(str.maketrans(",.", ".,")) if comma else text.replace(",", "")


def rows_csv(header: Sequence[str], rows: Iterable[Sequence[str]], delimiter: str = ",") -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def columns(names: str) -> list[str]:
    return names.split(",")


CREATOR = columns(
    "Order ID,SKU ID,Product name,Product ID,Price,Items sold,Items refunded,Shop name,Shop code,Affiliate partner,"
    "Agency,Currency,Order type,Order settlement status,Indirect,Commission type,Content Type,Content ID,Standard,"
    "Shop ads,TikTok bonus,Partner bonus,Revenue sharing portion,GMV,Est. commission base,Est. standard commission,"
    "Est. Shop Ads commission,Est. Bonus,Est. Affiliate partner bonus,Est. IVA,Est. ISR,Est. PIT,"
    "Est. revenue sharing portion,Actual commission base,Standard commission,Shop Ads commission,Bonus,"
    "Affiliate partner bonus,Tax - ISR,Tax - IVA,Tax - PIT,Shared with partner,Total final earned amount,Order date,"
    "Commission settlement date"
)
SELLER = columns(
    "Order ID,Product ID,Product Name,SKU ID,Price,Payment Amount,Currency,Quantity,Payment method,Order Status,"
    "Fully returned or refunded,Platform,Creator Username,Content Type,Content ID,commission model,"
    "Standard commission rate,Est. Commission Base,Est. standard commission payment,Actual Commission Base,"
    "Actual Commission Payment,Shop Ads commission rate,Est. Shop Ads commission payment,"
    "Actual Shop Ads commission payment,Est. co-funded creator bonus,Actual co-funded creator bonus,Time Created,"
    "Time Commission Paid"
)
DOUYIN = columns(
    "订单id,商品id,商品名称,作者账号,抖音/火山号,支付金额,佣金率,预估佣金支出,结算金额,实际佣金支出,订单状态,"
    "超时未结算原因,付款时间,收货时间,订单结算时间,商品来源,尾款支付时间,定金金额,店铺id,店铺名称,商品数量,佣金发票,"
    "冻结比例,是否阶梯佣金,门槛销量,基础佣金率,升佣佣金率,预估奖励佣金支出,结算奖励佣金支出,阶梯计划ID,支付补贴,"
    "平台补贴,达人补贴,运费,税费,运费补贴,分销来源,营销活动id,推广费率,推广技术服务费,预估推广费支出,"
    "结算推广费支出,计划类型,订单来源,流量细分来源,流量来源,订单类型"
)
AMAZON = columns(
    "Category,Name,ASIN,Seller,Tracking ID,Date Shipped,Price($),Items Shipped,Returns,Revenue($),Ad Fees($),"
    "Device Type Group"
)
GENERIC = columns(
    "marketplace,order,line,currency,product,quantity,refunded,gmv,net_gmv,estimated,actual,state,platform,handle,"
    "content_id,tracking_id,territory,placed_at,settled_at,note"
)


def creator_row(line: Line, comma: bool = False) -> list[str]:
    status = {"settled": "Settled", "refunded": "Ineligible", "cancelled": "Ineligible"}.get(line.stage, "Pending")
    known = {
        "Order ID": line.order, "SKU ID": line.sku, "Product name": PRODUCTS[line.product][0],
        "Product ID": line.product, "Price": money(line.price, comma), "Items sold": str(line.quantity),
        "Items refunded": str(line.refunded), "Shop name": "Star Kitchen", "Shop code": "USLC7W", "Currency": "USD",
        "Order type": "Product order", "Order settlement status": status, "Indirect": "No",
        "Commission type": "Open collaboration", "Content Type": "Video", "Content ID": line.content,
        "Standard": f"{line.rate / 100:g}%", "Shop ads": "0%", "GMV": money(line.gmv, comma),
        "Est. commission base": money(line.gmv, comma), "Est. standard commission": money(line.estimated, comma),
        "Actual commission base": money(line.net, comma), "Standard commission": money(line.actual, comma),
        "Total final earned amount": money(line.actual, comma), "Order date": f"{line.placed:%d/%m/%Y %H:%M:%S}",
        "Commission settlement date": f"{line.settled:%d/%m/%Y %H:%M:%S}" if line.settled else "/",
    }  # fmt: skip
    return [known.get(name, "/") for name in CREATOR]


def seller_row(line: Line, comma: bool = False) -> list[str]:
    stages = {"paid": "To ship", "delivered": "Delivered", "cancelled": "Cancelled"}
    known = {
        "Order ID": line.order + "\t", "Product ID": line.product + "\t", "Product Name": PRODUCTS[line.product][0],
        "SKU ID": line.sku + "\t", "Price": money(line.price, comma), "Payment Amount": money(line.gmv, comma),
        "Currency": "USD", "Quantity": str(line.quantity), "Payment method": "Card",
        "Order Status": stages.get(line.stage, "Completed"),
        "Fully returned or refunded": "Yes" if line.stage == "refunded" else "No", "Platform": "TikTok Shop",
        "Creator Username": line.handle, "Content Type": "Video", "Content ID": line.content + "\t",
        "commission model": "Open collaboration", "Standard commission rate": f"{line.rate / 100:g}%",
        "Est. Commission Base": money(line.gmv, comma),
        "Est. standard commission payment": money(line.estimated, comma),
        "Actual Commission Base": money(line.net, comma), "Actual Commission Payment": money(line.actual, comma),
        "Time Created": f"{line.placed:%d/%m/%Y %H:%M:%S}",
        "Time Commission Paid": f"{line.settled:%d/%m/%Y %H:%M:%S}" if line.settled else "",
    }  # fmt: skip
    return [known.get(name, "") for name in SELLER]


def douyin_row(line: Line) -> list[str]:
    stages = {"paid": "已付款", "delivered": "已收货", "settled": "已结算"}
    known = {
        "订单id": line.order + "\t", "商品id": line.product, "商品名称": PRODUCTS[line.product][1],
        "作者账号": line.handle, "抖音/火山号": line.handle + "\t", "支付金额": money(line.gmv),
        "佣金率": f"{line.rate / 100:g}%", "预估佣金支出": money(line.estimated),
        "结算金额": money(line.net) if line.net else "0", "实际佣金支出": money(line.actual) if line.actual else "0",
        "订单状态": stages.get(line.stage, "已失效"), "付款时间": f"{line.placed:%Y-%m-%d %H:%M:%S}\t",
        "订单结算时间": f"{line.settled:%Y-%m-%d %H:%M:%S}\t" if line.settled else "-", "店铺id": "88120471\t",
        "店铺名称": "星选厨房", "商品数量": str(line.quantity), "冻结比例": "0%", "是否阶梯佣金": "否",
    }  # fmt: skip
    return [known.get(name, "-") for name in DOUYIN]


def generic_row(line: Line) -> list[str]:
    state = {"settled": "settled", "refunded": "void", "cancelled": "void"}.get(line.stage, "pending")
    return [
        "shopee", line.order, line.sku, "USD", line.product, str(line.quantity), str(line.refunded), money(line.gmv),
        money(line.net) if line.stage == "settled" else "", money(line.estimated), money(line.actual), state, "tiktok",
        line.handle, line.content, "", "ID", f"{line.placed:%Y-%m-%dT%H:%M:%SZ}",
        f"{line.settled:%Y-%m-%dT%H:%M:%SZ}" if line.settled else "", "",
    ]  # fmt: skip


def creator(of: Iterable[Line], comma: bool = False) -> bytes:
    return rows_csv(CREATOR, (creator_row(line, comma) for line in of)).encode("utf-8-sig")


def seller(of: Iterable[Line], comma: bool = False) -> bytes:
    return rows_csv(SELLER, (seller_row(line, comma) for line in of)).encode("utf-8-sig")


def douyin(of: Iterable[Line], encoding: str = "gb18030") -> bytes:
    return rows_csv(DOUYIN, map(douyin_row, of)).encode(encoding)


def generic(of: Iterable[Line]) -> bytes:
    return rows_csv(GENERIC, map(generic_row, of)).encode()


def amazon(rows: Iterable[Sequence[str]], last: date = date(2026, 11, 15), sign: str = "$") -> bytes:
    title = f"Fee-Earnings reports from 09-25-2026 to {last:%m-%d-%Y}\r\n"
    return (title + rows_csv([name.replace("$", sign) for name in AMAZON], rows)).encode()


def amazon_row(tracking: str, asin: str, day: str, shipped: int, returned: int, revenue: str, fees: str) -> list[str]:
    return ["Kitchen", "Pan", asin, "Amazon", tracking, day, "", str(shipped), str(returned), revenue, fees, "PHONE"]


def impact(of: Iterable[Line]) -> bytes:
    actions = [impact_action(line) for line in of]
    document = {"@page": "1", "@numpages": "1", "@total": str(len(actions)), "Actions": actions}
    return json.dumps(document, indent=1).encode()


def impact_action(line: Line) -> dict[str, object]:
    void = line.stage in ("refunded", "cancelled")
    return {
        "Id": f"1000.4711.{line.order}.{line.sku}", "CampaignId": 1000, "ActionTrackerId": 4711,
        "MediaPartnerId": line.handle,
        "State": "APPROVED" if line.stage == "settled" else "REVERSED" if void else "PENDING",
        "Payout": money(line.due), "DeltaPayout": "0.00", "IntendedPayout": money(line.estimated),
        "Amount": money(line.net if line.stage == "settled" else 0 if void else line.gmv), "DeltaAmount": "0.00",
        "IntendedAmount": money(line.gmv), "Currency": "USD", "EventDate": f"{line.placed:%Y-%m-%dT%H:%M:%SZ}",
        "CreationDate": f"{line.placed:%Y-%m-%dT%H:%M:%SZ}", "LockingDate": None,
        "ClearedDate": f"{line.settled:%Y-%m-%dT%H:%M:%SZ}" if line.settled else None, "Oid": line.order,
        "SubId1": line.content, "SharedId": "", "PromoCode": "",
    }  # fmt: skip


_WORKBOOK = (
    '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
    '<sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>'
)
_RELATIONS = '<Relationships><Relationship Id="rId1" Target="worksheets/sheet1.xml"/></Relationships>'
_STYLES = (
    '<styleSheet><numFmts count="1"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd hh:mm:ss"/></numFmts>'
    '<cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs></styleSheet>'
)


def number_cell(text: str, style: int = 0) -> str:
    return f'<c s="{style}"><v>{text}</v></c>'


def xlsx(rows: Iterable[Sequence[str]], shared: bool = False, prolog: str = "") -> bytes:
    """A workbook of rows of texts, or of cells already written as XML, which begin with <c."""
    strings: dict[str, int] = {}

    def written(cell: str) -> str:
        if cell.startswith("<c"):
            return cell
        if shared:
            return f'<c t="s"><v>{strings.setdefault(cell, len(strings))}</v></c>'
        return f'<c t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>'

    sheet = "".join(f"<row>{''.join(map(written, row))}</row>" for row in rows)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/workbook.xml", _WORKBOOK)
        packed.writestr("xl/_rels/workbook.xml.rels", _RELATIONS)
        packed.writestr("xl/styles.xml", _STYLES)
        if shared:
            items = "".join(f'<si><t xml:space="preserve">{escape(text)}</t></si>' for text in strings)
            packed.writestr("xl/sharedStrings.xml", f"<sst>{items}</sst>")
        packed.writestr("xl/worksheets/sheet1.xml", f"{prolog}<worksheet><sheetData>{sheet}</sheetData></worksheet>")
    return file.getvalue()


def creator_xlsx(of: Iterable[Line], shared: bool = False) -> bytes:
    return xlsx([CREATOR, *(creator_row(line) for line in of)], shared)
