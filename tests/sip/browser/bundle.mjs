export { default as JsSIP } from 'jssip';
export { UserAgent } from 'sip.js';
export { SessionManager, defaultSessionDescriptionHandlerFactory } from 'sip.js/lib/platform/web/index.js';
