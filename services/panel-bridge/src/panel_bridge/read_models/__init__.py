"""The panel-bridge's read models. Contents stay sealed in them."""
