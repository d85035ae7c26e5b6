"""Who is there, and for how long."""

import pytest

from spatialgan.studio.session_store import Full, NoSession, Outbox, Sessions


def test_sessions_expire_and_make_room():
    now = [0.0]
    sessions = Sessions(lambda: None, lifetime_s=10, most=2, clock=lambda: now[0])
    a, b = sessions.enter(), sessions.enter()
    now[0] = 5
    sessions.get(b.id)
    c = sessions.enter()  # a has been idle for longest
    with pytest.raises(NoSession):
        sessions.get(a.id)
    b.pages.add(Outbox())
    now[0] = 100
    sessions.expire()
    assert len(sessions) == 1 and sessions.get(b.id) is b
    with pytest.raises(NoSession):
        sessions.get(c.id)
    sessions.enter().pages.add(Outbox())
    with pytest.raises(Full):
        sessions.enter()
