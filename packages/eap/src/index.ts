export * from './eap-authenticator.ts';
export * from './eap-method.ts';
export * from './eap-packet.ts';
export * from './eap-peer.ts';
export * from './eap-type.ts';
export { gtcMethod } from './methods/gtc.ts';
export { md5ChallengeMethod } from './methods/md5-challenge.ts';
export { ntPasswordHash } from './mschapv2/ms-chap-v2.ts';
export { msChapV2Method } from './mschapv2/mschapv2-authenticator.ts';
