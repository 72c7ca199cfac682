/** A client for Callwright in Node. */
export { Callwright, type Options } from './client.js';
export { ApiError, CallwrightError, InvalidSignature, StreamRefused, Unreachable } from './errors.js';
export type { Post } from './request.js';
export type * from './types.js';
export { verify, type VerifyOptions } from './webhooks.js';
