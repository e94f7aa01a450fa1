export * from './address-update.ts';
export * from './initial-requests.ts';
export {
  additionalAddressNotifies,
  addressListNotifies,
  cookie2Notify,
  MAX_COOKIE2_BYTES,
  MIN_COOKIE2_BYTES,
  mobikeSupportedNotify,
  noNatsAllowedNotify,
  updateSaAddressesNotify,
} from './mobike-notify.ts';
export { ipv4BehindNat64, synthesizeNat64, WELL_KNOWN_NAT64_PREFIX } from './nat64.ts';
export * from './path-candidates.ts';
export * from './path-mover.ts';
export * from './path-mover-contract.ts';
export * from './peer-address-set.ts';
export * from './probe-schedule.ts';
export * from './responder-move.ts';
export * from './return-routability.ts';
