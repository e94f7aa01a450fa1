export * from './address-update.ts';
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
export * from './path-candidates.ts';
export * from './peer-address-set.ts';
export * from './return-routability.ts';
