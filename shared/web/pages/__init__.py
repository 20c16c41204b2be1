"""Pages for people: server-rendered, Chinese first, English second, working without JavaScript.

A page is a client of its own service's API, called inside the process (`asking`): so it shows nothing and does nothing that the API
would not, and every rule, limit and audit entry is written once. What another service knows, the browser fetches from there.
"""

from shared.web.pages.asking import Answer, ask, ask_all, ask_or_fail
from shared.web.pages.languages import chosen, say, wants_page
from shared.web.pages.rendering import Pages

__all__ = ["Answer", "Pages", "ask", "ask_all", "ask_or_fail", "chosen", "say", "wants_page"]
