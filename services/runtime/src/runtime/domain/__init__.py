"""The rules of a live session, pure: handoffs, presence, panels, and what is made of LiveKit's facts."""
