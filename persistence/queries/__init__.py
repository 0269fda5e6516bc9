"""The reader side: `Queries` for the ledger's records, beside it what is counted or followed over them."""

from persistence.queries.desk import DeskQueries
from persistence.queries.figures import FiguresQueries
from persistence.queries.journal import JournalQueries
from persistence.queries.ledger import Queries
from persistence.queries.lists import ListQueries
from persistence.queries.pages import LAST_ID, MAX_LIMIT

__all__ = [
    "LAST_ID",
    "MAX_LIMIT",
    "DeskQueries",
    "FiguresQueries",
    "JournalQueries",
    "ListQueries",
    "Queries",
]
