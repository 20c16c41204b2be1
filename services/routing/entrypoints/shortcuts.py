"""Keys on staff pages. What one of them does is written in the page (`data-key`) and done by `huiyin.js`; the sheet tells them all."""

from collections.abc import Mapping

from services.routing.entrypoints.work_forms import COMMANDS, Pair
from shared.security.access import Action

COMMAND_KEYS: Mapping[Action, str] = {
    "accept": "a",
    "resolve": "r",
    "report-progress": "p",
    "request-extension": "e",
    "suspend": "s",
    "invite": "i",
    "request-escalation": "u",
    "reassign": "m",
}
"""On the page of an issue: opens the form, sends nothing."""

KEYS: Mapping[str, Pair] = {
    "?": ("看这张表", "This sheet"),
    "/": ("查找", "Search"),
    "j": ("待办:下一件", "Worklist: next issue"),
    "k": ("待办:上一件", "Worklist: previous issue"),
    "Enter": ("待办:打开这一件", "Worklist: open the issue"),
    "x": ("待办:选中或取消这一件", "Worklist: pick the issue, or drop it"),
    "w": ("回到我的待办", "Back to the worklist"),
} | {key: (f"事项:{COMMANDS[name].label[0]}", f"Issue: {COMMANDS[name].label[1]}") for name, key in COMMAND_KEYS.items()}
