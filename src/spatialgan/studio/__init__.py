"""The studio: the editor in the browser.

What happens to pictures is in model_list.py (which there are), session.py (a picture and its history), dragging.py (a
drag, step by step), fitting.py (a photograph, step by step), overlays.py and wire.py (a session's state and pictures
for others), which know no web framework; worker.py is the one thread that runs models. The rest is the web: server.py
(the application and how it starts), api.py (HTTP), render_api.py and stateless.py (pictures without a session),
schemas.py (what requests and answers hold), docs_page.py and service.py (the API for people, and its health), live.py
(WebSocket), session_store.py (who is there). Who may come in, and with how much: access.py (what the user says), and
what a request passes, from outside: connections.py, proxy.py, guard.py, visits.py, login.py; logs.py keeps the log
short. The page lies in static/: plain modules, with no build step.
"""
