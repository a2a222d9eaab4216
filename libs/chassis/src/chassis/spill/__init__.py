"""The spill of a job: what it had sealed and the log may lack, kept in a file and brought back after its death."""

from chassis.spill.file import Spill, SpillBroken, SpillContents, SpillHeader, read_spill
from chassis.spill.publishing import Published, publish_spill

__all__ = ["Published", "Spill", "SpillBroken", "SpillContents", "SpillHeader", "publish_spill", "read_spill"]
