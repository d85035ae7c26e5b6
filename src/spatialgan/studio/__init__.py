"""The studio: the editor in the browser.

What happens to pictures is in models.py (which there are), session.py (a picture and its history), dragging.py (a drag,
step by step), overlays.py and wire.py (a session's state and pictures for others), which know no web framework;
worker.py is the one thread that runs models. The rest is the web: server.py (the application and how it starts), api.py
(HTTP), live.py (WebSocket), sessions.py (who is there), guard.py (who may come in, and with how much). The page lies in
static/: plain modules, with no build step.
"""
