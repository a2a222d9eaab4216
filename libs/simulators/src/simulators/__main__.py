"""Runs the simulators alone: `python -m simulators [--scenario FILE] [--port PORT]`, until interrupted.

Prints the settings that point the vendor plugins at them, as lines for a shell.
"""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from simulators.scenario import DEMO, Scenario, ScenarioError, load
from simulators.server import Simulators


def main() -> int:
    """Exit status 0 after an interrupt, 2 for a bad scenario, 1 where the port is taken."""
    parser = argparse.ArgumentParser(prog="python -m simulators", description="STT, LLM and TTS vendors on loopback.")
    parser.add_argument("--scenario", type=Path, default=DEMO, help="YAML or JSON file (default: the demo call)")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: a free one)")
    arguments = parser.parse_args()
    try:
        asyncio.run(serve(load(arguments.scenario), port=arguments.port))
    except ScenarioError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"cannot start: {error}\n")
        return 1
    return 0


async def serve(scenario: Scenario, *, port: int) -> None:
    """Serve until SIGINT or SIGTERM."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Simulators(scenario=scenario, port=port) as simulators:
        sys.stdout.write(
            f"OPENAI_BASE_URL={simulators.openai_base_url}\n"
            f"DEEPGRAM_BASE_URL={simulators.deepgram_base_url}\n"
            f"CARTESIA_BASE_URL={simulators.cartesia_base_url}\n"
        )
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    sys.exit(main())
