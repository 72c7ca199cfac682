/** Shapes of requests and answers, as the OpenAPI document has them. Made by `python -m clients.generate`: do not edit. */

export type EventType =
  | 'alert.raised'
  | 'call.answered'
  | 'call.consult_started'
  | 'call.created'
  | 'call.dtmf'
  | 'call.ended'
  | 'call.expiring'
  | 'call.held'
  | 'call.merged'
  | 'call.muted'
  | 'call.resumed'
  | 'call.ringing'
  | 'call.transfer_failed'
  | 'call.transfer_requested'
  | 'call.transferred'
  | 'call.unmuted'
  | 'call.user_event'
  | 'collect.failed'
  | 'collect.finished'
  | 'collect.paused'
  | 'collect.resumed'
  | 'collect.started'
  | 'denoise.failed'
  | 'denoise.finished'
  | 'denoise.started'
  | 'detect.beep'
  | 'detect.failed'
  | 'detect.finished'
  | 'detect.result'
  | 'detect.started'
  | 'leg.connected'
  | 'leg.ended'
  | 'leg.media_lost'
  | 'leg.quality'
  | 'leg.supervising'
  | 'leg.supervising_ended'
  | 'participant.joined'
  | 'participant.left'
  | 'participant.muted'
  | 'participant.talking'
  | 'participant.unmuted'
  | 'play.failed'
  | 'play.finished'
  | 'play.paused'
  | 'play.resumed'
  | 'play.started'
  | 'project.suspended'
  | 'record.failed'
  | 'record.finished'
  | 'record.paused'
  | 'record.resumed'
  | 'record.started'
  | 'relay.failed'
  | 'relay.finished'
  | 'relay.started'
  | 'room.ended'
  | 'room.started'
  | 'say.failed'
  | 'say.finished'
  | 'say.paused'
  | 'say.resumed'
  | 'say.started'
  | 'stream.failed'
  | 'stream.finished'
  | 'stream.paused'
  | 'stream.resumed'
  | 'stream.started'
  | 'transcribe.failed'
  | 'transcribe.final'
  | 'transcribe.finished'
  | 'transcribe.partial'
  | 'transcribe.started'
  | 'webhook.disabled';

export interface Address {
  id: string;
  /** the subscriber, room or script that it leads to */
  resource_id: string;
  name: string;
  display_name: string;
  type: AddressTypeEnum;
  cover_url: string | null;
  preview_url: string | null;
  locked: boolean;
  channels: AddressChannels;
  created_at: string;
  /** available, busy, dnd or offline; null if the address is not a subscriber's */
  presence?: string | null;
}

export interface AddressChannels {
  /** what to dial */
  audio: string;
  video: string;
  messaging?: string;
}

export type AddressTypeEnum = 'subscriber' | 'room' | 'app';

export interface Addresses {
  links: Links;
  data: Array<Address>;
}

export interface Alert {
  id: string;
  kind: AlertKindEnum;
  /** a mail address or a URL */
  to: string;
  /** quality: MOS (default 3); balance: amount (default 0) */
  threshold: string | null;
  created_at: string;
  /** since when its condition has held */
  raised_at: string | null;
}

export type AlertKindEnum = 'webhook_failing' | 'worker_lost' | 'quality' | 'balance';

export interface Alerts {
  links: Links;
  data: Array<Alert>;
}

export interface Answer {
  /** what a device with an SDP wants to send and receive; by default what the SDP offers */
  media?: MediaWish;
  /** a leg's id, caller, callee or target; only from an API key */
  leg?: string;
  sdp?: string;
  script?: { [name: string]: unknown };
  script_url?: string;
}

export interface Balance {
  limits: BalanceLimits;
  project_id: string;
  /** whether a phone call needs a sufficient balance */
  prepaid: boolean;
  currency: string;
  /** with six decimals */
  balance: string;
  /** reserved for live calls */
  reserved: string;
  available: string;
  spent_today: string;
  live_phone_calls: number;
  suspended_at: string | null;
  suspended_reason: string | null;
}

export interface BalanceLimits {
  concurrent: number | null;
  per_minute: number | null;
  per_day: string | null;
}

export interface Call {
  id: string;
  project_id: string;
  state: CallStateEnum;
  from_name: string | null;
  to: string;
  to_name: string | null;
  kind: CallKindEnum;
  created_at: string;
  ringing_at: string | null;
  answered_at: string | null;
  ended_at: string | null;
  duration_ms: number;
  end_reason: string | null;
  end_cause: string | null;
  ended_by: string | null;
  sip_code: number | null;
  sip_headers: { [name: string]: string };
  consult_of: string | null;
  /** on a supervisor's call: the supervised call */
  supervises: string | null;
  diverted_from: string | null;
  /** an object, or null */
  metadata: unknown;
  legs: Array<Leg>;
  from: string | null;
}

export type CallHandlerEnum = 'default' | 'block-pstn' | 'resource';

export type CallKindEnum = 'subscriber' | 'room' | 'script' | 'pstn' | 'sip';

export type CallStateEnum = 'created' | 'ringing' | 'answered' | 'ended';

export interface Calls {
  links: Links;
  data: Array<Call>;
}

export interface Channels {
  /** a leg's id, caller, callee or target; only from an API key */
  leg?: string;
  channels?: Array<ChannelsEnum>;
}

export type ChannelsEnum = 'audio' | 'video';

export interface Collect {
  /** a leg's id, caller, callee or target; only from an API key */
  leg?: string;
  /** your own name for the operation; generated if omitted */
  control_id?: string;
  max?: number;
  terminators?: string;
  digit_timeout?: number;
  digits?: CollectDigits;
  /** the first words also end the operation; needs a speech worker */
  speech?: CollectSpeech;
  initial_timeout?: number;
  /** only false: collect reports nothing before its end */
  partial_results?: boolean;
  start_input_timers?: boolean;
}

export interface CollectDigits {
  max?: number;
  terminators?: string;
  digit_timeout?: number;
}

export interface CollectSpeech {
  model?: ModelEnum;
  /** such as en-US */
  language?: string;
  hints?: Array<string>;
  end_silence_timeout?: number;
  speech_timeout?: number;
}

export interface ConferenceRoom {
  created_at: string;
  updated_at: string;
  id: string;
  project_id: string;
  display_name: string;
  type: string;
  conference_room: ConferenceRoomBody;
}

export interface ConferenceRoomBody {
  id: string;
  name: string;
  display_name: string;
  description: string;
  max_members: number;
  video: boolean;
  locked: boolean;
  join_muted: boolean;
  entry_tone: boolean;
  record_on_start: boolean;
  /** seconds until an empty room ends */
  empty_timeout: number;
  moderator: ModeratorEnum;
  join_from: string | null;
  join_until: string | null;
  meta: unknown;
  tone_on_entry_and_exit: boolean;
  room_join_video_off: boolean;
  user_join_video_off: boolean;
  enable_room_previews: boolean;
  sync_audio_video: boolean;
  quality: string;
  layout: string;
  remove_at: string | null;
  remove_after_seconds_elapsed: number | null;
}

export interface ConferenceRoomOfResource {
  id: string;
  name: string;
  display_name: string;
  description: string;
  max_members: number;
  video: boolean;
  locked: boolean;
  join_muted: boolean;
  entry_tone: boolean;
  record_on_start: boolean;
  /** seconds until an empty room ends */
  empty_timeout: number;
  moderator: ModeratorEnum;
  join_from: string | null;
  join_until: string | null;
  meta: unknown;
  tone_on_entry_and_exit: boolean;
  room_join_video_off: boolean;
  user_join_video_off: boolean;
  enable_room_previews: boolean;
  sync_audio_video: boolean;
  quality: string;
  layout: string;
  remove_at: string | null;
  remove_after_seconds_elapsed: number | null;
}

export interface ConferenceRooms {
  links: Links;
  data: Array<ConferenceRoom>;
}

export interface Consult {
  /** what a device with an SDP wants to send and receive; by default what the SDP offers */
  media?: MediaWish;
  /** a leg's id, caller, callee or target; only from an API key */
  leg?: string;
  to: string;
  sdp?: string;
}

export type ContextEnum = 'public' | 'private';

export type DebugEnum = 'speaker-events' | 'tokens-played';

export interface Deliveries {
  links: Links;
  data: Array<Delivery>;
}

export interface Delivery {
  id: string;
  webhook_id: string;
  event_id: string;
  event_type: string;
  call_id: string | null;
  status: DeliveryStatusEnum;
  trigger: string;
  tries: number;
  next_at: string | null;
  created_at: string;
  finished_at: string | null;
  attempts: Array<DeliveryAttempt>;
}

export interface DeliveryAttempt {
  at: string;
  /** HTTP status of the receiver's response */
  status: number | null;
  error: string | null;
  duration_ms: number;
  /** the beginning of the receiver's response body */
  answer: string | null;
}

export type DeliveryStatusEnum = 'pending' | 'delivered' | 'parked' | 'cancelled';

export interface Denoise {
  /** a leg's id, caller, callee or target; only from an API key */
  leg?: string;
  /** your own name for the operation; generated if omitted */
  control_id?: string;
}

export interface Detect {
  /** a leg's id, caller, callee or target; only from an API key */
  leg?: string;
  /** your own name for the operation; generated if omitted */
  control_id?: string;
  /** seconds */
  timeout?: number;
  initial_timeout?: number;
  end_silence_timeout?: number;
  machine_voice_threshold?: number;
  machine_words_threshold?: number;
  machine_ready_timeout?: number;
  /** continue until the machine is ready to record a message */
  wait_for_beep?: boolean;
}

export interface Dial {
  /** what a device with an SDP wants to send and receive; by default what the SDP offers */
  media?: MediaWish;
  /** /public/x, /private/x, an extension, +E.164 or sip:user@host */
  to: string;
  /** the device's offer; required with a token */
  sdp?: string;
  /** SWML; an API key sends exactly one of script, script_url and connect */
  script?: { [name: string]: unknown };
  script_url?: string;
  connect?: string;
  caller_id?: string;
  timeout?: number;
  max_duration?: number;
  sip_headers?: { [name: string]: string };
  status_url?: string;
  status_events?: Array<string>;
  metadata?: unknown;
  /** shown if the directory has no name for the caller */
  caller_name?: string;
  /** at most 20; shown in call.incoming and metadata.user_variables */
  user_variables?: { [name: string]: string };
  /** true, detect, detect_message_end, or an object of mode and detect's fields */
  machine_detection?: unknown;
  from?: string;
}

export interface Digits {
  /** a leg's id, caller, callee or target; only from an API key */
  leg?: string;
  /** 1 to 64 of 0-9 A-D * # w , */
  digits: string;
}

export interface Embed {
  id: string;
  /** public; whoever opens the page exchanges it for a guest token */
  token: string;
  name: string;
  address_id: string;
  address: string;
  created_at: string;
}

export interface EmbedFields {
  address_id?: string | null;
  address?: string;
  name?: string;
}

export interface Embeds {
  links: Links;
  data: Array<Embed>;
}

export type EncryptionEnum = 'default' | 'optional' | 'required' | 'disabled';

export interface EndpointFields {
  username: string;
  password?: string;
  caller_id?: string;
  send_as?: string;
  codecs?: Array<string>;
  ciphers?: Array<string>;
  encryption?: EncryptionEnum;
  call_handler?: CallHandlerEnum;
  calling_handler_resource_id?: string | null;
  nat?: boolean;
  subscriber_id?: string | null;
}

export interface Erasure {
  subscriber_id: string;
  state: ErasureStateEnum;
}

export type ErasureStateEnum = 'erasing';

export interface Errors {
  errors: Array<Problem>;
}

export interface Event {
  id: string;
  type: string;
  timestamp: string;
  data: { [name: string]: unknown };
}

export interface Events {
  links: Links;
  data: Array<Event>;
}

export type FormatEnum = 'wav' | 'mp3' | 'ogg';

export interface GatewayFields {
  name: string;
  uri?: string;
  host?: string;
  port?: number;
  transport?: TransportEnum;
  username?: string;
  password?: string;
  realm?: string;
  register?: boolean;
  enabled?: boolean;
  prefixes?: Array<string>;
  priority?: number;
  ip_addresses?: Array<string>;
  names?: Array<string>;
  codecs?: Array<string>;
  ciphers?: Array<string>;
  encryption?: EncryptionEnum;
  caller_id?: string;
  number_policy?: NumberPolicyEnum;
  headers?: { [name: string]: unknown };
  nat?: boolean;
  trust_identity?: boolean;
}

export interface GuestFields {
  allowed_addresses: Array<string>;
  expire_at?: number | string | null;
  display_name?: string;
}

export type HandlerEnum = 'calling' | 'messaging';

export interface History {
  links: Links;
  data: Array<HistoryEntry>;
}

export interface HistoryEntry {
  id: string;
  direction: HistoryEntryDirectionEnum;
  /** the call rang here and was not answered */
  missed: boolean;
  /** false for a missed call until POST /api/history/seen */
  seen: boolean;
  state: string;
  kind: string;
  from: string | null;
  from_name: string | null;
  to: string;
  to_name: string | null;
  created_at: string;
  answered_at: string | null;
  ended_at: string | null;
  duration_ms: number;
  end_reason: string | null;
  end_cause: string | null;
}

export type HistoryEntryDirectionEnum = 'inbound' | 'outbound';

export interface HistorySeen {
  seen_at: string;
}

export interface InviteFields {
  address_id: string;
  expires_at?: number | string | null;
  expire_at?: number | string | null;
}

export interface Key {
  id: string;
  name: string;
  scopes: Array<ScopesEnum>;
  /** the key's first characters */
  hint: string;
  created_at: string;
  /** to the minute */
  last_used_at: string | null;
}

export interface KeyFields {
  name: string;
  scopes: Array<ScopesEnum>;
}

export interface Keys {
  links: Links;
  data: Array<Key>;
}

export interface Leg {
  media: LegMedia;
  id: string;
  role: RoleEnum;
  address: string;
  state: CallStateEnum;
  /** local, remote or null */
  held_by: string | null;
  muted: Array<string>;
  /** SDP; shown only to that leg */
  answer?: string | null;
  end_reason: string | null;
  end_cause: string | null;
  /** only on a supervisor's leg * `listen` - listen * `whisper` - whisper * `barge` - barge */
  mode?: ModeEnum;
  /** on a supervisor's leg: the party that hears a whisper */
  supervised_leg_id?: string | null;
  /** on a supervisor's leg: the supervisor's own call */
  supervising_call_id?: string;
}

export interface LegMedia {
  state: LegMediaStateEnum;
  /** sendrecv, sendonly, recvonly or inactive */
  audio: string;
  video: string;
  codec: string | null;
}

export type LegMediaStateEnum = 'new' | 'connecting' | 'connected' | 'failed' | 'closed';

export interface LegStats {
  leg_id: string;
  role: string;
  codec: string | null;
  samples: Array<{ [name: string]: unknown }>;
}

export interface Links {
  self: string;
  first: string | null;
  next: string | null;
  prev: string | null;
}

export interface Listen {
  /** the supervisor's offer; exactly one of sdp and to */
  sdp?: string;
  /** a subscriber, a phone number or sip:user@host to ring */
  to?: string;
  /** default: listen * `listen` - listen * `whisper` - whisper * `barge` - barge */
  mode?: ModeEnum;
  /** a leg's id, caller, callee or target: the party that hears a whisper */
  leg?: string;
  /** seconds to ring */
  timeout?: number;
}

export interface Log {
  links: Links;
  data: Array<LogEntry>;
}

export interface LogEntry {
  event: Event;
  cursor: string;
}

export interface MediaWish {
  audio?: boolean;
  video?: boolean;
  receive_audio?: boolean;
  receive_video?: boolean;
}

export interface Member {
  leg_id: string;
  call_id: string;
  address: string;
  muted: boolean;
  talking: boolean;
  joined_at: string;
  deaf: boolean;
  /** dB; how loud the other members hear this one */
  volume: number;
}

export interface MemberVerb {
  /** dB, for the verb volume */
  volume?: number;
}

export type ModeEnum = 'listen' | 'whisper' | 'barge';

export type ModelEnum = 'accurate' | 'quick';

export type ModeratorEnum = 'project' | 'subscribers' | 'everyone';

export interface NewAlert {
  kind: AlertKindEnum;
  /** a mail address or a URL */
  to: string;
  /** only for quality and balance; a number, or a string with a number */
  threshold?: string;
}

export interface NewKey {
  id: string;
  name: string;
  scopes: Array<ScopesEnum>;
  /** the key's first characters */
  hint: string;
  created_at: string;
  /** to the minute */
  last_used_at: string | null;
  /** the password of HTTP Basic; shown once */
  key: string;
}

export interface NewPushSubscription {
  keys: PushKeys;
  /** the URL that the browser's push service gave */
  endpoint: string;
  /** accepted and ignored */
  expirationTime?: number | null;
}

export interface NewWebhook {
  url: string;
  /** types like call.ended, or patterns like call.* and * */
  events: Array<string>;
  description?: string;
}

export interface NumberFields {
  number: string;
  name?: string;
  address?: string | null;
  address_id?: string | null;
  subscriber_id?: string | null;
}

export type NumberPolicyEnum = 'own' | 'any';

export interface OfLeg {
  /** a leg's id, caller, callee or target; only from an API key */
  leg?: string;
}

export interface Operation {
  id: string;
  call_id: string;
  leg_id: string | null;
  control_id: string;
  verb: string;
  state: OperationStateEnum;
  result: { [name: string]: unknown };
}

export type OperationStateEnum = 'wanted' | 'running' | 'finished' | 'failed';

export interface PatchedEndpointFields {
  username?: string;
  password?: string;
  caller_id?: string;
  send_as?: string;
  codecs?: Array<string>;
  ciphers?: Array<string>;
  encryption?: EncryptionEnum;
  call_handler?: CallHandlerEnum;
  calling_handler_resource_id?: string | null;
  nat?: boolean;
  subscriber_id?: string | null;
}

export interface PatchedGatewayFields {
  name?: string;
  uri?: string;
  host?: string;
  port?: number;
  transport?: TransportEnum;
  username?: string;
  password?: string;
  realm?: string;
  register?: boolean;
  enabled?: boolean;
  prefixes?: Array<string>;
  priority?: number;
  ip_addresses?: Array<string>;
  names?: Array<string>;
  codecs?: Array<string>;
  ciphers?: Array<string>;
  encryption?: EncryptionEnum;
  caller_id?: string;
  number_policy?: NumberPolicyEnum;
  headers?: { [name: string]: unknown };
  nat?: boolean;
  trust_identity?: boolean;
}

export interface PatchedNumberFields {
  number?: string;
  name?: string;
  address?: string | null;
  address_id?: string | null;
  subscriber_id?: string | null;
}

export interface PatchedRoomFields {
  name?: string;
  display_name?: string;
  description?: string;
  max_members?: number;
  video?: boolean;
  locked?: boolean;
  join_muted?: boolean;
  entry_tone?: boolean;
  record_on_start?: boolean;
  empty_timeout?: number;
  moderator?: ModeratorEnum;
  join_from?: string | null;
  join_until?: string | null;
  meta?: { [name: string]: unknown };
  context?: ContextEnum;
  tone_on_entry_and_exit?: boolean;
  room_join_video_off?: boolean;
  user_join_video_off?: boolean;
  enable_room_previews?: boolean;
  sync_audio_video?: boolean;
  quality?: QualityEnum;
  layout?: string;
  remove_at?: string;
  remove_after_seconds_elapsed?: number | null;
}

export interface PatchedScriptFields {
  name?: string;
  display_name?: string;
  contents?: string | { [name: string]: unknown };
  status_callback_url?: string;
  context?: ContextEnum;
}

export interface PatchedSubscriberFields {
  password?: string;
  first_name?: string;
  last_name?: string;
  display_name?: string;
  job_title?: string;
  timezone?: string;
  time_zone?: string;
  country?: string;
  region?: string;
  company_name?: string;
  email?: string;
  reference?: string;
  extension?: string;
  max_calls?: number | null;
  do_not_disturb?: boolean;
}

export interface PatchedSupervise {
  mode?: ModeEnum;
  /** a leg's id, caller, callee or target: the party that hears a whisper */
  leg?: string;
}

export interface PatchedWebhookChange {
  url?: string;
  /** types like call.ended, or patterns like call.* and * */
  events?: Array<string>;
  description?: string;
  enabled?: boolean;
}

export interface PhoneNumber {
  created_at: string;
  updated_at: string;
  id: string;
  project_id: string;
  /** E.164 */
  number: string;
  name: string;
  /** where inbound calls go */
  address: string | null;
  address_id: string | null;
  /** who may show it as caller id */
  subscriber_id: string | null;
}

export interface PhoneNumbers {
  links: Links;
  data: Array<PhoneNumber>;
}

export interface Play {
  /** a leg's id, caller, callee or target; only from an API key */
  leg?: string;
  /** your own name for the operation; generated if omitted */
  control_id?: string;
  /** dB */
  volume?: number;
  /** 0: forever */
  loop?: number;
  direction?: PlayDirectionEnum;
  play?: Array<PlayItem>;
  /** instead of play: an http URL, say:text, silence:seconds or ring:[seconds:]cc */
  url?: string;
  urls?: Array<string>;
}

export type PlayDirectionEnum = 'listen' | 'speak' | 'both';

export interface PlayItem {
  type: PlayItemTypeEnum;
  params?: PlayItemParams;
}

export interface PlayItemParams {
  /** such as en-US; the instance must be able to speak it */
  language?: string;
  /** female or male */
  gender?: string;
  /** f1 to f5 or m1 to m8; by default, the gender decides */
  voice?: string;
  /** audio: an http or https URL of an audio or video file */
  url?: string;
  /** tts */
  text?: string;
  /** silence, ringtone: seconds */
  duration?: number;
  /** ringtone: a country, such as us */
  name?: string;
}

export type PlayItemTypeEnum = 'audio' | 'tts' | 'silence' | 'ringtone';

export interface Problem {
  type: string;
  /** One of: address_not_allowed, allowed_address_limit_exceeded, already_taken, bad_request, binary_frame, body_too_large, call_id_required, caller_id_not_allowed, control_id_in_use, country_not_allowed, cursor_expired, daily_spend_reached, device_not_yours, emergency_number, frame_too_large, gone, idempotency_key_reused, inline_swml_or_swml_webhook_required, insufficient_balance, insufficient_scope, internal_error, invalid_characters, invalid_codecs_format, invalid_command_attempted, invalid_cursor, invalid_destination, invalid_digits, invalid_frame, invalid_from_number, invalid_json, invalid_parameter, invalid_script, invalid_sdp, invalid_sip_destination, json_too_deep, leg_required, link_expired, mail_unavailable, method_not_allowed, missing_required_parameter, must_belong_to_project, needs_platform_staff, no_fabric_addresses, no_way_for_digits, not_a_refresh_token, not_allowed, not_an_http_url, not_authenticated, not_e164, not_found, not_permitted, not_supported, number_not_allowed, number_not_assigned, page_token_is_invalid, phone_rate_exceeded, price_too_high, project_suspended, rate_limit_exceeded, request_header_fields_too_large, request_in_progress, request_timeout, reserved_custom_variable_name, speech_unavailable, token_expired, token_invalid, token_revoked, too_many_alerts, too_many_calls, too_many_candidates, too_many_custom_variables, too_many_keys, too_many_phone_calls, too_many_webhooks, unauthorized, unavailable, unknown_parameter, unknown_type, unrecognized_fabric_addresses, unsupported_media_type, url_is_unsafe. New ones may be added. */
  code: string;
  message: string;
  attribute: string | null;
  url: string;
  /** the X-Request-Id of the response */
  request_id: string;
}

export interface PushKey {
  /** base64url: an uncompressed point of P-256 */
  key: string;
}

export interface PushKeys {
  /** base64url: 65 bytes, an uncompressed point of P-256 */
  p256dh: string;
  /** base64url: 16 bytes */
  auth: string;
}

export interface PushSubscription {
  endpoint: string;
  created_at: string;
}

export type QualityEnum = '1080p' | '720p';

export type ReasonEnum = 'rejected' | 'busy';

export interface Record {
  /** a leg's id, caller, callee or target; only from an API key */
  leg?: string;
  /** your own name for the operation; generated if omitted */
  control_id?: string;
  direction?: PlayDirectionEnum;
  format?: FormatEnum;
  stereo?: boolean;
  beep?: boolean;
  initial_timeout?: number;
  end_silence_timeout?: number;
  /** seconds */
  max_length?: number;
  terminators?: string;
  /** default: 44; with a higher value, quieter sounds count as speech */
  input_sensitivity?: number;
  /** the same fields, nested as SignalWire has them */
  record?: RecordOptions;
}

export interface RecordAudio {
  direction?: PlayDirectionEnum;
  format?: FormatEnum;
  stereo?: boolean;
  beep?: boolean;
  initial_timeout?: number;
  end_silence_timeout?: number;
  /** seconds */
  max_length?: number;
  terminators?: string;
  /** default: 44; with a higher value, quieter sounds count as speech */
  input_sensitivity?: number;
}

export interface RecordOptions {
  audio?: RecordAudio;
}

export interface Recording {
  id: string;
  call_id: string;
  leg_id: string | null;
  control_id: string;
  state: RecordingStateEnum;
  format: string;
  channels: number;
  duration_ms: number;
  size: number;
  /** signed download, valid for 5 minutes */
  url: string | null;
  transcript: RecordingTranscript | null;
}

export type RecordingStateEnum = 'recording' | 'finished' | 'partial' | 'failed';

export interface RecordingTranscript {
  state: OperationStateEnum;
  control_id: string;
  model: string;
  language: string;
  /** why it failed */
  reason: string | null;
  /** the whole text; not in lists */
  text?: string;
  /** not in lists */
  segments?: Array<TranscriptSegment>;
}

export interface Recordings {
  links: Links;
  data: Array<Recording>;
}

export type RedactEnum = 'digits' | 'card_numbers';

export interface RefreshFields {
  refresh_token: string;
}

export interface Reject {
  /** a leg's id, caller, callee or target; only from an API key */
  leg?: string;
  reason?: ReasonEnum;
}

export interface Relay {
  /** a leg's id, caller, callee or target; only from an API key */
  leg?: string;
  /** your own name for the operation; generated if omitted */
  control_id?: string;
  /** a wss or ws URL of the program */
  url: string;
  /** `customParameters` of `setup` */
  parameters?: { [name: string]: string };
  /** for speech in both directions, such as en-US */
  language?: string;
  tts_language?: string;
  transcription_language?: string;
  /** f1 to f5 or m1 to m8; by default, the gender decides */
  voice?: string;
  gender?: string;
  /** default: the best installed model * `accurate` - accurate * `quick` - quick */
  model?: ModelEnum;
  hints?: Array<string>;
  /** seconds */
  end_silence_timeout?: number;
  welcome_greeting?: string;
  /** default: any * `none` - none * `dtmf` - dtmf * `speech` - speech * `any` - any */
  welcome_greeting_interruptible?: RelayInputEnum;
  /** default: any * `none` - none * `dtmf` - dtmf * `speech` - speech * `any` - any */
  interruptible?: RelayInputEnum;
  /** default: none * `none` - none * `dtmf` - dtmf * `speech` - speech * `any` - any */
  report_input_during_agent_speech?: RelayInputEnum;
  preemptible?: boolean;
  dtmf_detection?: boolean;
  partial_prompts?: boolean;
  redact?: Array<RedactEnum>;
  debug?: Array<DebugEnum>;
}

export type RelayInputEnum = 'none' | 'dtmf' | 'speech' | 'any';

export interface Replay {
  /** a cursor of the event log; an alternative to `since` */
  after?: string;
  since?: string;
}

export interface Replayed {
  replayed: number;
}

export interface Resource {
  created_at: string;
  updated_at: string;
  id: string;
  project_id: string;
  display_name: string;
  type: ResourceTypeEnum;
  subscriber?: SubscriberOfResource;
  conference_room?: ConferenceRoomOfResource;
  swml_script?: SwmlScriptOfResource;
  sip_endpoint?: SipEndpointOfResource;
  sip_gateway?: SipGatewayOfResource;
}

export type ResourceTypeEnum = 'subscriber' | 'video_room' | 'swml_script' | 'sip_endpoint' | 'sip_gateway';

export interface Resources {
  links: Links;
  data: Array<Resource>;
}

export interface RevokeFields {
  jti?: string | null;
  token?: string;
  subscriber_id?: string | null;
}

export interface Revoked {
  revoked: boolean;
}

export type RoleEnum = 'caller' | 'callee' | 'target' | 'supervisor';

export type RoomAnswer = RoomState | Operation;

export interface RoomFields {
  name: string;
  display_name?: string;
  description?: string;
  max_members?: number;
  video?: boolean;
  locked?: boolean;
  join_muted?: boolean;
  entry_tone?: boolean;
  record_on_start?: boolean;
  empty_timeout?: number;
  moderator?: ModeratorEnum;
  join_from?: string | null;
  join_until?: string | null;
  meta?: { [name: string]: unknown };
  context?: ContextEnum;
  tone_on_entry_and_exit?: boolean;
  room_join_video_off?: boolean;
  user_join_video_off?: boolean;
  enable_room_previews?: boolean;
  sync_audio_video?: boolean;
  quality?: QualityEnum;
  layout?: string;
  remove_at?: string;
  remove_after_seconds_elapsed?: number | null;
}

export interface RoomState {
  name: string;
  state: string;
  locked: boolean;
  members: Array<Member>;
}

export interface RoomVerb {
  /** a leg's id, caller, callee or target; only from an API key */
  leg?: string;
  /** your own name for the operation; generated if omitted */
  control_id?: string;
  /** dB */
  volume?: number;
  /** 0: forever */
  loop?: number;
  direction?: PlayDirectionEnum;
  /** such as en-US; the instance must be able to speak it */
  language?: string;
  /** female or male */
  gender?: string;
  /** f1 to f5 or m1 to m8; by default, the gender decides */
  voice?: string;
  play?: Array<PlayItem>;
  /** instead of play: an http URL, say:text, silence:seconds or ring:[seconds:]cc */
  url?: string;
  urls?: Array<string>;
  format?: FormatEnum;
  stereo?: boolean;
  beep?: boolean;
  initial_timeout?: number;
  end_silence_timeout?: number;
  /** seconds */
  max_length?: number;
  terminators?: string;
  /** default: 44; with a higher value, quieter sounds count as speech */
  input_sensitivity?: number;
  /** the same fields, nested as SignalWire has them */
  record?: RecordOptions;
  /** for say */
  text?: string;
}

export interface RouteFields {
  phone_route_id: string;
  handler: HandlerEnum;
}

export interface Say {
  /** a leg's id, caller, callee or target; only from an API key */
  leg?: string;
  /** your own name for the operation; generated if omitted */
  control_id?: string;
  /** dB */
  volume?: number;
  /** 0: forever */
  loop?: number;
  /** such as en-US; the instance must be able to speak it */
  language?: string;
  /** female or male */
  gender?: string;
  /** f1 to f5 or m1 to m8; by default, the gender decides */
  voice?: string;
  text: string;
}

export type ScopesEnum = 'read' | 'call' | 'admin';

export interface ScriptFields {
  name: string;
  display_name?: string;
  contents: string | { [name: string]: unknown };
  status_callback_url?: string;
  context?: ContextEnum;
}

export interface SipEndpoint {
  created_at: string;
  updated_at: string;
  id: string;
  project_id: string;
  display_name: string;
  type: string;
  sip_endpoint: SipEndpointBody;
}

export interface SipEndpointBody {
  id: string;
  username: string;
  caller_id: string;
  send_as: string;
  ciphers: Array<string>;
  codecs: Array<string>;
  encryption: string;
  call_handler: string;
  calling_handler_resource_id: string | null;
  nat: boolean;
  subscriber_id: string;
  /** only in the response that creates it */
  password?: string;
}

export interface SipEndpointOfResource {
  id: string;
  username: string;
  caller_id: string;
  send_as: string;
  ciphers: Array<string>;
  codecs: Array<string>;
  encryption: string;
  call_handler: string;
  calling_handler_resource_id: string | null;
  nat: boolean;
  subscriber_id: string;
  /** only in the response that creates it */
  password?: string;
}

export interface SipEndpoints {
  links: Links;
  data: Array<SipEndpoint>;
}

export interface SipGateway {
  created_at: string;
  updated_at: string;
  id: string;
  project_id: string;
  display_name: string;
  type: string;
  sip_gateway: SipGatewayBody;
}

export interface SipGatewayBody {
  id: string;
  uri: string;
  name: string;
  user: string;
  host: string;
  port: number;
  transport: string;
  username: string;
  realm: string;
  register: boolean;
  enabled: boolean;
  prefixes: Array<string>;
  priority: number;
  ip_addresses: Array<string>;
  names: Array<string>;
  codecs: Array<string>;
  ciphers: Array<string>;
  encryption: string;
  caller_id: string;
  number_policy: string;
  headers: unknown;
  nat: boolean;
  trust_identity: boolean;
  has_password: boolean;
  /** the state of the registration; null if it does not register */
  registration: unknown;
}

export interface SipGatewayOfResource {
  id: string;
  uri: string;
  name: string;
  user: string;
  host: string;
  port: number;
  transport: string;
  username: string;
  realm: string;
  register: boolean;
  enabled: boolean;
  prefixes: Array<string>;
  priority: number;
  ip_addresses: Array<string>;
  names: Array<string>;
  codecs: Array<string>;
  ciphers: Array<string>;
  encryption: string;
  caller_id: string;
  number_policy: string;
  headers: unknown;
  nat: boolean;
  trust_identity: boolean;
  has_password: boolean;
  /** the state of the registration; null if it does not register */
  registration: unknown;
}

export interface SipGateways {
  links: Links;
  data: Array<SipGateway>;
}

export interface Stats {
  call_id: string;
  legs: Array<LegStats>;
}

export interface Stream {
  /** a leg's id, caller, callee or target; only from an API key */
  leg?: string;
  /** your own name for the operation; generated if omitted */
  control_id?: string;
  /** a wss or ws URL */
  url: string;
  track?: StreamTrackEnum;
  name?: string;
  /** PCMU (8 kHz) or L16 (16 kHz) */
  codec?: string;
  custom_parameters?: { [name: string]: string };
  authorization_bearer_token?: string;
  bidirectional?: boolean;
}

export type StreamTrackEnum = 'inbound_track' | 'outbound_track' | 'both_tracks';

export interface Subscriber {
  created_at: string;
  updated_at: string;
  id: string;
  project_id: string;
  display_name: string;
  type: string;
  subscriber: SubscriberBody;
}

export interface SubscriberBody {
  email: string;
  first_name: string;
  last_name: string;
  display_name: string;
  job_title: string;
  country: string;
  region: string;
  company_name: string;
  id: string;
  timezone: string;
  reference: string;
  /** what to dial, such as /private/alice */
  address: string;
  extension: string | null;
  max_calls: number | null;
  do_not_disturb: boolean;
}

export interface SubscriberFields {
  password?: string;
  first_name?: string;
  last_name?: string;
  display_name?: string;
  job_title?: string;
  timezone?: string;
  time_zone?: string;
  country?: string;
  region?: string;
  company_name?: string;
  email?: string;
  reference?: string;
  extension?: string;
  max_calls?: number | null;
  do_not_disturb?: boolean;
}

export interface SubscriberInfo {
  first_name?: string;
  last_name?: string;
  job_title?: string;
  country?: string;
  region?: string;
  company_name?: string;
  email: string;
  display_name: string;
  id: string;
  time_zone?: string;
  extension?: string | null;
  push_notification_key: string;
  fabric_addresses: Array<Address>;
}

export interface SubscriberOfResource {
  email: string;
  first_name: string;
  last_name: string;
  display_name: string;
  job_title: string;
  country: string;
  region: string;
  company_name: string;
  id: string;
  timezone: string;
  reference: string;
  /** what to dial, such as /private/alice */
  address: string;
  extension: string | null;
  max_calls: number | null;
  do_not_disturb: boolean;
}

export interface SubscriberSipEndpoint {
  created_at: string;
  updated_at: string;
  id: string;
  username: string;
  caller_id: string;
  send_as: string;
  ciphers: Array<string>;
  codecs: Array<string>;
  encryption: string;
  call_handler: string;
  calling_handler_resource_id: string | null;
  nat: boolean;
  subscriber_id: string;
  /** only in the response that creates it */
  password?: string;
}

export interface SubscriberSipEndpoints {
  links: Links;
  data: Array<SubscriberSipEndpoint>;
}

export interface SubscriberToken {
  subscriber_id: string;
  /** a Bearer token for REST, sockets and the browser SDKs */
  token: string;
  /** gives a new pair of tokens once, until shortly after the token expires */
  refresh_token: string;
}

export interface Subscribers {
  links: Links;
  data: Array<Subscriber>;
}

export interface SwmlScript {
  created_at: string;
  updated_at: string;
  id: string;
  project_id: string;
  display_name: string;
  type: string;
  swml_script: SwmlScriptBody;
}

export interface SwmlScriptBody {
  id: string;
  name: string;
  display_name: string;
  /** the SWML document, in JSON or YAML */
  contents: string;
  request_url: string | null;
  status_callback_url: string | null;
  status_callback_method: string;
}

export interface SwmlScriptOfResource {
  id: string;
  name: string;
  display_name: string;
  /** the SWML document, in JSON or YAML */
  contents: string;
  request_url: string | null;
  status_callback_url: string | null;
  status_callback_method: string;
}

export interface SwmlScripts {
  links: Links;
  data: Array<SwmlScript>;
}

export interface Token {
  /** a Bearer token for REST, sockets and the browser SDKs */
  token: string;
}

export interface TokenFields {
  password?: string;
  first_name?: string;
  last_name?: string;
  display_name?: string;
  job_title?: string;
  timezone?: string;
  time_zone?: string;
  country?: string;
  region?: string;
  company_name?: string;
  reference: string;
  expire_at?: number | string | null;
  allowed_addresses?: Array<string> | null;
  application_id?: string | null;
  fingerprint?: string;
  scope?: string;
}

export interface TokenPair {
  /** a Bearer token for REST, sockets and the browser SDKs */
  token: string;
  /** gives a new pair of tokens once, until shortly after the token expires */
  refresh_token: string;
}

export interface TradeFields {
  token: string;
}

export interface Transcribe {
  /** a leg's id, caller, callee or target; only from an API key */
  leg?: string;
  /** your own name for the operation; generated if omitted */
  control_id?: string;
  /** default: the best installed model * `accurate` - accurate * `quick` - quick */
  model?: ModelEnum;
  /** such as en-US */
  language?: string;
  hints?: Array<string>;
  /** default: true */
  partial_results?: boolean;
  /** seconds */
  end_silence_timeout?: number;
  redact?: Array<RedactEnum>;
  /** send captions to the devices in the call */
  captions?: boolean;
}

export interface TranscribeRecording {
  /** default: the best installed model * `accurate` - accurate * `quick` - quick */
  model?: ModelEnum;
  /** such as en-US */
  language?: string;
  hints?: Array<string>;
  /** seconds */
  end_silence_timeout?: number;
  redact?: Array<RedactEnum>;
  control_id?: string;
}

export interface TranscriptSegment {
  text: string;
  confidence: number;
  /** since the beginning of the recording */
  start_ms: number;
  end_ms: number;
  /** in a stereo recording: 0 caller, 1 callee */
  channel?: number;
}

export interface Transfer {
  /** a leg's id, caller, callee or target; only from an API key */
  leg?: string;
  to: string;
}

export type TransportEnum = 'udp' | 'tcp' | 'tls';

export interface Webhook {
  id: string;
  url: string;
  events: Array<string>;
  description: string;
  status: WebhookStatusEnum;
  enabled: boolean;
  disabled_at: string | null;
  disabled_reason: string | null;
  failing_since: string | null;
  created_at: string;
}

export type WebhookStatusEnum = 'enabled' | 'disabled';

export interface WebhookWithSecret {
  id: string;
  url: string;
  events: Array<string>;
  description: string;
  status: WebhookStatusEnum;
  enabled: boolean;
  disabled_at: string | null;
  disabled_reason: string | null;
  failing_since: string | null;
  created_at: string;
  /** whsec_…; shown only in this response */
  secret: string;
}

export interface Webhooks {
  links: Links;
  data: Array<Webhook>;
}

export interface Wish {
  volume?: number;
  behavior?: string;
}
