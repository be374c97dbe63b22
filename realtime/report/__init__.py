"""The report of an analysis: one self-contained HTML page, written from the analysis folder alone."""

from realtime.report.write import write_report

__all__ = ["write_report"]
