"""The official Ice runtime against this crate; run by tests/interop/main.rs.

    official.py client PROXY ENCODING
                                  calls an object of ours
    official.py server ENDPOINTS [CERTIFICATE KEY]
                                  answers calls of ours, until its standard input ends
"""

import sys

import Ice
import omero
import omero.clients  # noqa: F401 (loads the interface)
import omero.ObjectFactoryRegistrar
import omero.rtypes
from omero.model import PlateI, WellI
from omero.rtypes import rbool, rdouble, rint, rlist, rlong, rmap, rstring, rtime


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
        if isinstance(obj, WellI):
            callback.ice_exception(omero.ValidationException("", "cls", "wells are not saved"))
        elif current.ctx.get("omero.client.uuid") != "x":
            callback.ice_exception(omero.ApiUsageException("", "cls", str(current.ctx)))
        else:
            callback.ice_response(obj)


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
        adapter.add(Update(), ic.stringToIdentity("test/update"))
        adapter.activate()
        print(adapter.createProxy(ic.stringToIdentity("test/update")), flush=True)
        sys.stdin.read()
    finally:
        ic.destroy()


if __name__ == "__main__":
    {"client": client, "server": server}[sys.argv[1]]()
