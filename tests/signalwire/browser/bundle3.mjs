export * from 'signalwire-js-3';
