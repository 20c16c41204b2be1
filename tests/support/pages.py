"""Pages as their readers see them: texts, forms, and what no page may have."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx
from typing_extensions import override

VOID = frozenset({"meta", "link", "input", "br", "img", "hr", "path", "rect", "circle"})


@dataclass
class Form:
    """A form with the values that it would send."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict[str, str])


class Page(HTMLParser):
    """One page, parsed strictly: every element that is opened is closed in order.

    Attributes:
        text: what can be read.
        forms: by the address that they send to.
        links: addresses.
    """

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.text = ""
        self.language = ""
        self.forms: dict[str, Form] = {}
        self.links: list[str] = []
        self.scripts = 0
        self._open: list[str] = []
        self._form: Form | None = None
        self._typed: str | None = None
        assert answer.headers["content-type"] == "text/html; charset=utf-8", answer.headers["content-type"]
        assert "'unsafe" not in answer.headers["content-security-policy"]
        self.feed(answer.text)
        self.close()
        assert self._open == [], self._open

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        assert not [name for name in given if name.startswith("on") or name == "style"], f"inline script or style: <{tag}>"
        if tag not in VOID:
            self._open.append(tag)
        if tag == "html":
            self.language = given["lang"]
        elif tag == "script":
            self.scripts += 1
            assert given.get("src", "").startswith("/assets/"), "inline script"
        elif tag == "a":
            self.links.append(given.get("href", ""))
        elif tag == "form":
            action = given.get("action", "")  # none: it closes its dialog
            self._form = self.forms.setdefault(action, Form(action, given["method"]))
        elif self._form is not None and (name := given.get("name")):
            if tag == "textarea":
                self._typed = name
                self._form.fields[name] = ""
            elif given.get("type") not in ("checkbox", "radio", "file") or "checked" in given:
                self._form.fields[name] = given.get("value", "")

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self._open, f"</{tag}> closes nothing"
        opened = self._open.pop()
        assert opened == tag, f"</{tag}> closes <{opened}>"
        if tag == "form":
            self._form = None
        elif tag == "textarea":
            self._typed = None

    @override
    def handle_data(self, data: str) -> None:
        self.text += data
        if self._typed and self._form is not None:
            self._form.fields[self._typed] += data
