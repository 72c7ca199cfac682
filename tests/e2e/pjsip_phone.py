"""PJSIP as a desk phone: a program of its own, told what to do by lines of JSON, which says what happens.

Run as `python -m tests.e2e.pjsip_phone '{"edge": 5060, …}'`; needs the wheel pjsua2-python. It plays a sine
and writes what it hears into a WAV file. What must not live here: anything of the platform's.
"""

from __future__ import annotations

import json
import select
import sys
from typing import Any

import pjsua2 as pj


def tell(event: str, **facts: Any) -> None:
    print(json.dumps({"event": event, **facts}), flush=True)


class Phone(pj.Account):
    def __init__(self, options: dict[str, Any]) -> None:
        super().__init__()
        self.options, self.calls = options, list[Call]()

    def onRegState(self, prm: Any) -> None:
        tell("registered", code=prm.code, active=self.getInfo().regIsActive)

    def onIncomingCall(self, prm: Any) -> None:
        call = Call(self, prm.callId)
        self.calls.append(call)
        tell("incoming", remote=call.getInfo().remoteUri)
        call.answer(parameters(180))


class Call(pj.Call):
    def __init__(self, phone: Phone, id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(phone, id)
        self.phone = phone

    def onCallState(self, prm: Any) -> None:
        info = self.getInfo()
        tell("state", state=info.stateText, code=info.lastStatusCode)

    def onCallMediaState(self, prm: Any) -> None:
        info = self.getInfo()  # the list lives as long as this does
        for index, media in enumerate(info.media):
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status == pj.PJSUA_CALL_MEDIA_ACTIVE:
                sound = self.getAudioMedia(index)
                tone.startTransmit(sound)
                sound.startTransmit(recorder)

    def onDtmfDigit(self, prm: Any) -> None:
        tell("digit", digit=prm.digit)

    def onCallTransferStatus(self, prm: Any) -> None:
        tell("transfer", code=prm.statusCode, final=prm.finalNotify)


def parameters(code: int) -> Any:
    found = pj.CallOpParam(True)
    found.statusCode = code
    return found


def obey(phone: Phone, words: dict[str, Any]) -> bool:
    """One command; False for the last."""
    call = phone.calls[-1] if phone.calls else None
    match words["do"]:
        case "dial":
            made = Call(phone)
            phone.calls.append(made)
            made.makeCall(words["uri"], pj.CallOpParam(True))
        case "answer" if call is not None:
            call.answer(parameters(200))
        case "hold" if call is not None:
            call.setHold(pj.CallOpParam(True))
        case "resume" if call is not None:
            again = pj.CallOpParam(True)
            again.opt.flag = pj.PJSUA_CALL_UNHOLD
            call.reinvite(again)
        case "digit" if call is not None:
            how = pj.CallSendDtmfParam()
            how.digits = words["digit"]
            how.method = pj.PJSUA_DTMF_METHOD_SIP_INFO if words.get("info") else pj.PJSUA_DTMF_METHOD_RFC2833
            call.sendDtmf(how)
        case "transfer" if call is not None:
            call.xfer(words["uri"], pj.CallOpParam(True))
        case "join" if call is not None:  # the last call's party gets that of the call before it
            phone.calls[-2].xferReplaces(call, pj.CallOpParam(True))
        case "hangup" if call is not None:
            call.hangup(pj.CallOpParam(True))
        case "quit":
            return False
    return True


def serve(options: dict[str, Any]) -> None:
    global tone, recorder
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0  # everything happens in libHandleEvents
    config.logConfig.level = config.logConfig.consoleLevel = 0
    config.logConfig.filename, config.logConfig.level = options["log"], 5
    endpoint.libInit(config)
    place = pj.TransportConfig()
    place.boundAddress = "127.0.0.1"
    kinds = {"udp": pj.PJSIP_TRANSPORT_UDP, "tcp": pj.PJSIP_TRANSPORT_TCP, "tls": pj.PJSIP_TRANSPORT_TLS}
    kind = kinds[options["transport"]]
    endpoint.transportCreate(kind, place)
    endpoint.audDevManager().setNullDev()
    endpoint.libStart()
    tone, recorder = pj.ToneGenerator(), pj.AudioMediaRecorder()
    tone.createToneGenerator(8000)
    sine = pj.ToneDesc()
    sine.freq1, sine.freq2, sine.on_msec, sine.off_msec = int(options["hertz"]), 0, 1000, 0
    sines = pj.ToneDescVector()
    sines.append(sine)
    tone.play(sines, True)
    recorder.createRecorder(options["heard"], 0, 0)
    account = pj.AccountConfig()
    tail = f";transport={options['transport']}" if options["transport"] != "udp" else ""
    account.idUri = f"sip:{options['username']}@127.0.0.1:{options['edge']}"
    account.regConfig.registrarUri = f"sip:127.0.0.1:{options['edge']}{tail}"
    account.sipConfig.proxies.append(f"sip:127.0.0.1:{options['edge']};lr{tail}")
    account.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", options["username"], 0, "secret"))
    account.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
    if options.get("encrypted"):
        account.mediaConfig.srtpUse, account.mediaConfig.srtpSecureSignaling = pj.PJMEDIA_SRTP_MANDATORY, 1
    phone = Phone(options)
    phone.create(account)
    going = True
    while going:
        endpoint.libHandleEvents(10)
        while going and select.select([sys.stdin], [], [], 0)[0]:
            line = sys.stdin.readline()
            going = bool(line) and obey(phone, json.loads(line))
    phone.shutdown()
    endpoint.libDestroy()


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
