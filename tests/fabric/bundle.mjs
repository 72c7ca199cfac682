export * from '@signalwire/js';
