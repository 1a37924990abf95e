"""What the codes of providers mean: one data file per dialect, one list of reasons."""

from streams.catalog.catalog import Catalog, default_catalog
from streams.catalog.outcomes import AnswerOutcome, ReportOutcome
from streams.catalog.reasons import CatalogError

__all__ = ["AnswerOutcome", "Catalog", "CatalogError", "ReportOutcome", "default_catalog"]
