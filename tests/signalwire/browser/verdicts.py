"""What becomes of each public member of `@signalwire/js` here; `table` makes the page, tests run each one.

By version, type and member. A member that the packages have and this file has not fails a test, and so does
one that only this file has. `value$` goes with `value`: one line for both.
"""

# ruff: noqa: E501  # a table: one line per verdict
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """`says`: works, refused (code) or the SDK itself throws; `note`: what a reader must know besides."""

    says: str
    note: str = ""


WORKS = "works"
REFUSED = "refused (`-32602`)"
THROWS = "the SDK itself throws"


def _all(words: str, says: str = WORKS, note: str = "") -> dict[str, Verdict]:
    return {name: Verdict(says, note) for name in words.split()}


_BROWSER = "in the browser alone"
_ROOMS = "in rooms; refused (`-32602`) in calls between two"
_OTHERS = "in rooms, for members who may moderate; refused (`-32602`) otherwise"
_NO_META = "always `{}`: participants have no metadata"
_NO_PLACE = "always undefined: nobody has a place in a picture that is not composed"
_OWN_MICROPHONE = "the SDK opens the microphone anew with it"

_PARTICIPANT = {
    **_all("addressId audioMuted autoGain deaf echoCancellation handraised id inputSensitivity inputVolume"),
    **_all("isTalking name noiseSuppression outputVolume type userId videoMuted visible"),
    **_all("nodeId", note="always `callwright`"),
    **_all("isAudience lowbitrate", note="always false: the platform has no such state"),
    **_all("denoise", note="always false; an API key denoises a leg by REST"),
    **_all("meta", note=_NO_META),
    **_all("position", note=_NO_PLACE),
    **_all("setPosition", REFUSED),
    **_all("setMeta updateMeta toggleLowbitrate", THROWS),
}

V4: dict[str, dict[str, Verdict]] = {
    "exports": {
        **_all("SignalWire StaticCredentialProvider EmbedTokenCredentialProvider embeddableCall"),
        **_all(
            "Address Participant SelfParticipant SelfCapabilities User WebRTCCall ClientPreferences",
            note="classes of what the client hands out, listed below",
        ),
        **_all(
            "isSelfParticipant ready version setLogger getLogger setLogLevel setDebugOptions", note=_BROWSER
        ),
        **_all("CallCreateError CollectionFetchError DPoPInitError DeviceTokenError InvalidCredentialsError"),
        **_all("MediaTrackError MessageParseError OverconstrainedFallbackError PreflightError RecoveryError"),
        **_all("TokenRefreshError UnexpectedError VertoPongError"),
    },
    "SignalWire": {
        **_all(
            "connect dial disconnect destroy destroyed$ directory errors$ isConnected ready$ session user"
        ),
        **_all("register isRegistered", note="refused (`-32602`) for guest, embed and invite tokens"),
        **_all("unregister preflight"),
        **_all("preferences", note="listed below"),
        **_all(
            "applySelectedAudioOutputDevice audioInputDevices audioInputDisabled audioOutputDevices",
            note=_BROWSER,
        ),
        **_all("clearDeviceState deviceInfoToConstraints deviceRecovered$ disableAudioInput", note=_BROWSER),
        **_all(
            "disableDeviceMonitoring disableVideoInput enableAudioInput enableDeviceMonitoring", note=_BROWSER
        ),
        **_all(
            "enableVideoInput enumerateDevices exportDiagnostics getDeviceCapabilities isValidDevice",
            note=_BROWSER,
        ),
        **_all(
            "platformCapabilities requestMediaPermissions resetToDefaults selectAudioInputDevice",
            note=_BROWSER,
        ),
        **_all("selectAudioOutputDevice selectVideoInputDevice selectedAudioInputDevice", note=_BROWSER),
        **_all(
            "selectedAudioInputDeviceConstraints selectedAudioOutputDevice selectedVideoInputDevice",
            note=_BROWSER,
        ),
        **_all(
            "selectedVideoInputDeviceConstraints setStorageManager videoInputDevices videoInputDisabled",
            note=_BROWSER,
        ),
    },
    "ClientSession": {
        **_all("authenticated calls iceServers incomingCalls signalingEvent$"),
        **_all(
            "execute", note="methods of calls, conversations and presence; any other is refused (`-32602`)"
        ),
    },
    "Directory": _all("addresses findAddressIdByURI get get$ hasMore$ loadMore loading"),
    "Address": {
        **_all("channels createdAt defaultChannel destroy destroyed$ displayName history id locked name"),
        **_all("resourceId sendText textMessage textMessages$ type"),
        **_all("coverUrl previewUrl", note="always null: addresses have no pictures"),
        **_all("activity", THROWS),
    },
    "User": {
        **_all(
            "addresses companyName country destroy destroyed$ displayName email fetched$ firstName fromPath"
        ),
        **_all("id jobTitle lastName region timeZone"),
        **_all("pushNotificationKey", note="always empty: the SDK has no push; `callwright.js` has"),
        **_all("appSettings satClaims", note="always undefined: the platform sends none"),
    },
    "ClientPreferences": {
        **_all(
            "preferredAudioCodecs preferredVideoCodecs receiveAudio receiveVideo relayHost relayOnly userVariables"
        ),
        **_all("iceServers", note="the platform's own servers are used; the SDK does not read this one"),
        **_all(
            """autoMuteVideoOnHidden checkConnectionOnVisible connectionTimeout defaultAudioConstraints
            defaultVideoConstraints degradationBitrateThreshold degradationRecoveryThreshold deviceDebounceTime
            devicePollingInterval disableUdpIceServers enableAutoDegradation enableNetworkChangeDetection
            enableRelayFallback enableSavePreferences enableServerHangupInterception iceCandidateTimeout
            iceDisconnectedGracePeriod iceGatheringTimeout iceRestartTimeout inputAudioConstraints
            inputVideoConstraints keyframeBurstWindow keyframeCooldown keyframeMaxBurst maxRecoveryAttempts
            persistDeviceSelection preferredAudioInput preferredAudioOutput preferredVideoInput
            reconnectCallsTimeout reconnectDelayMax reconnectDelayMin recoveryCooldown recoveryDebounceTime
            refreshDevicesOnVisible reinviteDebounceTime reinviteMaxAttempts reinviteTimeout
            statsBaselineSamples statsHistorySize statsJitterSpikeMultiplier statsNoPacketThreshold
            statsPacketLossThreshold statsPollingInterval statsRttSpikeMultiplier stereoAudio
            syncDevicesToActiveCalls""",
            note=_BROWSER,
        ),
    },
    "DialOptions": {
        **_all("audio preferredAudioCodecs receiveVideo userVariables video"),
        **_all("receiveAudio", note="a dial that sends neither sound nor picture fails in the SDK itself"),
        **_all("preferredVideoCodecs", note="VP8 and H.264; of any others the call goes on with these"),
        **_all(
            "inputAudioDeviceConstraints inputAudioStream inputVideoDeviceConstraints inputVideoStream",
            note=_BROWSER,
        ),
        **_all("stereo", note="is sent, and forwarded between two; rooms mix in mono"),
        **_all(
            "nodeId",
            note="a hint that the platform does not need: calls move between its workers by themselves",
        ),
    },
    "Call": {
        **_all("address answer capabilities direction errors$ execute executeMethod from fromName hangup id"),
        **_all(
            "localStream locked mediaDirections mediaParamsUpdated$ participants recording reject remoteStream"
        ),
        **_all("rtcPeerConnection self sendDigits signalingEvent$ streaming subscribe to toName"),
        **_all("toggleHold transfer userVariables"),
        **_all(
            "status",
            note="`connecting` again from a screen share on: the SDK takes its answer for the call's",
        ),
        **_all("layout layouts layoutLayers", note="`1x1`, in rooms; calls between two have none"),
        **_all("meta", note="what the room's metadata are"),
        **_all("raiseHandPriority", note="always false: raised hands do not change who speaks"),
        **_all("requestKeyframe", note="where the browser lets a page ask for one; Chromium does not"),
        **_all("toggleLock", note=_OTHERS),
        **_all(
            "setLayout", note="`1x1` in rooms; for any other the SDK itself throws, as it is not in `layouts`"
        ),
        **_all("requestIceRestart", note="in Chromium the SDK sends nothing where nothing has changed"),
        **_all(
            "bandwidthConstrained$ isNetworkHealthy networkIssues networkMetrics qualityLevel$ qualityScore$",
            note=_BROWSER,
        ),
        **_all("recoveryEvent$ recoveryState$", note=_BROWSER),
        **_all(
            "setMeta updateMeta startRecording startStreaming toggleIncomingAudio toggleIncomingVideo", THROWS
        ),
    },
    "Participant": {
        **_PARTICIPANT,
        **_all(
            "mute unmute toggleMute muteVideo unmuteVideo toggleMuteVideo toggleDeaf toggleHandraise",
            note=_OTHERS,
        ),
        **_all("toggleEchoCancellation toggleAudioInputAutoGain toggleNoiseSuppression", note=_OTHERS),
        **_all("setAudioInputSensitivity setAudioInputVolume setAudioOutputVolume remove end", note=_OTHERS),
    },
    "SelfParticipant": {
        **_PARTICIPANT,
        **_all(
            "mute unmute toggleMute muteVideo unmuteVideo toggleMuteVideo toggleDeaf toggleHandraise end remove"
        ),
        **_all(
            "toggleEchoCancellation toggleAudioInputAutoGain toggleNoiseSuppression", note=_OWN_MICROPHONE
        ),
        **_all("enableStudioAudio disableStudioAudio studioAudio", note=_OWN_MICROPHONE),
        **_all("setAudioInputSensitivity setAudioInputVolume setAudioOutputVolume", note=_ROOMS),
        **_all("startScreenShare", note="refused (`-32602`) where the other party receives no picture"),
        **_all("stopScreenShare screenShareStatus addAdditionalDevice removeAdditionalDevice"),
        **_all(
            "addAudioInputDevice addVideoInputDevice addInputDevices",
            note="in Chromium the SDK sends no offer for it",
        ),
        **_all("selectAudioInputDevice selectAudioOutputDevice selectVideoInputDevice", note=_BROWSER),
        **_all(
            "setAudioInputDeviceConstraints setInputDevicesConstraints setVideoInputDeviceConstraints",
            note=_BROWSER,
        ),
    },
    "SelfCapabilities": {
        **_all("destroy destroyed$ device end lock member screenshare self sendDigit setLayout state"),
        **_all("vmutedHide", note="always false: who sends no picture is not hidden"),
    },
}

_V3_ROOMS = "in rooms; elsewhere the SDK itself refuses (`CapabilityError`)"

V3: dict[str, dict[str, Verdict]] = {
    "exports": {
        **_all("SignalWire isFabricRoomSession"),
        **_all("Fabric", note="the same under another name"),
        **_all("WebRTC buildVideoElement LocalVideoOverlay UserOverlay", note=_BROWSER),
        **_all("Chat PubSub Video", "refused (`-32002`)", "they need tokens of SignalWire's other products"),
    },
    "SignalWire": {
        **_all("dial disconnect getSubscriberInfo offline online address.getAddress address.getAddresses"),
        **_all("updateToken", note="for a token of the same subscriber; another is refused (`-32002`)"),
        **_all("reattach", note="in the page that lost its socket, calls go on by themselves; a reloaded page dials anew"),
        **_all("registerDevice unregisterDevice", "refused (422 `not_supported`)"),
        **_all("handlePushNotification", THROWS, "the platform sends no such notification"),
        **_all("chat.getMessages chat.join chat.sendMessage chat.subscribe", THROWS),
        **_all("conversation.getConversationMessages conversation.getConversations", THROWS),
        **_all("conversation.getMessages conversation.join conversation.sendMessage conversation.subscribe", THROWS),
    },
    "DialParams": {
        **_all("audio negotiateAudio negotiateVideo to userVariables video"),
        **_all("applyLocalVideoOverlay applyMemberOverlay mirrorLocalVideoOverlay rootElement", note=_BROWSER),
        **_all("disableUdpIceServers stopCameraWhileMuted stopMicrophoneWhileMuted", note=_BROWSER),
        **_all("fromFabricAddressId", note="the caller is who the token says, whatever is named"),
        **_all("nodeId", note="a hint that the platform does not need: calls move between its workers by themselves"),
    },
    "FabricRoomSession": {
        **_all("active answer audioMute audioUnmute deaf destroy hangup hold id leave memberId off on once"),
        **_all("removeAllListeners roomId roomSessionId sendDigits setRaisedHand start undeaf unhold videoMute videoUnmute"),
        **_all("getMembers remoteStream"),
        **_all("setAudioFlags", note=_OWN_MICROPHONE),
        **_all("end", note="leaves the call; `memberId` of another as `removeMember`"),
        **_all("setAudioDirection setVideoDirection updateMedia", note="by a new offer, which the platform answers"),
        **_all("startScreenShare", note="as in version 4"),
        **_all("screenShareList"),
        **_all("removeMember lock unlock", note="in rooms, for members who may moderate, else the SDK itself refuses"),
        **_all("setInputVolume setOutputVolume", note="-50 (silence) to 0 (unchanged) in rooms; louder is refused (`-32602`)"),
        **_all("setInputSensitivity", note=_V3_ROOMS),
        **_all("getLayouts currentLayout currentLayoutEvent", note="`1x1` in rooms; refused (`-32602`) in calls between two"),
        **_all("setLayout", note="`1x1` in rooms; any other is refused (`-32602`)"),
        **_all("setPositions", THROWS, "`CapabilityError`: nobody has a place in a picture that is not composed"),
        **_all("currentPosition", note=_NO_PLACE),
        **_all("previewUrl", note="always undefined: calls have no preview"),
        **_all("cameraConstraints cameraId cameraLabel localAudioTrack localStream localVideoTrack", note=_BROWSER),
        **_all("microphoneConstraints microphoneId microphoneLabel setLocalStream withAudio withVideo", note=_BROWSER),
        **_all("updateCamera updateMicrophone updateSpeaker", note=_BROWSER),
        **_all("getMemberOverlay localVideoOverlay overlayMap", note="in the browser alone, with a `rootElement`"),
    },
}  # fmt: skip
VERDICTS = {"v4": V4, "v3": V3}
