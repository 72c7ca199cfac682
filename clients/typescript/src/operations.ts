/** Every operation by its resource. Made by `python -m clients.generate`: do not edit. */

import { pathOf, type Post, type Sender } from './request.js';
import type * as types from './types.js';

export class Alerts {
  constructor(private readonly sender: Sender) {}

  /** Create an alert: `POST /api/alerts`. */
  create(body: types.NewAlert, options: Post = {}): Promise<types.Alert> {
    return this.sender.send('POST', '/api/alerts', { body, ...options });
  }

  /** Delete an alert: `DELETE /api/alerts/{alert_id}`. */
  delete(alertId: string): Promise<void> {
    return this.sender.send('DELETE', pathOf('/api/alerts/{alert_id}', alertId), {  });
  }

  /** List alerts: `GET /api/alerts`. */
  list(query: { page_size?: number; page_token?: string } = {}): Promise<types.Alerts> {
    return this.sender.send('GET', '/api/alerts', { query });
  }

}

export class Calls {
  constructor(private readonly sender: Sender) {}

  /** Answer a ringing leg with an SDP or a script: `POST /api/calls/{call_id}/answer`. */
  answer(callId: string, body?: types.Answer, options: Post = {}): Promise<types.Call> {
    return this.sender.send('POST', pathOf('/api/calls/{call_id}/answer', callId), { body, ...options });
  }

  /** Collect digits or words from a leg: `POST /api/calls/{call_id}/collect`. */
  collect(callId: string, body?: types.Collect, options: Post = {}): Promise<types.Operation> {
    return this.sender.send('POST', pathOf('/api/calls/{call_id}/collect', callId), { body, ...options });
  }

  /** Consult a third party before a transfer (attended transfer): `POST /api/calls/{call_id}/consult`. */
  consult(callId: string, body: types.Consult, options: Post = {}): Promise<types.Call> {
    return this.sender.send('POST', pathOf('/api/calls/{call_id}/consult', callId), { body, ...options });
  }

  /** Delete an ended call with its events, statistics and recordings: `DELETE /api/calls/{call_id}`. */
  delete(callId: string): Promise<void> {
    return this.sender.send('DELETE', pathOf('/api/calls/{call_id}', callId), {  });
  }

  /** Remove background noise from the sound of a leg: `POST /api/calls/{call_id}/denoise`. */
  denoise(callId: string, body?: types.Denoise, options: Post = {}): Promise<types.Operation> {
    return this.sender.send('POST', pathOf('/api/calls/{call_id}/denoise', callId), { body, ...options });
  }

  /** Detect whether a person, a machine or a fax answered: `POST /api/calls/{call_id}/detect`. */
  detect(callId: string, body?: types.Detect, options: Post = {}): Promise<types.Operation> {
    return this.sender.send('POST', pathOf('/api/calls/{call_id}/detect', callId), { body, ...options });
  }

  /** Dial: `POST /api/calls`. */
  dial(body: types.Dial, options: Post = {}): Promise<types.Call> {
    return this.sender.send('POST', '/api/calls', { body, ...options });
  }

  /** Send digits to the other party: `POST /api/calls/{call_id}/dtmf`. */
  dtmf(callId: string, body: types.Digits, options: Post = {}): Promise<types.Call> {
    return this.sender.send('POST', pathOf('/api/calls/{call_id}/dtmf', callId), { body, ...options });
  }

  /** List the events of a call: `GET /api/calls/{call_id}/events`. */
  events(callId: string, query: { after?: number; page_size?: number } = {}): Promise<types.Events> {
    return this.sender.send('GET', pathOf('/api/calls/{call_id}/events', callId), { query });
  }

  /** One call: `GET /api/calls/{call_id}`. */
  get(callId: string): Promise<types.Call> {
    return this.sender.send('GET', pathOf('/api/calls/{call_id}', callId), {  });
  }

  /** Hang up a leg, or the call: `POST /api/calls/{call_id}/hangup`. */
  hangup(callId: string, body?: types.OfLeg, options: Post = {}): Promise<types.Call> {
    return this.sender.send('POST', pathOf('/api/calls/{call_id}/hangup', callId), { body, ...options });
  }

  /** Hold a call; the other party hears music: `POST /api/calls/{call_id}/hold`. */
  hold(callId: string, body?: types.OfLeg, options: Post = {}): Promise<types.Call> {
    return this.sender.send('POST', pathOf('/api/calls/{call_id}/hold', callId), { body, ...options });
  }

  /** Read a leg; a supervisor's leg includes its SDP answer: `GET /api/calls/{call_id}/legs/{leg_id}`. */
  leg(callId: string, legId: string): Promise<types.Leg> {
    return this.sender.send('GET', pathOf('/api/calls/{call_id}/legs/{leg_id}', callId, legId), {  });
  }

  /** Change what a supervisor does: listen, whisper or barge: `PATCH /api/calls/{call_id}/legs/{leg_id}`. */
  legChange(callId: string, legId: string, body?: types.PatchedSupervise): Promise<types.Leg> {
    return this.sender.send('PATCH', pathOf('/api/calls/{call_id}/legs/{leg_id}', callId, legId), { body });
  }

  /** Calls, newest first: `GET /api/calls`. */
  list(query: { created_after?: string; created_before?: string; end_reason?: string; from?: string; kind?: string; page_size?: number; page_token?: string; state?: string; to?: string } = {}): Promise<types.Calls> {
    return this.sender.send('GET', '/api/calls', { query });
  }

  /** Let a supervisor listen to a call, whisper to one party, or barge in: `POST /api/calls/{call_id}/listen`. */
  listen(callId: string, body?: types.Listen, options: Post = {}): Promise<types.Leg> {
    return this.sender.send('POST', pathOf('/api/calls/{call_id}/listen', callId), { body, ...options });
  }

  /** Mute a leg: `POST /api/calls/{call_id}/mute`. */
  mute(callId: string, body?: types.Channels, options: Post = {}): Promise<types.Call> {
    return this.sender.send('POST', pathOf('/api/calls/{call_id}/mute', callId), { body, ...options });
  }

  /** Stop, pause or resume an operation, or change its volume: `POST /api/calls/{call_id}/{verb}/{control_id}/{wish}`. */
  operationControl(callId: string, verb: string, controlId: string, wish: string, body?: types.Wish, options: Post = {}): Promise<types.Operation> {
    return this.sender.send('POST', pathOf('/api/calls/{call_id}/{verb}/{control_id}/{wish}', callId, verb, controlId, wish), { body, ...options });
  }

  /** Play files, speech, silence or a ringing tone to a leg: `POST /api/calls/{call_id}/play`. */
  play(callId: string, body?: types.Play, options: Post = {}): Promise<types.Operation> {
    return this.sender.send('POST', pathOf('/api/calls/{call_id}/play', callId), { body, ...options });
  }

  /** Record a leg, or the whole call: `POST /api/calls/{call_id}/record`. */
  record(callId: string, body?: types.Record, options: Post = {}): Promise<types.Operation> {
    return this.sender.send('POST', pathOf('/api/calls/{call_id}/record', callId), { body, ...options });
  }

  /** Reject a ringing leg: `POST /api/calls/{call_id}/reject`. */
  reject(callId: string, body?: types.Reject, options: Post = {}): Promise<types.Call> {
    return this.sender.send('POST', pathOf('/api/calls/{call_id}/reject', callId), { body, ...options });
  }

  /** Let a program talk with a leg by text (conversation relay): `POST /api/calls/{call_id}/relay`. */
  relay(callId: string, body: types.Relay, options: Post = {}): Promise<types.Operation> {
    return this.sender.send('POST', pathOf('/api/calls/{call_id}/relay', callId), { body, ...options });
  }

  /** Resume a held call: `POST /api/calls/{call_id}/resume`. */
  resume(callId: string, body?: types.OfLeg, options: Post = {}): Promise<types.Call> {
    return this.sender.send('POST', pathOf('/api/calls/{call_id}/resume', callId), { body, ...options });
  }

  /** Speak a text to a leg: `POST /api/calls/{call_id}/say`. */
  say(callId: string, body: types.Say, options: Post = {}): Promise<types.Operation> {
    return this.sender.send('POST', pathOf('/api/calls/{call_id}/say', callId), { body, ...options });
  }

  /** Quality of a call per leg, over time: `GET /api/calls/{call_id}/stats`. */
  stats(callId: string): Promise<types.Stats> {
    return this.sender.send('GET', pathOf('/api/calls/{call_id}/stats', callId), {  });
  }

  /** Stream the audio of a leg to a WebSocket: `POST /api/calls/{call_id}/stream`. */
  stream(callId: string, body: types.Stream, options: Post = {}): Promise<types.Operation> {
    return this.sender.send('POST', pathOf('/api/calls/{call_id}/stream', callId), { body, ...options });
  }

  /** Transcribe a leg, or the whole call: `POST /api/calls/{call_id}/transcribe`. */
  transcribe(callId: string, body?: types.Transcribe, options: Post = {}): Promise<types.Operation> {
    return this.sender.send('POST', pathOf('/api/calls/{call_id}/transcribe', callId), { body, ...options });
  }

  /** Transfer the other party to a destination (blind transfer): `POST /api/calls/{call_id}/transfer`. */
  transfer(callId: string, body: types.Transfer, options: Post = {}): Promise<types.Call> {
    return this.sender.send('POST', pathOf('/api/calls/{call_id}/transfer', callId), { body, ...options });
  }

  /** Cancel an attended transfer: `POST /api/calls/{call_id}/transfer/cancel`. */
  transferCancel(callId: string, body?: types.OfLeg, options: Post = {}): Promise<types.Call> {
    return this.sender.send('POST', pathOf('/api/calls/{call_id}/transfer/cancel', callId), { body, ...options });
  }

  /** Complete an attended transfer: `POST /api/calls/{call_id}/transfer/complete`. */
  transferComplete(callId: string, body?: types.OfLeg, options: Post = {}): Promise<types.Call> {
    return this.sender.send('POST', pathOf('/api/calls/{call_id}/transfer/complete', callId), { body, ...options });
  }

  /** Unmute a leg: `POST /api/calls/{call_id}/unmute`. */
  unmute(callId: string, body?: types.Channels, options: Post = {}): Promise<types.Call> {
    return this.sender.send('POST', pathOf('/api/calls/{call_id}/unmute', callId), { body, ...options });
  }

}

export class Directory {
  constructor(private readonly sender: Sender) {}

  /** Route a phone number to a resource: `POST /api/fabric/resources/{id}/phone_routes`. */
  assignPhoneRoute(id: string, body: types.RouteFields, options: Post = {}): Promise<types.Address> {
    return this.sender.send('POST', pathOf('/api/fabric/resources/{id}/phone_routes', id), { body, ...options });
  }

  /** Change a conference room: `PATCH /api/fabric/resources/conference_rooms/{id}`. */
  changeConferenceRoom(id: string, body?: types.PatchedRoomFields): Promise<types.ConferenceRoom> {
    return this.sender.send('PATCH', pathOf('/api/fabric/resources/conference_rooms/{id}', id), { body });
  }

  /** Change a phone number: `PATCH /api/phone_numbers/{id}`. */
  changePhoneNumber(id: string, body?: types.PatchedNumberFields): Promise<types.PhoneNumber> {
    return this.sender.send('PATCH', pathOf('/api/phone_numbers/{id}', id), { body });
  }

  /** Change a SIP endpoint: `PATCH /api/fabric/resources/sip_endpoints/{id}`. */
  changeSipEndpoint(id: string, body?: types.PatchedEndpointFields): Promise<types.SipEndpoint> {
    return this.sender.send('PATCH', pathOf('/api/fabric/resources/sip_endpoints/{id}', id), { body });
  }

  /** Change a SIP gateway: `PATCH /api/fabric/resources/sip_gateways/{id}`. */
  changeSipGateway(id: string, body?: types.PatchedGatewayFields): Promise<types.SipGateway> {
    return this.sender.send('PATCH', pathOf('/api/fabric/resources/sip_gateways/{id}', id), { body });
  }

  /** Change a subscriber: `PATCH /api/fabric/resources/subscribers/{id}`. */
  changeSubscriber(id: string, body?: types.PatchedSubscriberFields): Promise<types.Subscriber> {
    return this.sender.send('PATCH', pathOf('/api/fabric/resources/subscribers/{id}', id), { body });
  }

  /** Change a subscriber's SIP endpoint: `PATCH /api/fabric/resources/subscribers/{id}/sip_endpoints/{endpoint_id}`. */
  changeSubscriberSipEndpoint(id: string, endpointId: string, body?: types.PatchedEndpointFields): Promise<types.SubscriberSipEndpoint> {
    return this.sender.send('PATCH', pathOf('/api/fabric/resources/subscribers/{id}/sip_endpoints/{endpoint_id}', id, endpointId), { body });
  }

  /** Change a SWML script: `PATCH /api/fabric/resources/swml_scripts/{id}`. */
  changeSwmlScript(id: string, body?: types.PatchedScriptFields): Promise<types.SwmlScript> {
    return this.sender.send('PATCH', pathOf('/api/fabric/resources/swml_scripts/{id}', id), { body });
  }

  /** Create a conference room: `POST /api/fabric/resources/conference_rooms`. */
  createConferenceRoom(body: types.RoomFields, options: Post = {}): Promise<types.ConferenceRoom> {
    return this.sender.send('POST', '/api/fabric/resources/conference_rooms', { body, ...options });
  }

  /** Create a phone number: `POST /api/phone_numbers`. */
  createPhoneNumber(body: types.NumberFields, options: Post = {}): Promise<types.PhoneNumber> {
    return this.sender.send('POST', '/api/phone_numbers', { body, ...options });
  }

  /** Create a SIP endpoint: `POST /api/fabric/resources/sip_endpoints`. */
  createSipEndpoint(body: types.EndpointFields, options: Post = {}): Promise<types.SipEndpoint> {
    return this.sender.send('POST', '/api/fabric/resources/sip_endpoints', { body, ...options });
  }

  /** Create a SIP gateway: `POST /api/fabric/resources/sip_gateways`. */
  createSipGateway(body: types.GatewayFields, options: Post = {}): Promise<types.SipGateway> {
    return this.sender.send('POST', '/api/fabric/resources/sip_gateways', { body, ...options });
  }

  /** Create a subscriber: `POST /api/fabric/resources/subscribers`. */
  createSubscriber(body?: types.SubscriberFields, options: Post = {}): Promise<types.Subscriber> {
    return this.sender.send('POST', '/api/fabric/resources/subscribers', { body, ...options });
  }

  /** Create a subscriber's SIP endpoint: `POST /api/fabric/resources/subscribers/{id}/sip_endpoints`. */
  createSubscriberSipEndpoint(id: string, body: types.EndpointFields, options: Post = {}): Promise<types.SubscriberSipEndpoint> {
    return this.sender.send('POST', pathOf('/api/fabric/resources/subscribers/{id}/sip_endpoints', id), { body, ...options });
  }

  /** Create a SWML script: `POST /api/fabric/resources/swml_scripts`. */
  createSwmlScript(body: types.ScriptFields, options: Post = {}): Promise<types.SwmlScript> {
    return this.sender.send('POST', '/api/fabric/resources/swml_scripts', { body, ...options });
  }

  /** Delete a conference room: `DELETE /api/fabric/resources/conference_rooms/{id}`. */
  deleteConferenceRoom(id: string): Promise<void> {
    return this.sender.send('DELETE', pathOf('/api/fabric/resources/conference_rooms/{id}', id), {  });
  }

  /** Delete a phone number: `DELETE /api/phone_numbers/{id}`. */
  deletePhoneNumber(id: string): Promise<void> {
    return this.sender.send('DELETE', pathOf('/api/phone_numbers/{id}', id), {  });
  }

  /** Delete a resource: `DELETE /api/fabric/resources/{id}`. */
  deleteResource(id: string): Promise<void> {
    return this.sender.send('DELETE', pathOf('/api/fabric/resources/{id}', id), {  });
  }

  /** Delete a SIP endpoint: `DELETE /api/fabric/resources/sip_endpoints/{id}`. */
  deleteSipEndpoint(id: string): Promise<void> {
    return this.sender.send('DELETE', pathOf('/api/fabric/resources/sip_endpoints/{id}', id), {  });
  }

  /** Delete a SIP gateway: `DELETE /api/fabric/resources/sip_gateways/{id}`. */
  deleteSipGateway(id: string): Promise<void> {
    return this.sender.send('DELETE', pathOf('/api/fabric/resources/sip_gateways/{id}', id), {  });
  }

  /** Delete a subscriber: `DELETE /api/fabric/resources/subscribers/{id}`. */
  deleteSubscriber(id: string): Promise<void> {
    return this.sender.send('DELETE', pathOf('/api/fabric/resources/subscribers/{id}', id), {  });
  }

  /** Delete a subscriber's SIP endpoint: `DELETE /api/fabric/resources/subscribers/{id}/sip_endpoints/{endpoint_id}`. */
  deleteSubscriberSipEndpoint(id: string, endpointId: string): Promise<void> {
    return this.sender.send('DELETE', pathOf('/api/fabric/resources/subscribers/{id}/sip_endpoints/{endpoint_id}', id, endpointId), {  });
  }

  /** Delete a SWML script: `DELETE /api/fabric/resources/swml_scripts/{id}`. */
  deleteSwmlScript(id: string): Promise<void> {
    return this.sender.send('DELETE', pathOf('/api/fabric/resources/swml_scripts/{id}', id), {  });
  }

  /** Erase a subscriber and all its calls, with events and recordings: `POST /api/fabric/resources/subscribers/{id}/erase`. */
  eraseSubscriber(id: string, options: Post = {}): Promise<types.Erasure> {
    return this.sender.send('POST', pathOf('/api/fabric/resources/subscribers/{id}/erase', id), { ...options });
  }

  /** Read an address: `GET /api/fabric/addresses/{id}`. */
  getAddress(id: string): Promise<types.Address> {
    return this.sender.send('GET', pathOf('/api/fabric/addresses/{id}', id), {  });
  }

  /** Read a conference room: `GET /api/fabric/resources/conference_rooms/{id}`. */
  getConferenceRoom(id: string): Promise<types.ConferenceRoom> {
    return this.sender.send('GET', pathOf('/api/fabric/resources/conference_rooms/{id}', id), {  });
  }

  /** Read a phone number: `GET /api/phone_numbers/{id}`. */
  getPhoneNumber(id: string): Promise<types.PhoneNumber> {
    return this.sender.send('GET', pathOf('/api/phone_numbers/{id}', id), {  });
  }

  /** Read a resource: `GET /api/fabric/resources/{id}`. */
  getResource(id: string): Promise<types.Resource> {
    return this.sender.send('GET', pathOf('/api/fabric/resources/{id}', id), {  });
  }

  /** Read a SIP endpoint: `GET /api/fabric/resources/sip_endpoints/{id}`. */
  getSipEndpoint(id: string): Promise<types.SipEndpoint> {
    return this.sender.send('GET', pathOf('/api/fabric/resources/sip_endpoints/{id}', id), {  });
  }

  /** Read a SIP gateway: `GET /api/fabric/resources/sip_gateways/{id}`. */
  getSipGateway(id: string): Promise<types.SipGateway> {
    return this.sender.send('GET', pathOf('/api/fabric/resources/sip_gateways/{id}', id), {  });
  }

  /** Read a subscriber: `GET /api/fabric/resources/subscribers/{id}`. */
  getSubscriber(id: string): Promise<types.Subscriber> {
    return this.sender.send('GET', pathOf('/api/fabric/resources/subscribers/{id}', id), {  });
  }

  /** Read a subscriber's SIP endpoint: `GET /api/fabric/resources/subscribers/{id}/sip_endpoints/{endpoint_id}`. */
  getSubscriberSipEndpoint(id: string, endpointId: string): Promise<types.SubscriberSipEndpoint> {
    return this.sender.send('GET', pathOf('/api/fabric/resources/subscribers/{id}/sip_endpoints/{endpoint_id}', id, endpointId), {  });
  }

  /** Read a SWML script: `GET /api/fabric/resources/swml_scripts/{id}`. */
  getSwmlScript(id: string): Promise<types.SwmlScript> {
    return this.sender.send('GET', pathOf('/api/fabric/resources/swml_scripts/{id}', id), {  });
  }

  /** List addresses: `GET /api/fabric/addresses`. */
  listAddresses(): Promise<types.Addresses> {
    return this.sender.send('GET', '/api/fabric/addresses', {  });
  }

  /** List conference rooms: `GET /api/fabric/resources/conference_rooms`. */
  listConferenceRoom(query: { name?: string; page_size?: number; page_token?: string } = {}): Promise<types.ConferenceRooms> {
    return this.sender.send('GET', '/api/fabric/resources/conference_rooms', { query });
  }

  /** The addresses of a conference room: `GET /api/fabric/resources/conference_rooms/{id}/addresses`. */
  listConferenceRoomAddresses(id: string, query: { page_size?: number; page_token?: string } = {}): Promise<types.Addresses> {
    return this.sender.send('GET', pathOf('/api/fabric/resources/conference_rooms/{id}/addresses', id), { query });
  }

  /** List phone numbers: `GET /api/phone_numbers`. */
  listPhoneNumber(query: { number?: string; page_size?: number; page_token?: string } = {}): Promise<types.PhoneNumbers> {
    return this.sender.send('GET', '/api/phone_numbers', { query });
  }

  /** The addresses of a phone number: `GET /api/phone_numbers/{id}/addresses`. */
  listPhoneNumberAddresses(id: string, query: { page_size?: number; page_token?: string } = {}): Promise<types.Addresses> {
    return this.sender.send('GET', pathOf('/api/phone_numbers/{id}/addresses', id), { query });
  }

  /** The addresses of a resource: `GET /api/fabric/resources/{id}/addresses`. */
  listResourceAddresses(id: string): Promise<types.Addresses> {
    return this.sender.send('GET', pathOf('/api/fabric/resources/{id}/addresses', id), {  });
  }

  /** List resources of every kind: `GET /api/fabric/resources`. */
  listResources(): Promise<types.Resources> {
    return this.sender.send('GET', '/api/fabric/resources', {  });
  }

  /** List SIP endpoints: `GET /api/fabric/resources/sip_endpoints`. */
  listSipEndpoint(query: { page_size?: number; page_token?: string; username?: string } = {}): Promise<types.SipEndpoints> {
    return this.sender.send('GET', '/api/fabric/resources/sip_endpoints', { query });
  }

  /** The addresses of a SIP endpoint: `GET /api/fabric/resources/sip_endpoints/{id}/addresses`. */
  listSipEndpointAddresses(id: string, query: { page_size?: number; page_token?: string } = {}): Promise<types.Addresses> {
    return this.sender.send('GET', pathOf('/api/fabric/resources/sip_endpoints/{id}/addresses', id), { query });
  }

  /** List SIP gateways: `GET /api/fabric/resources/sip_gateways`. */
  listSipGateway(query: { name?: string; page_size?: number; page_token?: string } = {}): Promise<types.SipGateways> {
    return this.sender.send('GET', '/api/fabric/resources/sip_gateways', { query });
  }

  /** The addresses of a SIP gateway: `GET /api/fabric/resources/sip_gateways/{id}/addresses`. */
  listSipGatewayAddresses(id: string, query: { page_size?: number; page_token?: string } = {}): Promise<types.Addresses> {
    return this.sender.send('GET', pathOf('/api/fabric/resources/sip_gateways/{id}/addresses', id), { query });
  }

  /** List subscribers: `GET /api/fabric/resources/subscribers`. */
  listSubscriber(query: { email?: string; extension?: string; page_size?: number; page_token?: string; reference?: string } = {}): Promise<types.Subscribers> {
    return this.sender.send('GET', '/api/fabric/resources/subscribers', { query });
  }

  /** The addresses of a subscriber: `GET /api/fabric/resources/subscribers/{id}/addresses`. */
  listSubscriberAddresses(id: string, query: { page_size?: number; page_token?: string } = {}): Promise<types.Addresses> {
    return this.sender.send('GET', pathOf('/api/fabric/resources/subscribers/{id}/addresses', id), { query });
  }

  /** List a subscriber's SIP endpoints: `GET /api/fabric/resources/subscribers/{id}/sip_endpoints`. */
  listSubscriberSipEndpoints(id: string): Promise<types.SubscriberSipEndpoints> {
    return this.sender.send('GET', pathOf('/api/fabric/resources/subscribers/{id}/sip_endpoints', id), {  });
  }

  /** List SWML scripts: `GET /api/fabric/resources/swml_scripts`. */
  listSwmlScript(query: { name?: string; page_size?: number; page_token?: string } = {}): Promise<types.SwmlScripts> {
    return this.sender.send('GET', '/api/fabric/resources/swml_scripts', { query });
  }

  /** The addresses of a SWML script: `GET /api/fabric/resources/swml_scripts/{id}/addresses`. */
  listSwmlScriptAddresses(id: string, query: { page_size?: number; page_token?: string } = {}): Promise<types.Addresses> {
    return this.sender.send('GET', pathOf('/api/fabric/resources/swml_scripts/{id}/addresses', id), { query });
  }

  /** Change a conference room: `PUT /api/fabric/resources/conference_rooms/{id}`. */
  replaceConferenceRoom(id: string, body?: types.PatchedRoomFields): Promise<types.ConferenceRoom> {
    return this.sender.send('PUT', pathOf('/api/fabric/resources/conference_rooms/{id}', id), { body });
  }

  /** Change a phone number: `PUT /api/phone_numbers/{id}`. */
  replacePhoneNumber(id: string, body?: types.PatchedNumberFields): Promise<types.PhoneNumber> {
    return this.sender.send('PUT', pathOf('/api/phone_numbers/{id}', id), { body });
  }

  /** Change a SIP endpoint: `PUT /api/fabric/resources/sip_endpoints/{id}`. */
  replaceSipEndpoint(id: string, body?: types.PatchedEndpointFields): Promise<types.SipEndpoint> {
    return this.sender.send('PUT', pathOf('/api/fabric/resources/sip_endpoints/{id}', id), { body });
  }

  /** Change a SIP gateway: `PUT /api/fabric/resources/sip_gateways/{id}`. */
  replaceSipGateway(id: string, body?: types.PatchedGatewayFields): Promise<types.SipGateway> {
    return this.sender.send('PUT', pathOf('/api/fabric/resources/sip_gateways/{id}', id), { body });
  }

  /** Change a subscriber: `PUT /api/fabric/resources/subscribers/{id}`. */
  replaceSubscriber(id: string, body?: types.PatchedSubscriberFields): Promise<types.Subscriber> {
    return this.sender.send('PUT', pathOf('/api/fabric/resources/subscribers/{id}', id), { body });
  }

  /** Change a subscriber's SIP endpoint: `PUT /api/fabric/resources/subscribers/{id}/sip_endpoints/{endpoint_id}`. */
  replaceSubscriberSipEndpoint(id: string, endpointId: string, body?: types.PatchedEndpointFields): Promise<types.SubscriberSipEndpoint> {
    return this.sender.send('PUT', pathOf('/api/fabric/resources/subscribers/{id}/sip_endpoints/{endpoint_id}', id, endpointId), { body });
  }

  /** Change a SWML script: `PUT /api/fabric/resources/swml_scripts/{id}`. */
  replaceSwmlScript(id: string, body?: types.PatchedScriptFields): Promise<types.SwmlScript> {
    return this.sender.send('PUT', pathOf('/api/fabric/resources/swml_scripts/{id}', id), { body });
  }

  /** Read the subscriber of the token: `GET /api/fabric/subscriber/info`. */
  subscriberInfo(): Promise<types.SubscriberInfo> {
    return this.sender.send('GET', '/api/fabric/subscriber/info', {  });
  }

}

export class Events {
  constructor(private readonly sender: Sender) {}

  /** The project's events after a cursor, oldest first: `GET /api/events`. */
  list(query: { after?: string; page_size?: number; types?: string } = {}): Promise<types.Log> {
    return this.sender.send('GET', '/api/events', { query });
  }

}

export class History {
  constructor(private readonly sender: Sender) {}

  /** The holder's own calls, newest first: `GET /api/history`. */
  list(query: { direction?: string; missed?: string; page_size?: number; page_token?: string } = {}): Promise<types.History> {
    return this.sender.send('GET', '/api/history', { query });
  }

  /** Mark missed calls as seen: `POST /api/history/seen`. */
  seen(options: Post = {}): Promise<types.HistorySeen> {
    return this.sender.send('POST', '/api/history/seen', { ...options });
  }

}

export class Keys {
  constructor(private readonly sender: Sender) {}

  /** Create an API key, shown only once: `POST /api/keys`. */
  create(body: types.KeyFields, options: Post = {}): Promise<types.NewKey> {
    return this.sender.send('POST', '/api/keys', { body, ...options });
  }

  /** Revoke an API key: refused everywhere within 2 s: `DELETE /api/keys/{key_id}`. */
  delete(keyId: string): Promise<void> {
    return this.sender.send('DELETE', pathOf('/api/keys/{key_id}', keyId), {  });
  }

  /** The project's API keys: `GET /api/keys`. */
  list(): Promise<types.Keys> {
    return this.sender.send('GET', '/api/keys', {  });
  }

}

export class PhoneCalls {
  constructor(private readonly sender: Sender) {}

  /** The project's balance and limits for phone calls: `GET /api/balance`. */
  balance(): Promise<types.Balance> {
    return this.sender.send('GET', '/api/balance', {  });
  }

}

export class Push {
  constructor(private readonly sender: Sender) {}

  /** Read the public key for Web Push: `GET /api/push/key`. */
  key(): Promise<types.PushKey> {
    return this.sender.send('GET', '/api/push/key', {  });
  }

  /** Subscribe a browser to push messages about calls: `PUT /api/push/subscription`. */
  subscribe(body: types.NewPushSubscription): Promise<types.PushSubscription> {
    return this.sender.send('PUT', '/api/push/subscription', { body });
  }

  /** Delete the push subscription of a browser, or all of them: `DELETE /api/push/subscription`. */
  unsubscribe(): Promise<void> {
    return this.sender.send('DELETE', '/api/push/subscription', {  });
  }

}

export class Recordings {
  constructor(private readonly sender: Sender) {}

  /** Delete a recording and its file: `DELETE /api/recordings/{recording_id}`. */
  delete(recordingId: string): Promise<void> {
    return this.sender.send('DELETE', pathOf('/api/recordings/{recording_id}', recordingId), {  });
  }

  /** Download a recording: `GET /api/recordings/{recording_id}/download`. */
  download(recordingId: string, query: { signature?: string } = {}): Promise<Uint8Array> {
    return this.sender.fetch('GET', pathOf('/api/recordings/{recording_id}/download', recordingId), { query });
  }

  /** One recording, with a link to download it: `GET /api/recordings/{recording_id}`. */
  get(recordingId: string): Promise<types.Recording> {
    return this.sender.send('GET', pathOf('/api/recordings/{recording_id}', recordingId), {  });
  }

  /** Recordings, newest first: `GET /api/recordings`. */
  list(query: { call_id?: string; page_size?: number; page_token?: string } = {}): Promise<types.Recordings> {
    return this.sender.send('GET', '/api/recordings', { query });
  }

  /** Transcribe a recording: `POST /api/recordings/{recording_id}/transcribe`. */
  transcribe(recordingId: string, body?: types.TranscribeRecording, options: Post = {}): Promise<types.Recording> {
    return this.sender.send('POST', pathOf('/api/recordings/{recording_id}/transcribe', recordingId), { body, ...options });
  }

}

export class Rooms {
  constructor(private readonly sender: Sender) {}

  /** Read a room and its members: `GET /api/rooms/{name}`. */
  get(name: string): Promise<types.RoomState> {
    return this.sender.send('GET', pathOf('/api/rooms/{name}', name), {  });
  }

  /** Mute, unmute, deafen, undeafen or remove a member, or change its volume: `POST /api/rooms/{name}/members/{leg_id}/{verb}`. */
  memberVerb(name: string, legId: string, verb: string, body?: types.MemberVerb, options: Post = {}): Promise<types.RoomState> {
    return this.sender.send('POST', pathOf('/api/rooms/{name}/members/{leg_id}/{verb}', name, legId, verb), { body, ...options });
  }

  /** Lock, unlock or end a room, or play, speak or record in it: `POST /api/rooms/{name}/{verb}`. */
  verb(name: string, verb: string, body?: types.RoomVerb, options: Post = {}): Promise<types.RoomAnswer> {
    return this.sender.send('POST', pathOf('/api/rooms/{name}/{verb}', name, verb), { body, ...options });
  }

}

export class Tokens {
  constructor(private readonly sender: Sender) {}

  /** Create an embed token: `POST /api/fabric/embeds`. */
  createEmbed(body?: types.EmbedFields, options: Post = {}): Promise<types.Embed> {
    return this.sender.send('POST', '/api/fabric/embeds', { body, ...options });
  }

  /** Create a guest token: `POST /api/fabric/guests/tokens`. */
  createGuestToken(body: types.GuestFields, options: Post = {}): Promise<types.TokenPair> {
    return this.sender.send('POST', '/api/fabric/guests/tokens', { body, ...options });
  }

  /** Create an invite token for one address: `POST /api/fabric/subscriber/invites`. */
  createInvite(body: types.InviteFields, options: Post = {}): Promise<types.Token> {
    return this.sender.send('POST', '/api/fabric/subscriber/invites', { body, ...options });
  }

  /** Create a subscriber token: `POST /api/fabric/subscribers/tokens`. */
  createSubscriberToken(body: types.TokenFields, options: Post = {}): Promise<types.SubscriberToken> {
    return this.sender.send('POST', '/api/fabric/subscribers/tokens', { body, ...options });
  }

  /** Delete an embed token: `DELETE /api/fabric/embeds/{id}`. */
  deleteEmbed(id: string): Promise<void> {
    return this.sender.send('DELETE', pathOf('/api/fabric/embeds/{id}', id), {  });
  }

  /** Read an embed token: `GET /api/fabric/embeds/{id}`. */
  getEmbed(id: string): Promise<types.Embed> {
    return this.sender.send('GET', pathOf('/api/fabric/embeds/{id}', id), {  });
  }

  /** List embed tokens: `GET /api/fabric/embeds`. */
  listEmbeds(): Promise<types.Embeds> {
    return this.sender.send('GET', '/api/fabric/embeds', {  });
  }

  /** Refresh a token: `POST /api/fabric/subscribers/tokens/refresh`. */
  refreshToken(body: types.RefreshFields, options: Post = {}): Promise<types.TokenPair> {
    return this.sender.send('POST', '/api/fabric/subscribers/tokens/refresh', { body, ...options });
  }

  /** Revoke tokens: `POST /api/tokens/revoke`. */
  revokeToken(body?: types.RevokeFields, options: Post = {}): Promise<types.Revoked> {
    return this.sender.send('POST', '/api/tokens/revoke', { body, ...options });
  }

  /** Exchange an embed token for a guest token: `POST /api/fabric/embeds/tokens`. */
  tradeEmbedToken(body: types.TradeFields, options: Post = {}): Promise<types.Token> {
    return this.sender.send('POST', '/api/fabric/embeds/tokens', { body, ...options });
  }

}

export class Webhooks {
  constructor(private readonly sender: Sender) {}

  /** Change an endpoint: `PATCH /api/webhooks/{webhook_id}`. */
  change(webhookId: string, body?: types.PatchedWebhookChange): Promise<types.Webhook> {
    return this.sender.send('PATCH', pathOf('/api/webhooks/{webhook_id}', webhookId), { body });
  }

  /** Add an endpoint: `POST /api/webhooks`. */
  create(body: types.NewWebhook, options: Post = {}): Promise<types.WebhookWithSecret> {
    return this.sender.send('POST', '/api/webhooks', { body, ...options });
  }

  /** Remove an endpoint: `DELETE /api/webhooks/{webhook_id}`. */
  delete(webhookId: string): Promise<void> {
    return this.sender.send('DELETE', pathOf('/api/webhooks/{webhook_id}', webhookId), {  });
  }

  /** List deliveries: `GET /api/webhooks/{webhook_id}/deliveries`. */
  deliveries(webhookId: string): Promise<types.Deliveries> {
    return this.sender.send('GET', pathOf('/api/webhooks/{webhook_id}/deliveries', webhookId), {  });
  }

  /** One endpoint: `GET /api/webhooks/{webhook_id}`. */
  get(webhookId: string): Promise<types.Webhook> {
    return this.sender.send('GET', pathOf('/api/webhooks/{webhook_id}', webhookId), {  });
  }

  /** Webhook endpoints: `GET /api/webhooks`. */
  list(): Promise<types.Webhooks> {
    return this.sender.send('GET', '/api/webhooks', {  });
  }

  /** Replay the events after a cursor or a time: `POST /api/webhooks/{webhook_id}/replay`. */
  replay(webhookId: string, body?: types.Replay, options: Post = {}): Promise<types.Replayed> {
    return this.sender.send('POST', pathOf('/api/webhooks/{webhook_id}/replay', webhookId), { body, ...options });
  }

  /** Send a delivery again: `POST /api/webhooks/{webhook_id}/deliveries/{delivery_id}/resend`. */
  resend(webhookId: string, deliveryId: string, options: Post = {}): Promise<types.Delivery> {
    return this.sender.send('POST', pathOf('/api/webhooks/{webhook_id}/deliveries/{delivery_id}/resend', webhookId, deliveryId), { ...options });
  }

  /** Create a new signing secret: `POST /api/webhooks/{webhook_id}/rotate_secret`. */
  rotate(webhookId: string, options: Post = {}): Promise<types.WebhookWithSecret> {
    return this.sender.send('POST', pathOf('/api/webhooks/{webhook_id}/rotate_secret', webhookId), { ...options });
  }

  /** Send a test event: `POST /api/webhooks/{webhook_id}/test`. */
  test(webhookId: string, options: Post = {}): Promise<types.Delivery> {
    return this.sender.send('POST', pathOf('/api/webhooks/{webhook_id}/test', webhookId), { ...options });
  }

}

export class Resources {
  readonly alerts: Alerts;
  readonly calls: Calls;
  readonly directory: Directory;
  readonly events: Events;
  readonly history: History;
  readonly keys: Keys;
  readonly phoneCalls: PhoneCalls;
  readonly push: Push;
  readonly recordings: Recordings;
  readonly rooms: Rooms;
  readonly tokens: Tokens;
  readonly webhooks: Webhooks;

  constructor(sender: Sender) {
    this.alerts = new Alerts(sender);
    this.calls = new Calls(sender);
    this.directory = new Directory(sender);
    this.events = new Events(sender);
    this.history = new History(sender);
    this.keys = new Keys(sender);
    this.phoneCalls = new PhoneCalls(sender);
    this.push = new Push(sender);
    this.recordings = new Recordings(sender);
    this.rooms = new Rooms(sender);
    this.tokens = new Tokens(sender);
    this.webhooks = new Webhooks(sender);
  }
}
