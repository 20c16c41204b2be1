"""Lead this process to the proxies of `tests/faults/injectors/proxies.py`, before any code of the product has read an address.

HUIYIN_PROXIED holds `server's port=proxy's port`, separated by commas; without it nothing happens.
"""

import os

ADDRESSES = (
    "HUIYIN_DATABASE_URL",
    "HUIYIN_NATS_URL",
    "HUIYIN_TEMPORAL_ADDRESS",
    "HUIYIN_INTAKE_URL",
    "HUIYIN_SMS_URL",
    "HUIYIN_SMTP_URL",
)
"""Variables in which a part is told where a server is."""

for _pair in filter(None, os.environ.get("HUIYIN_PROXIED", "").split(",")):
    _server, _proxy = _pair.split("=")
    for _name in ADDRESSES:
        if _name in os.environ:
            os.environ[_name] = os.environ[_name].replace(f"127.0.0.1:{_server}", f"127.0.0.1:{_proxy}")
