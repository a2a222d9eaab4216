"""The panel-bridge: what panels hold, now and at any event, and commands to panels of live sessions.

It writes nothing into the log. A panel-bridge that is down disturbs no call.
"""
