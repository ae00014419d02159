#!/usr/bin/env python3
"""Writes at_time.tsv and offsets.tsv: times and spans as graphite-web's own parser reads them.

    pip download --no-deps --no-binary :all: graphite-web==1.1.10    (and unpack it)
    pip install pytz
    python3 at_time.py graphite-web-1.1.10/webapp

Both files are written beside this script. Times before 1902 and after 2037 are left out
except in UTC: the tables of pytz do not reach further (see src/target/time/mod.rs).
"""

import calendar
import os
import sys
import types
from datetime import datetime

TIMES = """
|now|NOW| now |-1h|-90s|-3600s|-1800seconds|-5min|-5minutes|-1d|-23h|-167h|-1w|-1mon|-1months|-1y|-364d
+1h|now-1h|now+10min|now-1h30min|-1h30min15s|+1d-1h|-1h+1h|-1h-30min|now-1h+30min|-1H|-5M|-5m|-1.5h|-h|-1|+|-
- 1 h|-1_h|n,o,w|-1hour30minutes|-1dx|-1xd|-1sec|-1second|-1mins|-1weeks|-1years|-1yr
midnight|noon|teatime|today|yesterday|tomorrow|noon yesterday|noon_yesterday|midnight_tomorrow|teatime tomorrow
noon today|Noon Yesterday+30min|yesterday-1h|tomorrow+1h|today+1h|midnight+1h|noon-1d|noonnoon|noon now|now noon
yesterdaynoon|yesterdays|6pm|6am|10am|10pm|12am|12pm|0am|0pm|13am|13pm|23pm|24am|24pm|99pm|6pm yesterday|6pm_yesterday
6am+1d|6 am|6amtomorrow|6am today|100am|am|pm|xam|xxpm|7:30pm_yesterday|7:30|07:30|7:5|7:|:30|1:2:3|23:59|24:00|0:60
12:30am|12:30pm|6:15am|6:15pm yesterday|11:59pm|6:15 am tomorrow|6:15noon|6:15am7pm|-1:30|a:30|1a:30|100:30|6:3pm
00:00_20250615|13:06_20250615|02:00 20250615+1h|20250615|20250615+1h|20250231|20251301|20250632|19000101|19480101
19991231|12345678|00000000|18991231|20250600|20250015|02:30_20250330|02:30_20251026|20250615 noon|noon 20250615
12345678+1h|99999999+1h|2025061|202506151|0|1|100|1749996400|1749998200.5|1e9|99999999999|253402200000|253402300800
06/15/25|6/5/25|06/15/2025|06/15/1999|06/15/99|06/15/70|06/15/0|06/15/100|13/01/25|02/29/24|02/29/25
00/10/25|10/00/25|6/15|6/15/|/15/25|6/15/25/1|noon 06/15/25|6:30_06/15/25-1d|06/15/abc|06/15/99999
june15|jun 15|june 1|jun1|jan|january|jan 31|feb 29|feb 30|december 25|dec25+1d|jun0|jun00|jun 15 2025|june15th|noon jan 5
5 jan|6:30 mar 3|may|may 9|sept 9|juin 7
monday|tuesday|wednesday|thursday|friday|saturday|sunday|mon|tue|wed|thu|fri|sat|sun|Monday|monday+1h|noon monday
6pm friday|6:15_tuesday-1w|mondayish|mo|last monday|monday monday
bogus|2025-06-15|2025-06-15T00:00|14:00Z|~|now now|now+|now-|now*1h|now+1|now+h1|now+1h1|now+1h 30min|now+1h,30min|noon+é
""".strip("\n").replace("\n", "|").split("|")

MOMENTS = [
    ("UTC", 1750000000),
    ("America/New_York", 1750000000),
    ("Asia/Kolkata", 1749955800),
    ("Europe/London", 1743294600),
]

# Days around a change of the clocks, and zones with a habit: half an hour of summer time, summer
# time with a negative sign, a day that was left out, midnight that does not exist.
WALL_TIMES = [
    ("Europe/Berlin", ["02:00_20250330", "02:30_20250330", "03:00_20250330", "20250330", "01:59_20250330+1h",
                       "01:59_20251026", "02:00_20251026", "02:30_20251026", "03:00_20251026", "02:30_20251026-1h"]),
    ("America/New_York", ["01:59_20250309", "02:30_20250309", "03:00_20250309", "00:59_20251102", "01:30_20251102",
                          "02:00_20251102", "01:30_20251102-1d", "20251102+24h", "02:30_20250309-30min"]),
    ("Australia/Lord_Howe", ["01:45_20250406", "02:00_20250406", "02:15_20251005", "01:30_20250406"]),
    ("America/Sao_Paulo", ["20181104", "00:30_20181104", "23:30_20180217", "20180218"]),
    ("Africa/Cairo", ["20240426", "00:30_20240426", "23:30_20241031"]),
    ("Pacific/Apia", ["20111229", "20111230", "12:00_20111230", "20111231"]),
    ("Asia/Tehran", ["20220322", "00:30_20220322", "23:30_20220921"]),
    ("Asia/Kathmandu", ["06:15_20250101", "noon 06/15/25"]),
    ("America/St_Johns", ["02:30_20250309", "01:30_20251102"]),
    ("Asia/Gaza", ["00:30_20110401", "00:30_20110801"]),
    ("Europe/Moscow", ["02:30_20110327", "01:30_20141026", "02:30_20141026"]),
    ("Asia/Pyongyang", ["00:00_20150815", "23:45_20150814", "23:45_20180504", "00:15_20180505"]),
    ("Europe/Dublin", ["01:30_20250330", "01:30_20251026"]),
    ("Africa/Casablanca", ["02:30_20250223", "02:30_20250406"]),
    ("America/Caracas", ["02:45_20071209", "02:45_20160501"]),
    ("Europe/Lisbon", ["01:30_19960331", "01:30_19961027"]),
    ("Asia/Singapore", ["23:45_19811231", "00:15_19820101"]),
]

# Relative days on the days around a change, where `now` itself is special.
NEAR_CHANGES = [
    ("Europe/Berlin", 1743296400, ["yesterday", "today", "02:30", "noon yesterday", "-1d", "now-24h", "sunday"]),
    ("Europe/Berlin", 1761442200, ["today", "02:30", "02:30 today-1h", "tomorrow", "-1d", "monday", "midnight+26h"]),
    ("America/New_York", 1741503600, ["02:30", "today", "1am", "sunday", "midnight+1d", "tomorrow"]),
    ("Pacific/Auckland", 1749955800, ["today", "yesterday", "noon", "sunday", "friday", "jun16"]),
    ("Pacific/Kiritimati", 1735639200, ["today", "jan 1", "dec 31", "tomorrow", "thursday"]),
    ("Pacific/Pago_Pago", 1735689600, ["today", "jan 1", "dec 31", "tomorrow", "wednesday"]),
    ("UTC", 1709164800, ["feb 29", "-1y", "02/29/24", "tomorrow", "yesterday"]),
    ("UTC", 1750000000, ["06/15/69", "06/15/1950", "19010101", "20991231", "20500701+1d"]),
    ("UTC", 0, ["now", "-1s", "yesterday", "-1y", "thursday", "friday"]),
]

OFFSETS = """
|0s|1s|10s|+10s|-10s|5min|-5min|5minutes|5mins|5minute|1h|1hour|1hours|12h|1d|1day|7days|1w|2weeks|1mon|1month|3months
1y|1year|2years|1h30min|-1h30min|1d12h30min15s|1y1mon1w1d1h1min1s|007s|0d|5m|5mi|5|-5|+|-|h|-h|--5s|+-5s|5 min|5min |1.5h
5MIN|5Min|1H|1h-5min|1h+5min|1H5m|5sec|5something|5mony|5yolo|5days5|1e3s|s5|5s5s|999999999d|1000000000d|99999999999999999999s
""".strip("\n").replace("\n", "|").split("|")


def load_attime(webapp):
    sys.path.insert(0, webapp)
    django, conf = types.ModuleType("django"), types.ModuleType("django.conf")
    conf.settings = types.SimpleNamespace(TIME_ZONE="UTC")
    sys.modules.update({"django": django, "django.conf": conf})
    from graphite.render import attime
    return attime


def read_time(attime, text, zone_name, now):
    import pytz
    zone = pytz.timezone(zone_name)
    try:
        moment = attime.parseATTime(text, zone, datetime.fromtimestamp(now, zone))
        return str(calendar.timegm(moment.astimezone(pytz.utc).timetuple()))
    except Exception:
        return "error"


def read_offset(attime, text):
    try:
        span = attime.parseTimeOffset(text)
        return str(span.days * 86400 + span.seconds)
    except Exception:
        return "error"


def cases():
    for zone_name, now in MOMENTS:
        for text in TIMES:
            yield text, zone_name, now
    for zone_name, texts in WALL_TIMES:
        for text in texts:
            yield text, zone_name, 1750000000
    for zone_name, now, texts in NEAR_CHANGES:
        for text in texts:
            yield text, zone_name, now


def main():
    attime = load_attime(sys.argv[1])
    folder = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(folder, "at_time.tsv"), "w", encoding="utf-8") as table:
        table.write("# Made by at_time.py from graphite-web's parser. Columns: text, zone, now, epoch or `error`.\n")
        for text, zone_name, now in cases():
            table.write("%s\t%s\t%d\t%s\n" % (text, zone_name, now, read_time(attime, text, zone_name, now)))
    with open(os.path.join(folder, "offsets.tsv"), "w", encoding="utf-8") as table:
        table.write("# Made by at_time.py from graphite-web's parser. Columns: text, seconds or `error`.\n")
        for text in OFFSETS:
            table.write("%s\t%s\n" % (text, read_offset(attime, text)))


if __name__ == "__main__":
    main()
