"""Panels: kinds as declarative files, the effects of commands and events on a panel's state, the tools and the wire.

Nothing here does I/O or runs code of a kind: a kind is a file of JSON Schemas and merge-patch templates. Values are
validated against those schemas by the services, which hold the JSON Schema library; here kinds only carry them.

    kind      what a panel kind file says          registry     the built-in kinds; decoding a file
    template  the language of effects              interpreter  state and patches from a kind
    tools     what a model may call                wire         the messages between agent and browser
"""
