"""The worker's log: JSON lines on standard error, or readable ones on a terminal."""

from __future__ import annotations

import logging
import os
import sys

import structlog
from temporalio import activity, workflow


def configure_logging() -> None:
    """Temporal's own log lines get the same form."""
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer()
        if sys.stderr.isatty()
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    shared: list[structlog.typing.Processor] = [
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(allow=("temporal_workflow", "temporal_activity")),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared)
    )
    level = os.environ.get("OVENBIRD_LOG", "INFO").upper()
    logging.basicConfig(handlers=[handler], level=level, force=True)
    # The details are fields of the line already.
    workflow.logger.workflow_info_on_message = activity.logger.activity_info_on_message = False
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
