"""What problems say, in zh-CN and en: one register for all codes, services add their own.

An entry is `(zh, en)`, the title; or `(zh, en, zh detail, en detail)`. Texts may name the problem's extra members in braces.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

Language = Literal["zh-CN", "en"]


class Text(NamedTuple):
    """A title and an optional detail in both languages."""

    zh: str
    en: str
    zh_detail: str = ""
    en_detail: str = ""

    def title(self, language: Language, members: Mapping[str, object]) -> str:
        """The title, with members filled in."""
        return (self.zh if language == "zh-CN" else self.en).format_map(_Members(members))

    def detail(self, language: Language, members: Mapping[str, object]) -> str:
        """The detail, or the title where there is none."""
        template = self.zh_detail if language == "zh-CN" else self.en_detail
        return template.format_map(_Members(members)) if template else self.title(language, members)


class _Members(dict[str, object]):
    def __missing__(self, key: str) -> str:
        return f"{{{key}}}"


class UnknownCode(KeyError):
    """A code without a text: a mistake in the program."""


_TEXTS: dict[str, Text] = {}


def register_texts(texts: Mapping[str, tuple[str, str] | tuple[str, str, str, str]]) -> None:
    """Add texts by code. The same code with another text is a mistake and raises `ValueError`."""
    for code, value in texts.items():
        text = Text(*value)
        if _TEXTS.setdefault(code, text) != text:
            raise ValueError(f"two texts for problem code {code}")


def text_of(code: str) -> Text:
    """The text of a code. Raises `UnknownCode`."""
    try:
        return _TEXTS[code]
    except KeyError:
        raise UnknownCode(code) from None


def has_text(code: str) -> bool:
    """Whether `code` has a text."""
    return code in _TEXTS


register_texts(
    {
        "unauthenticated": (
            "请先登录",
            "Sign in first",
            "此操作需要有效的访问令牌。",
            "This needs a valid access token.",
        ),
        "token_invalid": (
            "登录已失效",
            "The access token is not valid",
            "访问令牌无效或已过期,请重新登录。",
            "The access token is invalid or has expired. Sign in again.",
        ),
        "forbidden": (
            "没有权限",
            "Not allowed",
            "您的角色或辖区不允许此操作。",
            "Your role or your region does not allow this.",
        ),
        "not_found": (
            "未找到",
            "Not found",
            "没有这一项,或您无权查看。",
            "There is no such thing, or you may not see it.",
        ),
        "method_not_allowed": ("不支持该请求方法", "This method is not supported here"),
        "not_acceptable": ("无法提供所要求的格式", "The wanted format is not available"),
        "http_error": ("请求无法处理", "The request cannot be processed"),
        "too_large": (
            "请求内容过大",
            "The request is too large",
            "请求内容不得超过 {limit} 字节。",
            "A request here has at most {limit} bytes.",
        ),
        "unsupported_media_type": (
            "不支持的内容类型",
            "This content type is not supported",
            "请使用 {expected}。",
            "Send {expected}.",
        ),
        "invalid_request": (
            "请求内容有误",
            "The request is not valid",
            "请按 errors 中的提示修改。",
            "See errors for what to change.",
        ),
        "unknown_topic": ("没有这个事项类型", "is no known topic"),
        "version_mismatch": (
            "内容已被更新",
            "It has changed in the meantime",
            "请刷新后重试。",
            "Load it again, then try once more.",
        ),
        "idempotency_key_required": (
            "缺少 Idempotency-Key 请求头",
            "The Idempotency-Key header is missing",
        ),
        "idempotency_key_invalid": (
            "Idempotency-Key 请求头无效",
            "The Idempotency-Key header is not valid",
            "应为 1 至 255 个可见 ASCII 字符。",
            "It has 1 to 255 visible ASCII characters.",
        ),
        "idempotency_key_reused": (
            "Idempotency-Key 已用于另一请求",
            "This Idempotency-Key was used for another request",
        ),
        "idempotency_in_flight": (
            "相同请求正在处理",
            "The same request is still being processed",
            "请稍后用同一 Idempotency-Key 重试。",
            "Try again shortly with the same Idempotency-Key.",
        ),
        "rate_limited": (
            "请求过于频繁",
            "Too many requests",
            "请在 {retry_after} 秒后重试。",
            "Try again in {retry_after} seconds.",
        ),
        "unavailable": (
            "服务暂时不可用",
            "The service is not available for the moment",
            "请稍后重试。",
            "Try again shortly.",
        ),
        "internal_error": (
            "系统内部错误",
            "Something went wrong on our side",
            "问题已记录,可凭追踪号 {trace_id} 查询。",
            "It was recorded; quote trace {trace_id}.",
        ),
        "personal_data_in_text": (
            "不得包含电话、身份证号码或电子邮箱",
            "must not contain a phone number, an identity number or an e-mail address",
        ),
        "unknown_region": ("没有这个地区", "is no region of this deployment"),
        "missing": ("必填", "is required"),
        "extra_forbidden": ("不接受此字段", "is not a field that is accepted here"),
        "json_invalid": ("不是有效的 JSON", "is not valid JSON"),
        "value_invalid": ("不是有效的值", "is not a valid value"),
        "text_expected": ("应为文本", "must be text"),
        "text_too_long": ("最多 {max_length} 个字符", "has at most {max_length} characters"),
        "text_too_short": ("至少 {min_length} 个字符", "has at least {min_length} characters"),
        "text_pattern": ("格式不正确", "does not have the right form"),
        "text_control": ("不得包含控制字符", "must not contain control characters"),
        "choice_expected": ("应为下列之一:{expected}", "must be one of {expected}"),
        "integer_expected": ("应为整数", "must be a whole number"),
        "number_expected": ("应为数字", "must be a number"),
        "boolean_expected": ("应为 true 或 false", "must be true or false"),
        "list_expected": ("应为列表", "must be a list"),
        "object_expected": ("应为对象", "must be an object"),
        "list_too_long": ("最多 {max_length} 项", "has at most {max_length} entries"),
        "list_too_short": ("至少 {min_length} 项", "has at least {min_length} entries"),
        "greater_than": ("应大于 {gt}", "must be greater than {gt}"),
        "greater_than_equal": ("应不小于 {ge}", "must be at least {ge}"),
        "less_than": ("应小于 {lt}", "must be less than {lt}"),
        "less_than_equal": ("应不大于 {le}", "must be at most {le}"),
        "instant_expected": (
            "应为带时区的时间,如 2026-11-22T08:30:00+08:00",
            "must be an instant with offset, like 2026-11-22T08:30:00+08:00",
        ),
        "date_expected": ("应为日期,如 2026-11-22", "must be a date, like 2026-11-22"),
        "id_expected": ("应为 UUID", "must be a UUID"),
    }
)
