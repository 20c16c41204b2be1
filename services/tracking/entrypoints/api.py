"""tracking's HTTP: the ledger and statistics for staff, the reporter's page, the public board."""

from services.tracking import repository
from services.tracking.entrypoints import board_pages, exports, figures, figures_pages, issues, outlook, pages, public
from services.tracking.entrypoints.subscriber import DURABLE
from shared.web.operation import Operation

ROUTERS = (issues.router, exports.router, figures.router, outlook.router, public.router)
PAGES = (pages.router, board_pages.router, figures_pages.router)
OPERATION = Operation(durables=(DURABLE,), find=repository.find_by_number)
DESCRIPTION = "What became of every issue: the ledger, the reporter's view, the public board, statistics. Reads only."
