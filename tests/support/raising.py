"""The body of `POST /api/intake/v1/issues`."""

from typing import Any

from tests.support.events import VILLAGE


def issue_body(**changes: Any) -> dict[str, Any]:
    """A valid one, as a citizen sends it, with changes; None removes a member."""
    valid = {
        "village_code": VILLAGE,
        "channel": "web",
        "category": "hardship",
        "topic": "street_light",
        "title": "村口路灯不亮",
        "narrative": "晚上出行看不见路。",
        "priority": "routine",
        "reporter": {"name": "张三丰", "phone": "13800001234"},
    } | changes
    return {name: value for name, value in valid.items() if value is not None}
