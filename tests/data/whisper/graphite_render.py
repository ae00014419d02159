"""What graphite-web, the reference, draws from a tree of Whisper files.

    graphite_render.py FOLDER TREE FROM UNTIL TARGET...

Its database and logs go to FOLDER. The last line of standard output is its answer in JSON.
"""

import os
import pathlib
import sys

folder, tree, start, end, *targets = sys.argv[1:]
folder = pathlib.Path(folder).absolute()
settings = f"""
SECRET_KEY = 'none is kept here'
STORAGE_DIR = {str(folder)!r}
WHISPER_DIR = {tree!r}
STANDARD_DIRS = [{tree!r}]
LOG_DIR = {str(folder / 'log')!r}
CARBONLINK_HOSTS = []
CLUSTER_SERVERS = []
ALLOWED_HOSTS = ['*']
TIME_ZONE = 'UTC'
"""
for name in ("log", "settings"):
    (folder / name).mkdir(parents=True, exist_ok=True)
(folder / "settings" / "tree_settings.py").write_text(settings)
sys.path.insert(0, str(folder / "settings"))
os.environ["GRAPHITE_SETTINGS_MODULE"] = "tree_settings"
os.environ["DJANGO_SETTINGS_MODULE"] = "graphite.settings"

import django  # noqa: E402  (its settings are named above)
from django.core.management import call_command  # noqa: E402

django.setup()
call_command("migrate", run_syncdb=True, verbosity=0, interactive=False)

from django.test import Client  # noqa: E402

query = {"target": targets, "from": start, "until": end, "format": "json", "noCache": "1"}
answer = Client().get("/render", query)
if answer.status_code == 301:
    answer = Client().get("/render/", query)
assert answer.status_code == 200, answer.content
print(answer.content.decode())
