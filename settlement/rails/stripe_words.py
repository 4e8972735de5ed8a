"""What Stripe asks of a payee, and why a bank sent money back, in words for the payee: English and Chinese.

Stripe's codes: https://docs.stripe.com/connect/handling-api-verification, .../api/payouts/failures. A code that is not
here gets a general sentence that names it, so that support can look it up.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

Words = Mapping[str, str]
"""A sentence by language, `en` and `zh`."""

_PERSON = re.compile(r"^(?:individual|company|representative|owners|directors|executives|person_[A-Za-z0-9]+)\.")

_REQUIREMENTS: Final[Mapping[str, tuple[str, str]]] = {
    "address": ("Give your address.", "请填写您的地址。"),
    "business_profile.mcc": ("Choose what kind of business you do.", "请选择您的业务类别。"),
    "business_profile.product_description": ("Describe what you do, in a sentence.", "请用一句话说明您的业务。"),
    "business_profile.url": ("Give the address of your page or channel.", "请填写您的主页或频道网址。"),
    "business_type": ("Say whether you are a person or a company.", "请说明您是个人还是公司。"),
    "directors_provided": ("List all directors of the company.", "请列出公司的全部董事。"),
    "dob": ("Give your date of birth.", "请填写您的出生日期。"),
    "documents.bank_account_ownership_verification": (
        "Upload a bank statement that shows the account is yours.",
        "请上传能证明银行账户归您所有的对账单。",
    ),
    "email": ("Give your e-mail address.", "请填写您的电子邮箱。"),
    "executives_provided": ("List all executives of the company.", "请列出公司的全部高管。"),
    "external_account": ("Add the bank account that we should pay to.", "请添加用于收款的银行账户。"),
    "first_name": ("Give your first name.", "请填写您的名字。"),
    "id_number": ("Give your identity or tax number.", "请填写您的身份证号或税号。"),
    "last_name": ("Give your last name.", "请填写您的姓氏。"),
    "name": ("Give the company's registered name.", "请填写公司的注册名称。"),
    "nationality": ("Give your nationality.", "请填写您的国籍。"),
    "owners_provided": (
        "List everybody who owns a quarter of the company or more.",
        "请列出持股四分之一及以上的所有人。",
    ),
    "ownership_declaration": ("Confirm who owns the company.", "请确认公司的所有权情况。"),
    "phone": ("Give your phone number.", "请填写您的电话号码。"),
    "political_exposure": (
        "Say whether you hold or held a public office, or are close to somebody who does.",
        "请说明您本人或亲近的人是否担任或曾任公职。",
    ),
    "registration_number": ("Give the company's registration number.", "请填写公司的注册号。"),
    "relationship": ("Say what you are in the company.", "请说明您在公司中的身份。"),
    "settings.payments.statement_descriptor": (
        "Choose the name that is shown on bank statements.",
        "请设置银行对账单上显示的名称。",
    ),
    "ssn_last_4": ("Give the last four digits of your Social Security number.", "请填写您社会安全号码的后四位。"),
    "structure": ("Say what kind of company it is.", "请说明公司的类型。"),
    "tax_id": ("Give the company's tax number.", "请填写公司的税号。"),
    "tos_acceptance": ("Accept Stripe's terms of service.", "请接受 Stripe 的服务条款。"),
    "verification.additional_document": (
        "Upload a document that shows your address, such as an electricity bill.",
        "请上传能证明您地址的文件,例如电费账单。",
    ),
    "verification.document": (
        "Upload a photo of your identity card or passport.",
        "请上传您的身份证或护照照片。",
    ),
    "verification.proof_of_liveness": (
        "Take a photo of yourself, so that Stripe can compare it with your document.",
        "请拍摄本人照片,供 Stripe 与证件比对。",
    ),
}

_DISABLED: Final[Mapping[str, tuple[str, str]]] = {
    "action_required.requested_capabilities": (
        "Stripe's onboarding is not finished: open the link and complete it.",
        "Stripe 入驻尚未完成:请打开链接继续办理。",
    ),
    "listed": (
        "Stripe is checking whether it may pay you. We can't hasten it.",
        "Stripe 正在核查能否向您付款,我们无法加快。",
    ),
    "platform_paused": ("We have paused payments to you. Please write to us.", "我们已暂停向您付款,请与我们联系。"),
    "requirements.past_due": ("Something Stripe asked for is overdue.", "Stripe 要求的资料已逾期。"),
    "requirements.pending_verification": (
        "Stripe is checking what you sent. There is nothing for you to do.",
        "Stripe 正在审核您提交的资料,您无需操作。",
    ),
    "under_review": (
        "Stripe is reviewing your account. There is nothing for you to do.",
        "Stripe 正在审查您的账户,您无需操作。",
    ),
}
_REJECTED: Final = (
    "Stripe has rejected the account and will not pay into it. Please write to us about another way.",
    "Stripe 已拒绝该账户,不会向其付款。请与我们联系,改用其他方式。",
)

_BANK_FAILURES: Final[Mapping[str, tuple[str, str]]] = {
    "account_closed": ("The bank account is closed.", "该银行账户已注销。"),
    "account_frozen": ("The bank account is frozen.", "该银行账户已被冻结。"),
    "bank_account_restricted": ("The bank account takes no payments of this kind.", "该银行账户不接受此类付款。"),
    "bank_account_unusable": ("Stripe can't pay to this bank account.", "Stripe 无法向该银行账户付款。"),
    "bank_ownership_changed": (
        "The bank has changed hands: enter the account again.",
        "开户银行的归属已变更:请重新填写账户。",
    ),
    "could_not_process": ("The bank could not process the payment.", "银行无法处理这笔付款。"),
    "debit_not_authorized": ("The bank did not allow the amount to be taken back.", "银行未授权扣回该款项。"),
    "declined": ("The bank has declined the payment.", "银行拒绝了这笔付款。"),
    "incorrect_account_holder_address": (
        "The address is not the one that the bank knows.",
        "地址与银行登记的不一致。",
    ),
    "incorrect_account_holder_name": ("The name is not the one that the bank knows.", "户名与银行登记的不一致。"),
    "incorrect_account_holder_tax_id": (
        "The tax number is not the one that the bank knows.",
        "税号与银行登记的不一致。",
    ),
    "insufficient_funds": ("Too little was left in the Stripe account.", "Stripe 账户余额不足。"),
    "invalid_account_number": ("The account number is wrong.", "银行账号有误。"),
    "invalid_card": ("The card can't be paid to.", "该卡无法收款。"),
    "invalid_currency": ("The account does not take this currency.", "该账户不接受此币种。"),
    "no_account": ("The bank knows no such account.", "银行查无此账户。"),
    "unsupported_card": ("The card can't be paid to.", "该卡无法收款。"),
}


def words_for_requirement(code: str) -> Words:
    """For a code such as `individual.verification.document` or `person_1A2B.dob.day`."""
    bare = _PERSON.sub("", code)
    while bare:
        if bare in _REQUIREMENTS:
            return _words(*_REQUIREMENTS[bare])
        bare = bare.rpartition(".")[0]
    return _words(f"Stripe needs something more from you ({code}).", f"Stripe 还需要您补充资料({code})。")


def words_for_disabled(reason: str) -> Words:
    """For a `disabled_reason` such as `under_review` or `rejected.fraud`."""
    if reason.startswith("rejected."):
        return _words(*_REJECTED)
    known = _DISABLED.get(reason)
    return _words(*known) if known else _words(
        f"Stripe has stopped payments to the account ({reason}).", f"Stripe 已停止向该账户付款({reason})。"
    )  # fmt: skip


def words_for_bank_failure(code: str) -> Words:
    """For the `failure_code` of a payout that did not reach the payee's bank."""
    known = _BANK_FAILURES.get(code)
    return _words(*known) if known else _words(
        f"The bank did not take the payment ({code}).", f"银行未接受这笔付款({code})。"
    )  # fmt: skip


def _words(english: str, chinese: str) -> Words:
    return MappingProxyType({"en": english, "zh": chinese})
