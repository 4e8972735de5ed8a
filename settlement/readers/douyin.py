"""抖音精选联盟's export for merchants: one row for each order and product, in yuan, in China's time.

`-` is null and 0 is zero. There is no SKU and, where an order has two of one product, two rows with the same ids; the
time of payment tells them apart, and stays the same in every later export.
"""

from typing import Final

from settlement.observations import Observation, State
from settlement.readers.layouts import Format, Layout, RowReader
from settlement.readers.values import Counts, Currencies, Times, Unreadable, number_id

_STATES: Final[dict[str, State]] = {
    "已付款": "pending",
    "已收货": "pending",
    "已结算": "settled",
    "已失效": "void",
}


def _reader(layout: Layout) -> RowReader:
    pick = layout.pick(
        "订单id", "商品id", "作者账号", "抖音/火山号", "支付金额", "预估佣金支出", "结算金额", "实际佣金支出",
        "订单状态", "付款时间", "订单结算时间", "商品数量", "预估奖励佣金支出", "结算奖励佣金支出",
    )  # fmt: skip
    nulls = layout.nulls
    needed, optional = Currencies(layout.style, nulls)["CNY"]
    counts, times = Counts(), Times("YYYY-MM-DD", layout.zone)

    def read(row_no: int, cells: tuple[str, ...]) -> Observation:
        (order, product, author, account, paid, estimate, base, total, status, placed, settled, sold, bonus,
         settled_bonus) = map(str.strip, pick(cells))  # fmt: skip
        state = _STATES.get(status)
        if state is None:
            raise Unreadable("status", status, f"is none of {', '.join(_STATES)}")
        gmv, quantity, placed_at = needed[paid], counts[sold], times(placed)
        estimated = needed[estimate] + optional[bonus]
        actual = (needed if state == "settled" else optional)[total] + optional[settled_bonus]
        net = needed[base] if state == "settled" else gmv
        product = number_id(product)
        return Observation(
            row_no,
            "douyin",
            number_id(order),
            f"{product}@{placed}",
            "CNY",
            product,
            quantity,
            quantity if state == "void" else 0,
            gmv,
            0 if state == "void" else net,
            estimated,
            actual,
            0 if state == "void" else actual if state == "settled" else estimated,
            state,
            "douyin",
            account if account not in nulls else author if author not in nulls else None,
            None,
            None,
            "CN",
            placed_at,
            None if settled in nulls else times(settled),
            cells,
        )

    return read


FORMAT: Final = Format(
    name="douyin",
    columns=(
        "订单id", "商品id", "商品名称", "作者账号", "抖音/火山号", "支付金额", "佣金率", "预估佣金支出", "结算金额",
        "实际佣金支出", "订单状态", "超时未结算原因", "付款时间", "收货时间", "订单结算时间", "商品来源",
        "尾款支付时间", "定金金额", "店铺id", "店铺名称", "商品数量", "佣金发票", "冻结比例", "是否阶梯佣金",
        "门槛销量", "基础佣金率", "升佣佣金率", "预估奖励佣金支出", "结算奖励佣金支出", "阶梯计划ID", "支付补贴",
        "平台补贴", "达人补贴", "运费", "税费", "运费补贴", "分销来源", "营销活动id", "推广费率",
        "推广技术服务费", "预估推广费支出", "结算推广费支出", "计划类型", "订单来源", "流量细分来源", "流量来源",
        "订单类型",
    ),
    needed=frozenset((
        "订单id", "商品id", "作者账号", "支付金额", "预估佣金支出", "结算金额", "实际佣金支出", "订单状态",
        "付款时间", "商品数量",
    )),
    amounts=("支付金额", "预估佣金支出", "实际佣金支出", "结算金额", "预估奖励佣金支出", "结算奖励佣金支出"),
    times=("付款时间", "订单结算时间"),
    counts=("商品数量",),
    ids=("订单id", "商品id"),
    status="订单状态",
    nulls=("", "-"),
    usual_zone="Asia/Shanghai",
    reader=_reader,
)  # fmt: skip
