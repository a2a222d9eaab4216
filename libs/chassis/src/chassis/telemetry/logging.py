"""structlog for every process: JSON lines in production, aligned text in development; standard error, or a file."""

import logging
import sys
from pathlib import Path
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

_FORBIDDEN = frozenset({"text", "words", "transcript", "arguments", "args", "personal", "key", "secret", "token"})


def configure(*, service: str, json_lines: bool, level: int = logging.INFO, file: Path | None = None) -> None:
    """Set up structlog and the standard library's loggers; call once per process. `file` is appended to."""
    renderer: Any = structlog.processors.JSONRenderer() if json_lines else structlog.dev.ConsoleRenderer(colors=False)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _drop_forbidden,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(sys.stderr) if file is None else logging.FileHandler(file, delay=True)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpx2", "httpcore", "asyncio", "uvicorn.error", "nats.aio.client"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _drop_forbidden(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    """The last guard: a field named like something a person said, or like a secret, does not reach the log."""
    for name in _FORBIDDEN & fields.keys():
        fields[name] = "[withheld]"
    return fields
