"""Commands side by side."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from spatialgan.errors import SpatialGANError
from spatialgan.reproduction import running
from spatialgan.reproduction.recipes import Job
from spatialgan.reproduction.running import run_jobs


@pytest.fixture(autouse=True)
def python_in_place_of_spatialgan(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job's one word is a program in Python, which starts sooner than spatialgan."""
    popen = running.subprocess.Popen
    monkeypatch.setattr(running.subprocess, "Popen", lambda words, **k: popen([words[0], "-c", words[-1]], **k))


def job(name: str, code: str, *needs: str) -> Job:
    return Job(name, (code,), frozenset(needs))


def test_jobs_run_after_what_they_need_with_one_thread_and_a_log(tmp_path: Path) -> None:
    lines: list[str] = []
    jobs = [
        job("b", f"print(open({str(tmp_path / 'a')!r}).read())", "a"),
        job("a", f"import os; open({str(tmp_path / 'a')!r}, 'w').write(os.environ['OMP_NUM_THREADS'])"),
    ]
    assert run_jobs(jobs, tmp_path / "logs", processes=2, say=lines.append)
    assert (tmp_path / "logs/b.log").read_text().splitlines()[-1] == "1"
    assert lines == ["begins: a", "done: a (1 of 2)", "begins: b", "done: b (2 of 2)"]


def test_as_many_at_once_as_asked_for(tmp_path: Path) -> None:
    code = (
        f"import os, time; d = {str(tmp_path)!r}; open(d + f'/{{os.getpid()}}.on', 'w'); time.sleep(0.3); "
        "print(len([n for n in os.listdir(d) if n.endswith('.on')])); os.remove(d + f'/{os.getpid()}.on')"
    )
    assert run_jobs([job(f"{i}", code) for i in range(4)], tmp_path / "logs", processes=2, say=lambda _: None)
    counts = [int((tmp_path / f"logs/{i}.log").read_text().splitlines()[-1]) for i in range(4)]
    assert max(counts) <= 2


def test_what_failed_is_named_and_the_rest_is_run(tmp_path: Path) -> None:
    jobs = [job("bad", "raise SystemExit(2)"), job("after", "print()", "bad"), job("good", "print('here')")]
    with pytest.raises(SpatialGANError, match=r"2 of 3 commands did not succeed; the first is bad, see .*bad\.log"):
        run_jobs(jobs, tmp_path, processes=1, say=lambda _: None)
    assert "here" in (tmp_path / "good.log").read_text() and not (tmp_path / "after.log").exists()


def test_a_signal_goes_on_to_the_processes_and_ends_the_rest(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('saved'), sys.exit(130)))\n"
        f"open({str(ready)!r}, 'w')\n"
        "time.sleep(60)"
    )

    def interrupt() -> None:
        while not ready.exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    assert not run_jobs([job("a", code), job("b", "print()")], tmp_path, processes=1, say=lambda _: None)
    assert "saved" in (tmp_path / "a.log").read_text() and not (tmp_path / "b.log").exists()
