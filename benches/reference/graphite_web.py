"""graphite-web on a folder's Whisper files, as it ships, on a port that the system chooses.

    graphite_web.py FOLDER

FOLDER/whisper holds the points; the database and the logs go to FOLDER. The port is the only line of
standard output; the end of standard input ends the workers and this.
"""

import os
import pathlib
import sys
import threading

folder = pathlib.Path(sys.argv[1]).absolute()
settings = f"""
SECRET_KEY = 'none is kept here'
STORAGE_DIR = {str(folder)!r}
LOG_DIR = {str(folder / 'log')!r}
LOG_INFO_PERFORMANCE = False
CARBONLINK_HOSTS = []
CLUSTER_SERVERS = []
# A slow answer is what is measured; by default it is an error after some seconds.
FIND_TIMEOUT = 600.0
FETCH_TIMEOUT = 600.0
"""
for name in ("whisper", "log", "settings"):
    (folder / name).mkdir(parents=True, exist_ok=True)
(folder / "settings" / "bench_settings.py").write_text(settings)
sys.path.insert(0, str(folder / "settings"))
os.environ["GRAPHITE_SETTINGS_MODULE"] = "bench_settings"
os.environ["DJANGO_SETTINGS_MODULE"] = "graphite.settings"
os.environ["TZ"] = "UTC"

import django  # noqa: E402  (its settings are named above)
from django.core.management import call_command  # noqa: E402

django.setup()
call_command("migrate", run_syncdb=True, verbosity=0, interactive=False)

from django.db import connections  # noqa: E402
from gunicorn.app.base import BaseApplication  # noqa: E402

connections.close_all()


class Application(BaseApplication):
    """graphite-web's application behind gunicorn, the server that its documentation names first."""

    def load_config(self):
        self.cfg.set("bind", "127.0.0.1:0")
        self.cfg.set("workers", os.cpu_count() or 1)
        self.cfg.set("timeout", 900)
        self.cfg.set("loglevel", "error")
        self.cfg.set("limit_request_line", 0)
        self.cfg.set("when_ready", announce)

    def load(self):
        from graphite.wsgi import application

        return application


def announce(arbiter):
    print(arbiter.LISTENERS[0].sock.getsockname()[1], flush=True)
    threading.Thread(target=end_with_input, daemon=True).start()


def end_with_input():
    sys.stdin.buffer.read()
    os.kill(os.getpid(), 15)


Application().run()
