"""The official Ice runtime against this crate; run by tests/interop/main.rs.

    official.py client PROXY ENCODING
                                  calls an object of ours
    official.py router HOST PORT   logs in to a router of ours, as OMERO's clients do
    official.py manager ENDPOINTS  makes sessions behind a router that is not ours
    official.py server ENDPOINTS CERTIFICATE KEY [sliced]
                                  answers calls of ours, until its standard input ends; it says
                                  first where its objects are, and then which classes it has
"""

import sys
import uuid

import Glacier2
import Ice
import omero
import omero.clients  # noqa: F401 (loads the interface)
import omero.ObjectFactoryRegistrar
import omero.grid
import omero.grid.monitors as monitors
import omero.rtypes
from omero.model import PlateI, WellI
from omero.rtypes import (
    rarray, rbool, rclass, rdouble, rfloat, rint, rlist, rlong, rmap, robject, rset, rstring, rtime,
)  # fmt: skip


def communicator(endpoints: str = "") -> Ice.Communicator:
    data = Ice.InitializationData()
    data.properties = Ice.createProperties()
    data.properties.setProperty("Ice.ImplicitContext", "Shared")
    data.properties.setProperty("Ice.Default.EncodingVersion", "1.1" if endpoints else sys.argv[3])
    data.properties.setProperty("Ice.Plugin.IceSSL", "IceSSL:createIceSSL")
    data.properties.setProperty("IceSSL.VerifyPeer", "0")
    data.properties.setProperty("IceSSL.Ciphers", "HIGH")
    if len(sys.argv) > 4:
        data.properties.setProperty("IceSSL.CertFile", sys.argv[3])
        data.properties.setProperty("IceSSL.KeyFile", sys.argv[4])
    # As OMERO's servers and clients have it; the runtime's own is 1 MiB.
    data.properties.setProperty("Ice.MessageSizeMax", "65536")
    if "sliced" in sys.argv:
        data.properties.setProperty("Ice.Default.SlicedFormat", "1")
    if endpoints:
        data.properties.setProperty("A.Endpoints", endpoints)
    ic = Ice.initialize(data)
    omero.ObjectFactoryRegistrar.registerObjectFactory(ic, None)
    for factory in omero.rtypes.ObjectFactories.values():
        factory.register(ic)
    return ic


def plate() -> PlateI:
    plate = PlateI()
    plate.id = rlong(7)
    plate.name = rstring("µ plate")
    plate.rows = rint(0)
    plate.columns = rint(0)
    for row in range(3):
        well = WellI()
        well.row = rint(row)
        plate.addWell(well)
    return plate


def check_plate(back) -> None:
    assert type(back) is PlateI, type(back)
    assert back.name.val == "µ plate" and back.id.val == 7
    wells = back.copyWells()
    assert [well.row.val for well in wells] == [0, 1, 2]
    assert all(well.plate is back for well in wells)


class Update(omero.api.IUpdate):
    """Its operations are declared to be answered later."""

    def saveAndReturnObject_async(self, callback, obj, current=None):
        if current.ctx.get("omero.client.uuid") != "x":
            callback.ice_exception(omero.ApiUsageException("", "cls", str(current.ctx)))
        else:
            callback.ice_response(obj)

    def saveAndReturnArray_async(self, callback, graph, current=None):
        callback.ice_response(graph)

    def deleteObject_async(self, callback, row, current=None):
        if row is None:
            callback.ice_exception(omero.ChecksumValidationException("", "試", "", {-1: "a", 7: "µ"}))
        elif isinstance(row, PlateI):
            callback.ice_exception(omero.OptimisticLockException("stack", "cls", "", 2**62))
        elif isinstance(row, WellI):
            callback.ice_exception(ValueError("wells"))
        else:
            callback.ice_exception(omero.ValidationException("", "cls", "not deleted"))


class Given:
    """Keeps what it is given."""

    def __init__(self):
        self.given = None

    def keep(self, *given):
        self.given = given


class Query(omero.api.IQuery):
    def projection_async(self, callback, query, params, current=None):
        callback.ice_response([list(params.map.values()), []])


class Container(omero.api.IContainer):
    def getCollectionCount_async(self, callback, type, property, ids, options, current=None):
        callback.ice_response({given: -given for given in ids})


class Rendering(Given, omero.api.RenderingEngine):
    def setCompressionLevel_async(self, callback, percentage, current=None):
        self.keep(percentage)
        callback.ice_response()

    def getCompressionLevel_async(self, callback, current=None):
        callback.ice_response(self.given[0])


class Table(Given, omero.grid.Table):
    def initialize(self, cols, current=None):
        self.keep(cols)

    def getHeaders(self, current=None):
        return self.given[0]


class Identities(Given, Glacier2.IdentitySet):
    def add(self, additions, current=None):
        self.keep(additions)

    def get(self, current=None):
        return self.given[0]


class Strings(Given, Glacier2.StringSet):
    def add(self, additions, current=None):
        self.keep(additions)

    def get(self, current=None):
        return self.given[0]


class Verifier(Glacier2.SSLPermissionsVerifier):
    """Has a result beside the one that it returns."""

    def authorize(self, info, current=None):
        reason = [info.remoteHost, str(info.remotePort), info.localHost, str(info.localPort), info.cipher, *info.certs]
        return True, "|".join(reason)


class Monitors(monitors.MonitorServer):
    def createMonitor(self, *given):
        return "|".join(str(part) for part in given[:-1])

    def getMonitorState(self, id, current=None):
        return getattr(monitors.MonitorState, id)


class Files(monitors.FileServer):
    """Numbers at the ends of their ranges, in structures."""

    def getBulkDirectory(self, absPath, filter, current=None):
        return [self.getStats(absPath), self.getStats(filter)]

    def getStats(self, fileId, current=None):
        largest, least = 3.4028234663852886e38, 1.401298464324817e-45
        kind = monitors.FileType.Dir
        return monitors.FileStats(fileId, "試", -(2**63), -largest, least, float("inf"), kind)


class Routes(Ice.Router):
    def addProxies(self, proxies, current=None):
        return proxies


def client() -> None:
    ic = communicator()
    try:
        proxy = ic.stringToProxy(sys.argv[2])
        update = omero.api.IUpdatePrx.checkedCast(proxy)
        assert update is not None
        assert omero.api.IQueryPrx.checkedCast(proxy) is None
        check_plate(update.saveAndReturnObject(plate()))
        values = [rint(-1), rlong(2**62), rbool(True), rdouble(float("inf")), rstring("試"), rtime(5), rint(0), rint(0)]
        everything = rmap({"list": rlist(values)})
        annotation = omero.model.CommentAnnotationI()
        annotation.textValue = rstring("x" * 300)
        back = update.saveAndReturnArray([annotation, plate(), annotation])
        assert back[0] is back[2] and back[0].textValue.val == "x" * 300
        check_plate(back[1])
        del everything
        try:
            update.deleteObject(plate())
            raise AssertionError("no exception")
        except omero.ValidationException as error:
            assert error.message == "not deleted", error
        try:
            update.indexObject(plate())
            raise AssertionError("no exception")
        except Ice.OperationNotExistException:
            pass
        calls = [update.begin_saveAndReturnObject(plate()) for _ in range(200)]
        for call in reversed(calls):
            check_plate(update.end_saveAndReturnObject(call))
    finally:
        ic.destroy()
    print("ok")


def server() -> None:
    ic = communicator(sys.argv[2])
    try:
        adapter = ic.createObjectAdapter("A")
        servants = {
            "update": Update(), "query": Query(), "container": Container(), "config": Config(), "planes": Planes(),
            "rendering": Rendering(), "table": Table(), "identities": Identities(), "strings": Strings(),
            "verifier": Verifier(), "routes": Routes(), "monitors": Monitors(), "files": Files(),
        }  # fmt: skip
        for name, servant in servants.items():
            adapter.add(servant, Ice.Identity(name, "test"))
        adapter.activate()
        print(adapter.createProxy(ic.stringToIdentity("test/update")), flush=True)
        print(" ".join(found.ice_id() for found in all_objects()), flush=True)
        sys.stdin.read()
    finally:
        ic.destroy()


def all_objects() -> list:
    """One of each class of the model."""
    classes = [getattr(omero.model, name) for name in sorted(dir(omero.model)) if name.endswith("I")]
    classes = [found for found in classes if isinstance(found, type) and issubclass(found, omero.model.IObject)]
    assert len(classes) > 150, len(classes)
    return [found() for found in classes]


def check_rtypes(query) -> None:
    values = {
        "bool": rbool(True), "double": rdouble(float("-inf")), "float": rfloat(1.5), "int": rint(-1),
        "long": rlong(2**62), "string": rstring("試 µ"), "time": rtime(5), "class": rclass("Plate"),
        "object": robject(plate()), "list": rlist([rint(0), rint(0), rlist([rstring("")])]),
        "set": rset([rlong(1)]), "array": rarray([rdouble(0.5)]), "map": rmap({"key": rmap({"x": rint(7)})}),
        "null": None,
    }  # fmt: skip
    (row,) = query.projection("all of them", omero.sys.Parameters(dict(values), None))
    assert len(row) == len(values)
    by_type = {type(cell).__name__: cell for cell in row}
    for name, value in values.items():
        back = by_type[type(value).__name__]
        if name == "object":
            check_plate(back.val)
        elif value is not None and name not in ("list", "set", "array", "map"):
            assert back.val == value.val, name
    assert by_type["RListI"].val[2].val[0].val == ""
    assert by_type["RMapI"].val["key"].val["x"].val == 7


def check_table(resources) -> None:
    columns = [
        omero.grid.LongColumn("l", "", [1, -(2**60)]), omero.grid.DoubleColumn("d", "", [0.5, float("inf")]),
        omero.grid.BoolColumn("b", "", [True, False]), omero.grid.StringColumn("s", "", 8, ["µ", ""]),
        omero.grid.DoubleArrayColumn("a", "", 2, [[1.0, 2.0], [3.0, 4.0]]),
        omero.grid.LongArrayColumn("i", "", 1, [[9], [8]]), omero.grid.FloatArrayColumn("f", "", 1, [[0.5], [1.5]]),
        omero.grid.MaskColumn("m", "", [1], [2], [3], [0.5], [1.5], [2.0], [3.0], [bytes(range(9))]),
    ]  # fmt: skip
    table = resources.newTable(1, "t")
    table.initialize(columns)
    for back, column in zip(table.getHeaders(), columns, strict=True):
        assert type(back) is type(column), back
        if not isinstance(column, omero.grid.MaskColumn):
            assert list(back.values) == list(column.values), back.name
    assert bytes(bytearray(table.getHeaders()[-1].bytes[0])) == bytes(range(9))
    table.close()


def router() -> None:
    url, port = sys.argv[2], int(sys.argv[3])
    wrong = omero.client(host=url, port=port)
    try:
        wrong.createSession("root", "wrong")
        raise AssertionError("let in")
    except Glacier2.PermissionDeniedException as error:
        assert error.reason == "Password check failed for 'root': []", error.reason
    finally:
        wrong.__del__()
    client = omero.client(host=url, port=port)
    factory = client.createSession("root", "secret")
    assert factory.ice_getIdentity().name == client.getSessionId()
    update = factory.getUpdateService()
    check_plate(update.saveAndReturnObject(plate()))
    for given in all_objects():
        back = update.saveAndReturnObject(given)
        assert type(back) is type(given), (type(back), type(given))
    objects = all_objects()
    backs = update.saveAndReturnArray(objects)
    assert [type(back) for back in backs] == [type(given) for given in objects]
    assert update.saveAndReturnIds(objects) == list(range(len(objects)))
    pixels = omero.model.PixelsI()
    pixels.physicalSizeX = omero.model.LengthI(0.25, omero.model.enums.UnitsLength.ANGSTROM)
    back = update.saveAndReturnObject(pixels).physicalSizeX
    assert (back.getValue(), back.getUnit()) == (0.25, omero.model.enums.UnitsLength.ANGSTROM)
    try:
        update.deleteObject(plate())
        raise AssertionError("no exception")
    except omero.ValidationException as error:
        assert error.message == "not deleted", error
    check_rtypes(factory.getQueryService())
    check_table(factory.sharedResources())
    counts = factory.getContainerService().getCollectionCount("Plate", "wells", [1, 2, 2**40], None)
    assert counts == {1: 2, 2: 4, 2**40: 2**41}, counts
    config = factory.getConfigService()
    assert config.getConfigValue("試" * 300) == "試" * 300
    assert config.getConfigValue("x", {"omero.group": "-1"}) == "-1"
    store = factory.createRawPixelsStore()
    store.setPixelsId(1, False)
    planes = [bytes(range(256)) * 8192, b""]
    for plane in planes:
        store.setPlane(plane, 0, 0, 0)
        assert store.getPlane(0, 0, 0) == plane
    store.close()
    assert omero.api.IQueryPrx.checkedCast(factory.getQueryService()) is not None
    assert omero.api.IQueryPrx.checkedCast(update) is None
    # The server calls this client, on its own connection.
    beats = []
    client.onHeartbeat(lambda: beats.append(1))
    assert factory.keepAllAlive([]) == 2 and len(beats) == 2, beats
    calls = [config.begin_getConfigValue(str(n)) for n in range(500)]
    for n, call in reversed(list(enumerate(calls))):
        assert config.end_getConfigValue(call) == str(n)
    # Another client joins.
    other = omero.client(host=url, port=port)
    other.joinSession(client.getSessionId())
    assert other.getSessionId() == client.getSessionId()
    other.__del__()
    assert config.getConfigValue("still") == "still"
    # A table of 1000 objects is not the end.
    stores = [factory.createRawFileStore() for _ in range(1100)]
    for at in (0, 1, 1099, 0):
        stores[at].setFileId(at)
    client.closeSession()
    print("ok")


class Config(omero.api.IConfig):
    def getConfigValue_async(self, callback, key, current=None):
        callback.ice_response(current.ctx.get("omero.group", key))


class Planes(omero.api.RawPixelsStore):
    def __init__(self):
        self.plane = b""
        self.id = 0, False

    def setPixelsId_async(self, callback, pixelsId, bypassOriginalFile, current=None):
        self.id = pixelsId, bypassOriginalFile
        callback.ice_response()

    def getPixelsId_async(self, callback, current=None):
        callback.ice_response(self.id[0])

    def isSigned_async(self, callback, current=None):
        callback.ice_response(self.id[1])

    def getByteWidth_async(self, callback, current=None):
        callback.ice_response(-(2**31))

    def setPlane_async(self, callback, plane, z, c, t, current=None):
        self.plane = plane
        callback.ice_response()

    def getPlane_async(self, callback, z, c, t, current=None):
        callback.ice_response(self.plane)


class Factory(omero.api.ServiceFactory):
    """The session behind a router."""

    def __init__(self, adapter, name):
        self.adapter, self.name, self.callback, self.n = adapter, name, None, 0
        self.ids = []

    def service(self, servant):
        self.n += 1
        self.ids.append(Ice.Identity(f"{self.n}", self.name))
        return self.adapter.add(servant, self.ids[-1])

    def getUpdateService(self, current=None):
        return omero.api.IUpdatePrx.uncheckedCast(self.service(Update()))

    def getConfigService(self, current=None):
        return omero.api.IConfigPrx.uncheckedCast(self.service(Config()))

    def createRawPixelsStore(self, current=None):
        return omero.api.RawPixelsStorePrx.uncheckedCast(self.service(Planes()))

    def setCallback(self, callback, current=None):
        self.callback = callback

    def keepAllAlive(self, proxies, current=None):
        if self.callback is None:
            return -1
        self.callback.requestHeartbeat()
        return 1

    def destroy(self, current=None):
        for identity in [*self.ids, current.id]:
            self.adapter.remove(identity)
        print("destroyed", flush=True)


class Manager(Glacier2.SessionManager):
    def create(self, user, control, current=None):
        if user == "refused":
            raise omero.WrappedCreateSessionException("No such group: x", False, 0, "type")
        name = str(uuid.uuid4())
        identity = Ice.Identity(name, "session-" + current.ctx["omero.client.uuid"])
        proxy = current.adapter.add(Factory(current.adapter, name), identity)
        return Glacier2.SessionPrx.uncheckedCast(proxy)


def manager() -> None:
    ic = communicator(sys.argv[2])
    try:
        adapter = ic.createObjectAdapter("A")
        print(adapter.add(Manager(), ic.stringToIdentity("SM")), flush=True)
        adapter.activate()
        sys.stdin.read()
    finally:
        ic.destroy()


if __name__ == "__main__":
    {"client": client, "server": server, "router": router, "manager": manager}[sys.argv[1]]()
