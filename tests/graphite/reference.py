"""Runs graphite-web, the reference, on a port that the system chooses, until its standard input ends.

    reference.py FOLDER [CLUSTER_SERVER]

FOLDER/whisper holds the points; the database and the logs go to FOLDER. With a cluster server the points
come from there alone. The port is printed as the only line of standard output once requests are taken.
Everything else is as graphite-web ships it, but for the link to carbon's cache, which is not there.
"""

import datetime
import os
import pathlib
import resource
import sys
import threading
import time

NOW = 1750000000.0

folder = pathlib.Path(sys.argv[1]).absolute()
cluster = sys.argv[2:]

settings = f"""
SECRET_KEY = 'none is kept here'
STORAGE_DIR = {str(folder)!r}
WHISPER_DIR = {str(folder / 'whisper')!r}
LOG_DIR = {str(folder / 'log')!r}
LOG_INFO_PERFORMANCE = False
CARBONLINK_HOSTS = []
CLUSTER_SERVERS = {cluster!r}
REMOTE_RETRY_DELAY = 0
FIND_TIMEOUT = 60.0
FETCH_TIMEOUT = 60.0
"""
for name in ("whisper", "log", "settings"):
    (folder / name).mkdir(parents=True, exist_ok=True)
(folder / "settings" / "reference_settings.py").write_text(settings)
sys.path.insert(0, str(folder / "settings"))
os.environ["GRAPHITE_SETTINGS_MODULE"] = "reference_settings"
os.environ["DJANGO_SETTINGS_MODULE"] = "graphite.settings"
os.environ["TZ"] = "UTC"

# The clock stands where the data ends, for what asks it instead of the request's `now`.
time.time = lambda: NOW

import django  # noqa: E402  (its settings are named above)
from django.core.management import call_command  # noqa: E402

django.setup()
call_command("migrate", run_syncdb=True, verbosity=0, interactive=False)

from django.db import connections  # noqa: E402
from django.utils import timezone  # noqa: E402
from gunicorn.app.base import BaseApplication  # noqa: E402

timezone.now = lambda: datetime.datetime.fromtimestamp(NOW, timezone.utc)

# The workers are forked; each opens its own.
connections.close_all()


class StandingClock(datetime.datetime):
    """Dates whose now is where the data ends."""

    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(NOW, tz)


class Reference(BaseApplication):
    """The application behind two worker processes, which end with this one."""

    def load_config(self):
        self.cfg.set("bind", "127.0.0.1:0")
        self.cfg.set("workers", 2)
        # Some arguments make it loop for ever; a new worker takes the place of one that does.
        self.cfg.set("timeout", 20)
        self.cfg.set("graceful_timeout", 1)
        self.cfg.set("loglevel", "error")
        self.cfg.set("limit_request_line", 0)
        self.cfg.set("when_ready", self.announce)

    def load(self):
        # An answer that takes more is a crash, not the end of the machine.
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
        from graphite.metrics import views as metrics_views
        from graphite.render import attime, views as render_views
        from graphite.wsgi import application

        for module in (attime, render_views, metrics_views):
            module.datetime = StandingClock
        return application

    @staticmethod
    def announce(arbiter):
        print(arbiter.LISTENERS[0].sock.getsockname()[1], flush=True)
        threading.Thread(target=end_with_input, daemon=True).start()


def end_with_input():
    """Whoever started this holds the other end of standard input: its death is our end."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), 15)


Reference().run()
