"""The official Ice runtime doing one job of the benches, a round per line on standard input.

    python ice_peer.py JOB PORT [COUNT]       projection, planes, calls or calls-in-flight

Python 3.10 with `zeroc-ice` and `omero-py` (POLYSTORE_ICE_PYTHON of `run.py`).
"""

import collections
import json
import sys
import time

import Ice
import numpy as np
import omero
import omero.clients  # noqa: F401 (loads the interface)
import omero.ObjectFactoryRegistrar
import omero.rtypes

ROWS, COLUMNS, PLANE_BYTES, IN_FLIGHT = 13_824, 16, 2 << 20, 256


def communicator() -> Ice.Communicator:
    data = Ice.InitializationData()
    data.properties = Ice.createProperties()
    data.properties.setProperty("Ice.ImplicitContext", "Shared")
    data.properties.setProperty("Ice.MessageSizeMax", "65536")
    ic = Ice.initialize(data)
    omero.ObjectFactoryRegistrar.registerObjectFactory(ic, None)
    for factory in omero.rtypes.ObjectFactories.values():
        factory.register(ic)
    return ic


def projection(proxy, _count: int) -> int:
    rows = omero.api.IQueryPrx.uncheckedCast(proxy("query")).projection("select", None)
    assert len(rows) == ROWS and sum(row[0].val for row in rows) == COLUMNS * ROWS * (ROWS - 1) // 2
    return ROWS * COLUMNS


def planes(proxy, count: int) -> int:
    store = omero.api.RawPixelsStorePrx.uncheckedCast(proxy("pixels"))
    for _ in range(count):
        plane = np.frombuffer(store.getPlane(0, 0, 0), ">u2").astype(np.uint16)
        assert plane[0] == 0 and plane[-1] == 65535
    return count * PLANE_BYTES


def calls(proxy, count: int) -> int:
    config = omero.api.IConfigPrx.uncheckedCast(proxy("config"))
    for _ in range(count):
        assert config.getConfigValue("key") == "key"
    return count


def calls_in_flight(proxy, count: int) -> int:
    config = omero.api.IConfigPrx.uncheckedCast(proxy("config"))
    waiting = collections.deque()
    for _ in range(count):
        waiting.append(config.begin_getConfigValue("key"))
        if len(waiting) >= IN_FLIGHT:
            assert config.end_getConfigValue(waiting.popleft()) == "key"
    for call in waiting:
        assert config.end_getConfigValue(call) == "key"
    return count


JOBS = {"projection": projection, "planes": planes, "calls": calls, "calls-in-flight": calls_in_flight}


def main() -> None:
    job, port, count = JOBS[sys.argv[1]], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 1
    ic = communicator()
    proxies = {name: ic.stringToProxy(f"bench/{name}:tcp -h 127.0.0.1 -p {port}") for name in ("query", "pixels", "config")}
    print(json.dumps({"ready": "official"}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        amount = job(proxies.__getitem__, count)
        print(json.dumps({"seconds": time.perf_counter() - start, "amount": amount}), flush=True)
    ic.destroy()


if __name__ == "__main__":
    main()
