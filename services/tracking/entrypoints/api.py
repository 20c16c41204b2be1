"""tracking's HTTP: the ledger and statistics for staff, the reporter's page, the public board."""

from services.tracking.entrypoints import figures, issues, pages, public

ROUTERS = (issues.router, figures.router, public.router)
PAGES = (pages.router,)
DESCRIPTION = "What became of every issue: the ledger, the reporter's view, the public board, statistics. Reads only."
